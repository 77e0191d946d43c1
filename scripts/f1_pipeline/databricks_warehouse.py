"""A Databricks SQL warehouse: where it is, who may use it, and what its errors mean."""

import contextlib
import os
import re
import socket
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

import duckdb
from databricks import sql
from databricks.sdk.core import Config, oauth_service_principal

from f1_pipeline import PipelineError
from f1_pipeline.databricks_connection import DatabricksConnection
from f1_pipeline.warehouse import BRONZE, schema

PATIENCE = 600  # seconds to wait for a warehouse that is starting
REACH = 10  # seconds to wait for the host

# What an error means for the person who reads it.
HINTS = [
    (r"Invalid access token|\b40[13]\b", "look at DATABRICKS_TOKEN"),
    (r"client authentication failed|invalid_client", "look at DATABRICKS_CLIENT_ID and _SECRET"),
    (r"ENDPOINT_NOT_FOUND|\b404\b|RESOURCE_DOES_NOT_EXIST",
     "look at DATABRICKS_HTTP_PATH: the warehouse's page has it under 'Connection details'"),
    (r"NO_SUCH_CATALOG|CATALOG_NOT_FOUND",
     "create the catalog, or set databricks.target to one that exists"),
    (r"PERMISSION_DENIED|INSUFFICIENT_PERMISSIONS", "ask who owns it to grant the privilege"),
    (r"VOLUME_NOT_FOUND", "drop and reload the bronze schema, or create the volume again"),
]  # fmt: skip


class DatabricksWarehouse:
    """The warehouse that DATABRICKS_HOST and DATABRICKS_HTTP_PATH name, as DATABRICKS_TOKEN, or
    DATABRICKS_CLIENT_ID and DATABRICKS_CLIENT_SECRET, allow."""

    def __init__(self, target):
        self.target = target
        self.catalog = f"{target}_f1_data_analytics"
        host, self.path = (needed(f"DATABRICKS_{name}") for name in ("HOST", "HTTP_PATH"))
        self.host = host.rstrip("/") if "://" in host else f"https://{host.rstrip('/')}"
        if not os.environ.get("DATABRICKS_TOKEN"):
            if not os.environ.get("DATABRICKS_CLIENT_ID"):
                needed("DATABRICKS_TOKEN", "or DATABRICKS_CLIENT_ID and DATABRICKS_CLIENT_SECRET")
            needed("DATABRICKS_CLIENT_SECRET")

    @property
    def dbt_environment(self):
        """Environment variables that dbt's profile reads, beside those the user sets."""
        return {"F1_DATABRICKS_HOST": self.host, "F1_DATABRICKS_URI": self.uri}

    @property
    def uri(self):
        return f"{self.host}/{self.path.lstrip('/')}"

    @contextlib.contextmanager
    def connect(self, read_only=False, patience=PATIENCE):  # noqa: ARG002 - DuckDB's has to know
        """Yields a DatabricksConnection; raises PipelineError with what to look at."""
        with tempfile.TemporaryDirectory() as folder, telling():
            self.reach()
            with DatabricksConnection(self, Path(folder), patience) as connection:
                yield connection

    def reach(self):
        """Fail at once where nobody answers: the connector tries for a quarter of an hour."""
        place = urlsplit(self.host)
        try:
            address = place.hostname, place.port or {"http": 80}.get(place.scheme, 443)
            socket.create_connection(address, REACH).close()
        except OSError as error:
            raise PipelineError(
                f"{place.netloc} can't be reached ({error}): look at DATABRICKS_HOST"
            ) from error

    def open(self, folder, patience):
        """A connection of databricks-sql-connector."""
        login = {"access_token": os.environ.get("DATABRICKS_TOKEN")}
        if not login["access_token"]:
            login = {"credentials_provider": self.service_principal}
        return sql.connect(
            server_hostname=self.host,
            http_path=self.path,
            _connection_uri=self.uri,
            catalog=self.catalog,
            staging_allowed_local_path=str(folder),
            enable_telemetry=False,
            _retry_stop_after_attempts_duration=patience,
            _retry_delay_max=5,
            _respect_server_retry_after_header=True,
            **login,
        )

    def service_principal(self):
        name, secret = (os.environ[f"DATABRICKS_CLIENT_{part}"] for part in ("ID", "SECRET"))
        return oauth_service_principal(
            Config(host=self.host, client_id=name, client_secret=secret, auth_type="oauth-m2m")
        )

    def check(self):
        """Yields what works, one line each; raises PipelineError at what does not."""
        with self.connect(patience=REACH) as connection:
            yield f"{self.host} answers, and lets us in"
            connection.run("select 1")
            yield f"the warehouse {self.path} runs statements"
            connection.run(f"show schemas in {self.catalog}")
            yield f"the catalog {self.catalog} is there"
            names = ("default_silver_clean", "default_gold_analytics", "default_seeds")
            for name in (BRONZE, *map(schema, names)):
                connection.run(f"create schema if not exists {name}")
                connection.run(f"create or replace table {name}.f1_check (a int) using delta")
                connection.run(f"drop table {name}.f1_check")
            yield "tables can be made in every schema"
            connection.run(f"create volume if not exists {BRONZE}.staging")
            file = connection.folder / "f1_check.parquet"
            duckdb.execute(f"copy (select 1 as a) to '{file}' (format parquet)")
            connection.put(file, file.name)
            connection.run(f"select * from parquet.`{connection.staged(file.name)}`")
            connection.run(f"remove '{connection.staged(file.name)}'")
            yield f"files can be written to the volume {BRONZE}.staging, read and removed"


def needed(name, alternative=""):
    """An environment variable's value; PipelineError where it is not set."""
    if not os.environ.get(name):
        raise PipelineError(
            f"warehouse: databricks needs the environment variable {name} {alternative}"
        )
    return os.environ[name]


@contextlib.contextmanager
def telling():
    """Turn the connector's errors into one line that says what to do."""
    try:
        yield
    except PipelineError:
        raise
    except Exception as error:  # the SDK's are of many kinds
        if not type(error).__module__.startswith(("databricks", "urllib3", "requests")):
            raise
        context = getattr(error, "context", None) or {}
        text = " ".join(f"{error} {context.get('http-code') or ''}".split())
        secrets = (os.environ.get(f"DATABRICKS_{n}") for n in ("TOKEN", "CLIENT_SECRET"))
        for secret in filter(None, secrets):
            text = text.replace(secret, "***")
        hint = next((hint for pattern, hint in HINTS if re.search(pattern, text, re.I)), None)
        raise PipelineError(
            f"Databricks: {text[:400]}: {hint or 'run again; what was loaded stays loaded'}"
        ) from error
