"""The warehouse behind one small interface: who opens one does not ask which one it is.

A warehouse has `target` and `dbt_environment`, what dbt must know of it; `connect()`, which yields
a connection with `loaded`, `replace_sessions`, `frame` and `optimize`; and `check()`.
"""

import contextlib
import os
from pathlib import Path

import duckdb

from f1_pipeline import PipelineError
from f1_pipeline.endpoints import Endpoint
from f1_pipeline.reader import typed_select
from f1_pipeline.row_checks import check_rows, refusal, unknown_fields


def schema(name):
    """A schema's name in the warehouse; F1_SCHEMA_PREFIX sets a trial's schemas apart."""
    return os.environ.get("F1_SCHEMA_PREFIX", "") + name


BRONZE = schema("bronze_raw")
OWN_COLUMNS = {"_source_file": "VARCHAR", "_file_digest": "VARCHAR", "_loaded_at": "TIMESTAMPTZ"}


def open_warehouse(config):
    """The warehouse the configuration names."""
    if config["warehouse"] == "databricks":
        from f1_pipeline.databricks_warehouse import DatabricksWarehouse  # takes a second

        return DatabricksWarehouse(config["databricks"]["target"])
    return DuckDBWarehouse(os.path.expandvars(config["paths"]["warehouse"]))


class DuckDBWarehouse:
    """A DuckDB file. Connections are short: one process at a time may write."""

    target = "duckdb"

    def __init__(self, path):
        self.path = Path(path)

    @property
    def dbt_environment(self):
        """Environment variables that dbt's profile reads."""
        return {"F1_DUCKDB_PATH": str(self.path.absolute())}

    def check(self):
        """Yields what works, one line each; raises PipelineError at what does not."""
        with self.connect() as connection:
            connection.connection.execute(f"create schema if not exists {BRONZE}")
        yield f"{self.path} can be written"

    @contextlib.contextmanager
    def connect(self, read_only=False):
        """Yields a DuckDBConnection; raises PipelineError where another program holds the file."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            connection = duckdb.connect(str(self.path), read_only=read_only)
        except duckdb.Error as error:
            raise PipelineError(
                f"{self.path} can't be opened: {str(error).splitlines()[0]} "
                "Close the program that holds it and run again"
            ) from error
        with connection:
            connection.execute("set TimeZone = 'UTC'")
            yield DuckDBConnection(connection)


class DuckDBConnection:
    """What the pipeline asks of an open warehouse."""

    def __init__(self, connection):
        self.connection = connection

    def loaded(self, endpoint: Endpoint):
        """What bronze holds: {session_key: (file digest, rows, loaded at in POSIX seconds)}."""
        table, wanted = f"{BRONZE}.{endpoint.table}", endpoint.columns | OWN_COLUMNS
        columns = ", ".join(f"{name} {kind}" for name, kind in wanted.items())
        self.connection.execute(f"create schema if not exists {BRONZE}")
        self.connection.execute(f"create table if not exists {table} ({columns})")
        present = {row[0] for row in self.connection.execute(f"describe {table}").fetchall()}
        if missing := wanted.keys() - present:
            self.connection.begin()
            self.connection.execute(f"update {table} set _file_digest = ''")  # load it anew
            for name in sorted(missing):
                self.connection.execute(f"alter table {table} add column {name} {wanted[name]}")
            self.connection.commit()
        rows = self.connection.execute(
            f"""select session_key, min(_file_digest), count(*), epoch(min(_loaded_at))
                from {table} group by all order by all"""
        ).fetchall()
        return {key: tuple(rest) for key, *rest in rows}

    def replace_sessions(self, endpoint: Endpoint, files, gone, loaded_at):
        """Replace the sessions of the scanned `files` and drop those `gone`, in one transaction.

        `loaded_at` is in POSIX seconds. Returns {session_key: {unknown field: rows}}. Where a file
        is refused it raises PipelineError and changes nothing.
        """
        table, moment = f"{BRONZE}.{endpoint.table}", f"to_timestamp({loaded_at!r})"
        keys = sorted({file.session_key for file in files} | set(gone))
        self.connection.begin()
        try:
            self.connection.execute(f"delete from {table} where session_key in {(*keys, -1)}")
            unknown = {}
            if files:
                self.connection.execute(
                    f"insert into {table} by name "
                    f"select *, {moment} as _loaded_at from ({typed_select(endpoint, files)})"
                )
                new = f"(from {table} where _loaded_at = {moment})"
                unknown = check_rows(self.connection, endpoint, files, new)
            self.connection.commit()
            return unknown
        except duckdb.Error as error:
            self.connection.rollback()
            raise first_refusal(endpoint, files, error) from error
        except PipelineError:
            self.connection.rollback()
            raise

    def frame(self, sql):
        """A query's rows as a pandas DataFrame."""
        return self.connection.execute(sql).df()

    def optimize(self):
        """Give space back; yields what was done."""
        self.connection.execute("checkpoint")
        yield "the file is compacted"


def first_refusal(endpoint, files, error):
    """The refusal of the file that made DuckDB's JSON reader give up."""
    for file in files:
        try:
            unknown_fields(endpoint, file)
            duckdb.execute(f"select max(hash(t)) from ({typed_select(endpoint, [file])}) t")
        except duckdb.Error as own:
            return refusal(endpoint, file, str(own).splitlines()[0])
        except PipelineError as own:
            return own
    return PipelineError(str(error).splitlines()[0])
