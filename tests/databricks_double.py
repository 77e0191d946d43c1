"""A Databricks SQL warehouse on loopback, for tests: the real connector and dbt run against it.

The Thrift service is the one that databricks-sql-connector ships; what it is asked runs on Sail, a
Spark SQL engine without a JVM, over real Delta tables. Nothing is answered without being run: what
neither Sail nor the table below can do is an error. Where Sail is known to be looser or stricter:
CTAS keeps NOT NULL, temporary views are visible to every client session until theirs closes, and
DELETE, UPDATE and MERGE don't say how many rows they changed.
"""

import base64
import contextlib
import hmac
import itertools
import json
import os
import re
import secrets
import shutil
import socket
import tempfile
import threading
import traceback
import urllib.parse
import warnings
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path

import pyarrow as pa
from databricks.sql.thrift_api.TCLIService import TCLIService, ttypes
from deltalake import DeltaTable, Schema
from thrift.protocol.TBinaryProtocol import TBinaryProtocol
from thrift.transport.TTransport import TMemoryBuffer, TTransportException

CATALOGS = ("dev_f1_data_analytics", "stage_f1_data_analytics", "prod_f1_data_analytics", "main")
NAME = r"(?:`[^`]+`|\w+)(?:\.(?:`[^`]+`|\w+)){0,2}"
VOLUME_PATH = r"'(?P<path>/Volumes/[^']+)'"

# What the double answers itself: statement, method, reason. All else is Sail's.
ANSWERED = [
    (r"use catalog (?P<catalog>{NAME})", "use", "the namespace is each client session's own"),
    (r"use (?:schema |database )?(?P<schema>{NAME})", "use", "the same"),
    (r"create volume (?P<maybe>if not exists )?(?P<name>{NAME})", "create_volume", "no volumes"),
    (r"drop volume (?P<maybe>if exists )?(?P<name>{NAME})", "drop_volume", "no volumes"),
    (r"show volumes (?:in|from) (?P<name>{NAME})", "show_volumes", "no volumes"),
    (r"desc(?:ribe)? volume (?P<name>{NAME})", "describe_volume", "no volumes"),
    (r"put '(?P<local>[^']+)' into {PATH}(?P<over> overwrite)?", "put", "no volumes"),
    (r"get {PATH} to '(?P<local>[^']+)'", "get", "no volumes"),
    (r"remove {PATH}", "remove", "no volumes"),
    (r"list {PATH}", "list_files", "no volumes"),
    (r"desc(?:ribe)? table extended (?P<name>{NAME}) as json", "describe_json", "not in Sail"),
    (
        r"desc(?:ribe)? (?:table )?(?P<extended>extended )?(?P<name>(?!query\b|schema\b){NAME})",
        "describe",
        "Sail's catalog does not see columns that were added; the Delta log does",
    ),
    (r"show tblproperties (?P<name>{NAME})", "show_tblproperties", "not in Sail"),
    (r"show (?:schemas|databases)(?P<rest>.*)", "show_schemas", "Sail names the columns otherwise"),
    (r"show views(?P<rest>.*)", "show_views", "Sail names the columns otherwise"),
    (r"alter table (?P<name>{NAME}) add columns? (?P<columns>.+)", "add_columns", "not in Sail"),
    (r"optimize (?P<name>{NAME})", "optimize", "not in Sail; done over the Delta log"),
    (r"vacuum (?P<name>{NAME})(?: retain (?P<hours>\d+) hours)?", "vacuum", "the same"),
]
# Views of a catalog that Sail has none of: made of its real catalog whenever a query reads them.
# The empty ones are true: a statement that would fill them is an error here.
INFORMATION_SCHEMA = {
    "schemata": "catalog_name schema_name",
    "tables": "table_catalog table_schema table_name table_type data_source_format table_owner "
    "comment storage_path",
    "views": "table_catalog table_schema table_name view_definition",
    "columns": "table_catalog table_schema table_name column_name ordinal_position is_nullable "
    "full_data_type data_type comment",
    "volumes": "volume_catalog volume_schema volume_name volume_type",
    "row_filters": "table_catalog table_schema table_name filter_name target_columns",
    "column_masks": "table_catalog table_schema table_name column_name mask_name using_columns",
    "table_tags": "catalog_name schema_name table_name tag_name tag_value",
    "column_tags": "catalog_name schema_name table_name column_name tag_name tag_value",
    "table_constraints": "constraint_catalog constraint_schema constraint_name table_catalog "
    "table_schema table_name constraint_type",
    "key_column_usage": "constraint_catalog constraint_schema constraint_name table_catalog "
    "table_schema table_name column_name ordinal_position position_in_unique_constraint",
    "referential_constraints": "constraint_catalog constraint_schema constraint_name "
    "unique_constraint_catalog unique_constraint_schema unique_constraint_name",
}
# Sail's messages as Databricks' error classes and SQL states.
ERRORS = [
    (r"(Table|View) not found|TABLE_OR_VIEW_NOT_FOUND", "TABLE_OR_VIEW_NOT_FOUND", "42P01"),
    (r"Database not found", "SCHEMA_NOT_FOUND", "42704"),
    (r"Catalog not found", "NO_SUCH_CATALOG_EXCEPTION", "42704"),
    (r"Database already exists", "SCHEMA_ALREADY_EXISTS", "42P06"),
    (r"already exists", "TABLE_OR_VIEW_ALREADY_EXISTS", "42P07"),
    (r"non-empty database", "SCHEMA_NOT_EMPTY", "2BP01"),
    (r"cannot resolve attribute", "UNRESOLVED_COLUMN.WITH_SUGGESTION", "42703"),
    (r"divide by zero", "DIVIDE_BY_ZERO", "22012"),
    (r"Cannot cast string", "CAST_INVALID_INPUT", "22018"),
    (r"NOT NULL constraint violated", "DELTA_NOT_NULL_CONSTRAINT_VIOLATED", "23502"),
    (r"invalid argument: found .* expected", "PARSE_SYNTAX_ERROR", "42601"),
]
# The privilege a statement needs and on how many parts of the name it needs it.
PRIVILEGES = [
    (rf"^create schema (?:if not exists )?({NAME})", "CREATE SCHEMA", "schema", 1),
    (rf"^create volume (?:if not exists )?({NAME})", "CREATE VOLUME", "table", 2),
    (
        rf"^create (?:or replace )?(?:table|view) (?:if not exists )?({NAME})",
        "CREATE TABLE",
        "table",
        2,
    ),
    (
        rf"^(?:insert (?:into|overwrite)(?: table)?|delete from|update|merge into|alter table"
        rf"|optimize|vacuum) ({NAME})",
        "MODIFY",
        "table",
        3,
    ),
    (r"^(?:put .* into|remove) '/Volumes/([^']+)'", "WRITE VOLUME", "volume", 3),
    (r"(?<!into )['`]/Volumes/([^'`]+)['`]", "READ VOLUME", "volume", 3),
    (rf"\b(?:from|join) ({NAME})", "SELECT", "table", 3),
]
# Arrow's types, without their parameters, as Thrift's.
KINDS = {
    "bool": "BOOLEAN",
    "int8": "TINYINT",
    "int16": "SMALLINT",
    "int32": "INT",
    "int64": "BIGINT",
}
KINDS |= {"float": "FLOAT", "double": "DOUBLE", "decimal128": "DECIMAL", "date32": "DATE"}
KINDS |= {"timestamp": "TIMESTAMP", "string": "STRING", "binary": "BINARY", "null": "NULL"}
KINDS |= {"list": "ARRAY", "map": "MAP", "struct": "STRUCT"}
SUCCESS = ttypes.TStatus(statusCode=ttypes.TStatusCode.SUCCESS_STATUS)
IGNORED_SETTINGS = {"spark.thriftserver.arrowBasedRowSet.timestampAsString", "QUERY_TAGS"}


class SqlError(Exception):
    """A statement's failure, with the error class and SQL state Databricks gives it."""

    def __init__(self, error_class, message, state=None):
        super().__init__(f"[{error_class}] {message}" + (f" SQLSTATE: {state}" if state else ""))
        self.state = state


class Dropped(TTransportException):
    """The client's connection ends without an answer: the one error the processor lets through."""


class Session:
    """What a client session has for itself."""

    def __init__(self, number, catalog, schema):
        self.number, self.catalog, self.schema, self.views = number, catalog, schema, set()


class DatabricksDouble:
    """The warehouse; `with DatabricksDouble() as double:` serves at `double.url`.

    Settable at any time: `starting` (answer 503 that often), `drop_before` and `drop_after`
    (predicates of a statement's text: end the connection before, or after, it ran; once each),
    `drop_put` (end the connection within the next upload), `denied` (pairs of a privilege and a
    securable, such as ("CREATE SCHEMA", "main") or ("WRITE VOLUME", "main.default.staging")).
    `statements` lists (session number, text) of all that ran.
    """

    def __init__(self, catalogs=CATALOGS):
        self.catalogs = catalogs
        self.token, self.client_id, self.client_secret = "dapi-double", "double", "secret"
        self.tokens = {self.token}
        self.starting, self.drop_put, self.denied = 0, False, set()
        self.drop_before = self.drop_after = None
        self.statements, self.sessions, self.results, self.presigned = [], {}, {}, {}
        self.lock, self.numbers = threading.RLock(), itertools.count(1)

    def __enter__(self):
        with contextlib.ExitStack() as stack, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # pyspark's, on pandas 3
            self.folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            self.spark = stack.enter_context(sail(self.catalogs, self.folder / "tables"))
            self.server = ThreadingHTTPServer(("127.0.0.1", 0), Http)
            self.server.double, self.server.daemon_threads = self, True
            stack.callback(self.server.server_close)
            threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
            stack.callback(self.server.shutdown)
            self.host = f"http://127.0.0.1:{self.server.server_port}"
            self.url = f"{self.host}/sql/1.0/warehouses/double"
            self.stack = stack.pop_all()
        return self

    def __exit__(self, *_):
        self.stack.close()

    # Statements

    def run(self, session, text, parameters=()):
        """Run a statement; returns (Arrow table, whether it is a staging operation)."""
        comments = r"\A(\s*/\*.*?\*/|\s*--[^\n]*\n)+"
        sql = re.sub(comments, "", text, flags=re.S).strip().rstrip("; \n")
        with self.lock:
            self.end_connection("drop_before", text)
            self.statements.append((session.number, text))
            line = re.sub(r"\s+", " ", sql)
            self.check_privileges(session, line)
            for pattern, method, _ in ANSWERED:
                pattern = pattern.replace("{NAME}", NAME).replace("{PATH}", VOLUME_PATH)
                if found := re.fullmatch(pattern, line, re.I):
                    answer = getattr(self, method)(session, **found.groupdict())
                    break
            else:
                answer = self.run_on_sail(session, sql, parameters)
            self.end_connection("drop_after", text)
        return answer, bool(re.match(r"(put|get|remove)\b", line, re.I))

    def end_connection(self, fault, text):
        predicate = getattr(self, fault)
        if predicate and predicate(text):
            setattr(self, fault, None)
            raise Dropped(message=fault)

    def check_privileges(self, session, line):
        for pattern, privilege, kind, depth in PRIVILEGES if self.denied else ():
            for name in re.findall(pattern, line, re.I):
                parts = name.split("/")[:3] if kind == "volume" else self.parts(session, name, kind)
                needed = [(privilege, parts[:depth]), ("USE CATALOG", parts[:1])]
                needed += [("USE SCHEMA", parts[:2])] * (kind != "schema")
                for need, securable in needed:
                    if (need, ".".join(securable)) in self.denied:
                        kinds = "Catalog", "Schema", "Volume" if kind == "volume" else "Table"
                        message = (
                            f"Unauthorized access: PERMISSION_DENIED: User does not have {need} "
                            f"on {kinds[len(securable) - 1]} '{'.'.join(securable)}'."
                        )
                        raise SqlError("UNAUTHORIZED_ACCESS", message, "42501")

    def parts(self, session, name, kind="table"):
        """Catalog, schema and table of a name as the session means it, in lower case."""
        parts = [part.strip("`").lower() for part in re.findall(r"`[^`]+`|\w+", name)]
        missing = (3 if kind == "table" else 2) - len(parts)
        return [session.catalog, session.schema][:missing] + parts

    def run_on_sail(self, session, sql, parameters=()):
        views = []

        def view(frame):
            views.append(f"double_view_{next(self.numbers)}")
            frame.createOrReplaceTempView(views[-1])
            return views[-1]

        try:
            sql = re.sub(
                r"`?(?P<catalog>\w+)`?\.`?information_schema`?\.`?(?P<view>\w+)`?",
                lambda m: view(self.information_schema(**m.groupdict())),
                sql,
                flags=re.I,
            )
            sql = re.sub(
                r"\bread_files\s*\(((?:[^()']|'[^']*'|\([^()]*\))*)\)",
                lambda m: view(self.read_files(m[1])),
                sql,
                flags=re.I,
            )
            sql = re.sub(
                r"\bparquet\.`(/Volumes/[^`]+)`",
                lambda m: view(self.read_parquet(m[1])),
                sql,
                flags=re.I,
            )
            self.check_replaced(session, sql)
            self.sail(f"use catalog `{session.catalog}`")
            self.sail(f"use schema `{session.schema}`")
            found = self.sail(sql, parameters)
        finally:
            for name in views:
                self.spark.catalog.dropTempView(name)
        words = sql.lower().split()
        made = rf"create (?:or replace )?temp(?:orary)? view ({NAME})"
        if temporary := re.match(made, " ".join(words)):
            session.views.add(temporary[1].strip("`"))
        if words[:2] == ["drop", "schema"]:
            catalog, schema = self.parts(session, words[2 + 2 * (words[2] == "if")], "schema")
            shutil.rmtree(self.folder / "Volumes" / catalog / schema, ignore_errors=True)
        if found.column_names == ["value"] and words[0] in ("create", "drop", "alter"):
            return pa.table({})
        if found.column_names == ["count"] and words[0] in ("create", "insert"):
            return found.append_column("num_inserted_rows", found["count"]).rename_columns(
                ["num_affected_rows", "num_inserted_rows"]
            )
        if words[0] in ("delete", "update", "merge"):
            return pa.table({"num_affected_rows": pa.array([None], pa.int64())})
        return found

    def sail(self, sql, parameters=()):
        """Run a statement on Sail as it is; raises SqlError."""
        from pyspark.sql import functions

        def value(parameter):
            if parameter.arguments:
                raise SqlError("DOUBLE", "the double takes no array or map as a parameter")
            text = parameter.value and parameter.value.stringValue
            return functions.lit(text).cast("string" if text is None else parameter.type.lower())

        named = {p.name: value(p) for p in parameters if p.name}
        try:
            return self.spark.sql(sql, args=named or [value(p) for p in parameters]).toArrow()
        except SqlError:
            raise
        except Exception as error:  # of pyspark's many
            message = str(error)
            for pattern, error_class, state in ERRORS:
                if re.search(pattern, message):
                    raise SqlError(error_class, message, state) from error
            raise SqlError(type(error).__name__, f"Sail: {message}") from error

    def rows(self, sql):
        return self.sail(sql).to_pylist()

    def check_replaced(self, session, sql):
        """Refuse rows outside of the replaced range, which Sail would write."""
        insert = rf"insert\s+into\s+(?:table\s+)?({NAME})\s+replace\s+where\s+(.+?)"
        if found := re.fullmatch(rf"{insert}\s((?:select|with)\s.*)", sql, re.I | re.S):
            name, where, query = found.groups()
            names = ", ".join(f"`{column.name}`" for column in self.columns(session, name))
            self.sail(f"use catalog `{session.catalog}`")
            self.sail(f"use schema `{session.schema}`")
            outside = f"select * from ({query}) as q({names}) where not coalesce({where}, false)"
            if self.rows(f"{outside} limit 1"):
                raise SqlError(
                    "DELTA_REPLACE_WHERE_MISMATCH",
                    f"Written data does not conform to partial table overwrite condition '{where}'",
                    "44000",
                )

    # Files

    def read_files(self, arguments):
        """The files as a frame; without a schema also what Databricks adds, `_rescued_data`."""
        from pyspark.sql import functions

        path, *options = re.findall(r"(?:\w+\s*=>\s*)?'[^']*'", arguments)
        options = dict(re.fullmatch(r"(\w+)\s*=>\s*'([^']*)'", o).groups() for o in options)
        if re.sub(r"(?:\w+\s*=>\s*)?'[^']*'|[\s,]", "", arguments) or "=>" in path:
            raise SqlError("DOUBLE", f"read_files({arguments}) is more than the double knows")
        options = {name.lower(): value for name, value in options.items()}
        if options.pop("format", "").lower() != "parquet" or set(options) - {"schema"}:
            raise SqlError("DOUBLE", "read_files: the double knows format => 'parquet' and schema")
        frame = self.read_parquet(path.strip("'"), options.get("schema"))
        if "schema" not in options:
            frame = frame.withColumn("_rescued_data", functions.lit(None).cast("string"))
        return frame

    def read_parquet(self, path, schema=None):
        patterns = [str(self.stored(path).relative_to(self.folder))]
        while any("{" in pattern for pattern in patterns):  # Hadoop's {a,b}, which glob has not
            patterns = [
                re.sub(r"\{[^{}]*\}", lambda _, choice=choice: choice, pattern, count=1)
                for pattern in patterns
                for choice in re.search(r"\{([^{}]*)\}", pattern)[1].split(",")
            ]
        found = [path for p in patterns for path in self.folder.glob(p)]
        files = [f for p in found for f in (sorted(p.rglob("*")) if p.is_dir() else [p])]
        files = [str(f) for f in files if f.is_file() and not f.name.startswith(("_", "."))]
        if not files:
            raise SqlError("PATH_NOT_FOUND", f"Path does not exist: {path}.", "42K03")
        reader = self.spark.read.format("parquet")
        return (reader.schema(schema) if schema else reader).load(sorted(set(files)))

    def stored(self, path):
        """Where a volume's path lies; raises where the volume does not exist."""
        volume = path.split("/")[2:5]
        place = self.folder / path.lstrip("/")
        if len(volume) < 3 or not self.folder.joinpath("Volumes", *volume).is_dir():
            message = f"Volume {'.'.join(volume)} does not exist."
            raise SqlError("UC_VOLUME_NOT_FOUND", message, "42704")
        if ".." in place.parts:
            raise SqlError("INVALID_PATH", path)
        return place

    def presign(self, method, path, local=""):
        """The row a client follows: an address anyone who knows it may use once."""
        key = secrets.token_urlsafe(16)
        self.presigned[method, f"/presigned/{key}"] = path
        operation = "REMOVE" if method == "DELETE" else method
        row = {"operation": operation, "localFile": local}
        row |= {"presignedUrl": f"{self.host}/presigned/{key}", "headers": "{}"}
        return pa.Table.from_pylist([row])

    def put(self, _, local, path, over):
        if self.stored(path).exists() and not over:
            raise SqlError("FILE_ALREADY_EXISTS", f"{path} exists; add OVERWRITE", "42710")
        return self.presign("PUT", self.stored(path), local)

    def get(self, _, path, local):
        return self.presign("GET", self.stored(path), local)

    def remove(self, _, path):
        return self.presign("DELETE", self.stored(path))

    def list_files(self, _, path):
        rows = [
            {
                "path": f"{path.rstrip('/')}/{found.name}",
                "name": found.name,
                "size": found.stat().st_size,
                "modification_time": datetime.fromtimestamp(found.stat().st_mtime, UTC),
            }
            for found in sorted(self.stored(path).iterdir())
        ]
        kinds = pa.string(), pa.string(), pa.int64(), pa.timestamp("us", "UTC")
        names = "path", "name", "size", "modification_time"
        return pa.Table.from_pylist(rows, pa.schema(zip(names, kinds, strict=True)))

    # Volumes

    def volume(self, session, name):
        catalog, schema, volume = self.parts(session, name)
        self.sail(f"show tables in `{catalog}`.`{schema}`")  # raises where there is none
        return self.folder / "Volumes" / catalog / schema / volume

    def create_volume(self, session, maybe, name):
        place = self.volume(session, name)
        if place.exists() and not maybe:
            raise SqlError("VOLUME_ALREADY_EXISTS", f"Volume {name} already exists.", "42000")
        place.mkdir(parents=True, exist_ok=True)
        return pa.table({})

    def drop_volume(self, session, maybe, name):
        place = self.volume(session, name)
        if not maybe:
            self.stored(f"/{place.relative_to(self.folder)}")
        shutil.rmtree(place, ignore_errors=bool(maybe))
        return pa.table({})

    def show_volumes(self, session, name):
        catalog, schema = self.parts(session, name, "schema")
        place = self.volume(session, f"{catalog}.{schema}.x").parent
        names = sorted(p.name for p in place.iterdir()) if place.exists() else []
        schemas = pa.array([schema] * len(names), pa.string())
        return pa.table({"database": schemas, "volume_name": pa.array(names, pa.string())})

    def describe_volume(self, session, name):
        place = self.volume(session, name)
        self.stored(f"/{place.relative_to(self.folder)}")
        catalog, schema, volume = place.parts[-3:]
        row = {"name": volume, "catalog": catalog, "database": schema, "volumeType": "MANAGED"}
        return pa.Table.from_pylist([row])

    # Tables

    def use(self, session, catalog=None, schema=None):
        if catalog:
            wanted = catalog.strip("`").lower(), "default"
        else:
            wanted = self.parts(session, schema, "schema")
        self.sail(f"use catalog `{wanted[0]}`")
        self.sail(f"use schema `{wanted[1]}`")
        session.catalog, session.schema = wanted
        return pa.table({})

    def relations(self, catalog=None):
        """A dict for each table and view: what Sail's catalog says of it, by Sail's own words."""
        for name in [catalog] if catalog else self.catalogs:
            for schema in self.rows(f"show schemas in `{name}`"):
                place = f"`{name}`.`{schema['name']}`"
                for found in self.rows(f"show table extended in {place} like '*'"):
                    lines = found["information"].partition("\nSchema:")[0].splitlines()
                    about = dict(line.partition(": ")[::2] for line in lines if ": " in line)
                    if not found["isTemporary"]:
                        yield about | {"Catalog": name}

    def relation(self, session, name):
        wanted = self.parts(session, name)
        for found in self.relations(wanted[0]):
            if [found["Catalog"], found["Database"], found["Table"]] == wanted:
                return found
        raise SqlError("TABLE_OR_VIEW_NOT_FOUND", f"{name} cannot be found.", "42P01")

    def delta(self, session, name):
        return DeltaTable(self.relation(session, name)["Location"])

    def columns(self, session, name):
        """The columns by the Delta log, or by the query of a view, as pyspark's StructFields."""
        self.sail(f"use catalog `{session.catalog}`")
        self.sail(f"use schema `{session.schema}`")
        self.sail(f"select * from {name} limit 0")  # its error is the better one
        return self.spark.table(name).schema.fields

    def describe(self, session, name, extended):
        columns = self.columns(session, name)
        rows = self.rows(f"describe table extended {name}")
        said = {row["col_name"]: row["comment"] for row in reversed(rows)}
        about = itertools.dropwhile(lambda r: r["col_name"] and r["col_name"][0] != "#", rows)
        rest = list(about)
        if not extended:
            rest = list(itertools.takewhile(lambda r: r["col_name"], rest))
        described = [(c.name, c.dataType.simpleString(), said.get(c.name)) for c in columns]
        described += [tuple(row.values()) for row in rest]
        texts = [pa.array(values, pa.string()) for values in zip(*described, strict=True)]
        return pa.Table.from_arrays(texts, ["col_name", "data_type", "comment"])

    def describe_json(self, session, name):
        fields = self.columns(session, name)
        temporary = {"Table": name.strip("`"), "Catalog": None, "Database": None, "Type": "VIEW"}
        about = temporary if temporary["Table"] in session.views else self.relation(session, name)
        columns = [
            {"name": c.name, "type": json_type(c.dataType.jsonValue()), "nullable": c.nullable}
            for c in fields
        ]
        found = {
            "table_name": about["Table"],
            "catalog_name": about["Catalog"],
            "schema_name": about["Database"],
            "columns": columns,
            "type": about["Type"],
            "comment": about.get("Comment"),
            "view_text": about.get("View Text"),
            "provider": about.get("Provider"),
            "location": about.get("Location"),
        }
        if about["Type"] != "VIEW":
            delta = self.delta(session, name)
            found["partition_columns"] = delta.metadata().partition_columns
            found["table_properties"] = self.properties(session, name)
        found = {name: value for name, value in found.items() if value is not None}
        return pa.table({"json_metadata": [json.dumps(found)]})

    def properties(self, session, name):
        about = self.relation(session, name)
        set_here = about.get("Table Properties", "").strip("[]")
        found = dict(pair.split("=", 1) for pair in set_here.split(", ") if pair)
        if about["Type"] != "VIEW":
            found |= self.delta(session, name).metadata().configuration
        return found

    def show_tblproperties(self, session, name):
        found = self.properties(session, name)
        keys, values = pa.array(found.keys(), pa.string()), pa.array(found.values(), pa.string())
        return pa.table({"key": keys, "value": values})

    def show_schemas(self, session, rest):
        rest = rest if re.search(r"\b(in|from)\b", rest, re.I) else f" in `{session.catalog}`{rest}"
        return self.sail(f"show schemas{rest}").select([0]).rename_columns(["databaseName"])

    def show_views(self, session, rest):
        rest = rest or f" in `{session.catalog}`.`{session.schema}`"
        rows = [row for row in self.rows(f"show views{rest}") if not row["isTemporary"]]
        columns = {
            "namespace": pa.array([row["namespace"][-1] for row in rows], pa.string()),
            "viewName": pa.array([row["tableName"] for row in rows], pa.string()),
            "isTemporary": pa.array([False] * len(rows), pa.bool_()),
        }
        return pa.table(columns | {"isMaterialized": columns["isTemporary"]})

    def add_columns(self, session, name, columns):
        added = self.spark.createDataFrame([], columns.removeprefix("(").removesuffix(")"))
        there = {column.name.lower() for column in self.columns(session, name)}
        for column in added.columns:
            if column.lower() in there:
                raise SqlError("FIELD_ALREADY_EXISTS", f"Cannot add column {column}.", "42710")
        fields = [field.with_nullable(True) for field in added.toArrow().schema]
        self.delta(session, name).alter.add_columns(Schema.from_arrow(pa.schema(fields)).fields)
        return pa.table({})

    def optimize(self, session, name):
        metrics = self.delta(session, name).optimize.compact()
        kept = {key: metrics[key] for key in ("numFilesAdded", "numFilesRemoved")}
        place = self.relation(session, name)["Location"]
        return pa.Table.from_pylist([{"path": place, "metrics": kept}])

    def vacuum(self, session, name, hours):
        self.delta(session, name).vacuum(int(hours) if hours else None, dry_run=False)
        return pa.table({"path": [self.relation(session, name)["Location"]]})

    def information_schema(self, catalog, view):
        """One of the views as a frame; that of a catalog shows that catalog only."""
        if view.lower() not in INFORMATION_SCHEMA:
            raise SqlError("TABLE_OR_VIEW_NOT_FOUND", f"information_schema.{view}", "42P01")
        view, rows = view.lower(), []
        catalogs = self.catalogs if catalog.lower() == "system" else [catalog]
        for name in catalogs if view == "schemata" else ():
            rows += [(name, found["name"]) for found in self.rows(f"show schemas in `{name}`")]
        if view == "volumes":
            found = (self.folder / "Volumes").glob("*/*/*")
            rows = [(*p.parts[-3:], "MANAGED") for p in found if p.parts[-3] in catalogs]
        for about in (a for c in catalogs for a in self.relations(c)):
            key = about["Catalog"], about["Database"], about["Table"]
            if view == "tables":
                provider = about.get("Provider", "").upper() or None
                kind = "MANAGED" if provider else "VIEW"
                rest = about.get("Comment"), about.get("Location")
                rows.append((*key, kind, provider, "double", *rest))
            elif view == "views" and about["Type"] == "VIEW":
                rows.append((*key, about.get("View Text")))
            elif view == "columns":
                session = Session(0, *key[:2])
                quoted = ".".join(f"`{part}`" for part in key)
                for place, column in enumerate(self.columns(session, quoted)):
                    kind = column.dataType.simpleString()
                    nullable = "YES" if column.nullable else "NO"
                    rows.append((*key, column.name, str(place), nullable, kind, kind.upper(), None))
        names = INFORMATION_SCHEMA[view].split()
        return self.spark.createDataFrame(rows, ", ".join(f"{name} string" for name in names))

    # Thrift

    def OpenSession(self, request):
        for name in set(request.configuration or {}) - IGNORED_SETTINGS:
            raise SqlError("DOUBLE", f"the double does not know the setting {name}")
        space = request.initialNamespace or ttypes.TNamespace()
        session = Session(
            next(self.numbers), space.catalogName or self.catalogs[0], space.schemaName or "default"
        )
        guid, secret = secrets.token_bytes(16), secrets.token_bytes(16)
        handle = ttypes.THandleIdentifier(guid=guid, secret=secret)
        self.sessions[handle.guid] = session
        return ttypes.TOpenSessionResp(
            status=SUCCESS,
            serverProtocolVersion=ttypes.TProtocolVersion.SPARK_CLI_SERVICE_PROTOCOL_V7,
            sessionHandle=ttypes.TSessionHandle(sessionId=handle),
            initialNamespace=space,
            canUseMultipleCatalogs=True,
        )

    def CloseSession(self, request):
        with self.lock:
            session = self.sessions.pop(request.sessionHandle.sessionId.guid, None)
            for view in session.views if session else ():
                self.sail(f"drop view if exists {view}")
        return ttypes.TCloseSessionResp(status=SUCCESS)

    def ExecuteStatement(self, request):
        session = self.sessions.get(request.sessionHandle.sessionId.guid)
        if not session:
            invalid = ttypes.TStatusCode.INVALID_HANDLE_STATUS
            status = ttypes.TStatus(statusCode=invalid, errorMessage="Invalid SessionHandle")
            return ttypes.TExecuteStatementResp(status=status)
        guid = secrets.token_bytes(16)
        handle = ttypes.TOperationHandle(
            operationId=ttypes.THandleIdentifier(guid=guid, secret=secrets.token_bytes(16)),
            operationType=ttypes.TOperationType.EXECUTE_STATEMENT,
            hasResultSet=True,
        )
        try:
            self.results[guid] = self.run(session, request.statement, request.parameters or ())
        except Dropped:
            raise
        except SqlError as error:
            self.results[guid] = error
        except Exception as error:  # told to the test, where the client shows it
            traceback.print_exc()
            self.results[guid] = SqlError("DOUBLE", f"the double itself failed: {error!r}")
        response = ttypes.TExecuteStatementResp(status=SUCCESS, operationHandle=handle)
        if request.getDirectResults:
            operation = ttypes.TGetOperationStatusReq(operationHandle=handle)
            failed = isinstance(self.results[guid], SqlError)
            response.directResults = ttypes.TSparkDirectResults(
                operationStatus=self.GetOperationStatus(operation),
                resultSetMetadata=None if failed else self.GetResultSetMetadata(operation),
                resultSet=None if failed else self.FetchResults(operation),
                closeOperation=self.CloseOperation(operation),
            )
        return response

    def GetOperationStatus(self, request):
        result = self.results[request.operationHandle.operationId.guid]
        if not isinstance(result, SqlError):
            finished = ttypes.TOperationState.FINISHED_STATE
            return ttypes.TGetOperationStatusResp(status=SUCCESS, operationState=finished)
        return ttypes.TGetOperationStatusResp(
            status=SUCCESS,
            operationState=ttypes.TOperationState.ERROR_STATE,
            sqlState=result.state,
            errorMessage=str(result),
            displayMessage=str(result),
        )

    def GetResultSetMetadata(self, request):
        table, staging = self.results[request.operationHandle.operationId.guid]
        return ttypes.TGetResultSetMetadataResp(
            status=SUCCESS,
            schema=ttypes.TTableSchema(
                columns=[column(place, field) for place, field in enumerate(table.schema)]
            ),
            resultFormat=ttypes.TSparkRowSetType.ARROW_BASED_SET,
            lz4Compressed=False,
            arrowSchema=table.schema.serialize().to_pybytes(),
            isStagingOperation=staging,
        )

    def FetchResults(self, request):
        """All rows at once, which is enough for tests."""
        table, _ = self.results[request.operationHandle.operationId.guid]
        batches = [
            ttypes.TSparkArrowBatch(batch=b.serialize().to_pybytes(), rowCount=b.num_rows)
            for b in table.to_batches()
        ]
        rows = ttypes.TRowSet(startRowOffset=0, rows=[], arrowBatches=batches)
        metadata = self.GetResultSetMetadata(request)
        return ttypes.TFetchResultsResp(
            status=SUCCESS, hasMoreRows=False, results=rows, resultSetMetadata=metadata
        )

    def CloseOperation(self, request):
        self.results.pop(request.operationHandle.operationId.guid, None)
        return ttypes.TCloseOperationResp(status=SUCCESS)

    def CancelOperation(self, _):
        """Nothing is left to cancel: a statement has run by the time its handle is known."""
        return ttypes.TCancelOperationResp(status=SUCCESS)


class Http(BaseHTTPRequestHandler):
    """Thrift, the identity provider and the cloud storage behind volumes."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        """Silent: pytest shows what matters."""

    def answer(self, status, body=b"", **headers):
        if isinstance(body, dict):
            body, headers["Content_Type"] = json.dumps(body).encode(), "application/json"
        self.send_response(status)
        for name, value in {**headers, "Content_Length": str(len(body))}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def end_connection(self):
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def do_POST(self):
        double = self.server.double
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path == "/oidc/v1/token":
            return self.issue_token(double, body)
        if not self.path.startswith("/sql/1.0/warehouses/"):
            return self.answer(404, {"error_code": "ENDPOINT_NOT_FOUND"})
        bearer = self.headers.get("Authorization", "")
        if not bearer.startswith("Bearer "):
            reason = "Credential was not sent or was of an unsupported type for this API."
            return self.answer(401, X_Databricks_Reason_Phrase=reason, WWW_Authenticate="Bearer")
        if not any(hmac.compare_digest(bearer[7:], token) for token in double.tokens):
            return self.answer(403, X_Databricks_Reason_Phrase="Invalid access token.")
        if double.starting > 0:
            double.starting -= 1
            return self.answer(
                503, Retry_After="1", X_Databricks_Reason_Phrase="Warehouse starting"
            )
        received, sent = TMemoryBuffer(body), TMemoryBuffer()
        try:
            TCLIService.Processor(double).process(TBinaryProtocol(received), TBinaryProtocol(sent))
        except Dropped:
            return self.end_connection()
        return self.answer(200, sent.getvalue(), Content_Type="application/x-thrift")

    def issue_token(self, double, body):
        """OAuth for machines: client id and secret, in the header or in the form."""
        form = dict(urllib.parse.parse_qsl(body.decode()))
        given = form.get("client_id"), form.get("client_secret")
        basic = self.headers.get("Authorization", "")
        if basic.startswith("Basic "):
            given = tuple(base64.b64decode(basic[6:]).decode().split(":", 1))
        if form.get("grant_type") != "client_credentials":
            return self.answer(400, {"error": "unsupported_grant_type"})
        if given != (double.client_id, double.client_secret):
            description = "Client authentication failed"
            return self.answer(401, {"error": "invalid_client", "error_description": description})
        token = secrets.token_urlsafe(24)
        double.tokens.add(token)
        return self.answer(200, {"access_token": token, "token_type": "Bearer", "expires_in": 3600})

    def do_GET(self):
        host = self.server.double.host
        if self.path == "/.well-known/databricks-config":
            return self.answer(200, {"oidc_endpoint": f"{host}/oidc", "workspace_id": "1"})
        if self.path == "/oidc/.well-known/oauth-authorization-server":
            places = {name: f"{host}/oidc/v1/{name}" for name in ("authorize", "token")}
            found = {"issuer": f"{host}/oidc", "token_endpoint": places["token"]}
            return self.answer(200, found | {"authorization_endpoint": places["authorize"]})
        return self.stored()

    def do_PUT(self):
        self.stored()

    def do_DELETE(self):
        self.stored()

    def stored(self):
        """A presigned request; what arrives in part is not stored, as in cloud storage."""
        double, length = self.server.double, int(self.headers.get("Content-Length", 0))
        if self.command == "PUT" and double.drop_put:
            double.drop_put = False
            self.rfile.read(length // 2)
            return self.end_connection()
        body = self.rfile.read(length)
        place = double.presigned.get((self.command, self.path))
        if not place:
            return self.answer(403, b"AccessDenied")
        if self.command == "PUT":
            place.parent.mkdir(parents=True, exist_ok=True)
            part = place.with_name(f".{place.name}.{secrets.token_hex(4)}")
            part.write_bytes(body)
            part.replace(place)
            return self.answer(200)
        if not place.is_file():
            return self.answer(404, b"NoSuchKey")
        if self.command == "GET":
            return self.answer(200, place.read_bytes())
        place.unlink()
        return self.answer(204)


@contextlib.contextmanager
def sail(catalogs, folder):
    """A Spark session on a Sail server of its own, in this process; 1 to 2 s to start."""
    settings = ", ".join(
        f'{{name="{name}", type="memory", initial_database=["default"]}}' for name in catalogs
    )
    # Read once, when the server is made.
    chosen = {"SAIL_CATALOG__LIST": f"[{settings}]", "SAIL_CATALOG__DEFAULT_CATALOG": catalogs[0]}
    os.environ.update(chosen, RUST_LOG="error")
    os.environ.setdefault("SPARK_HOME", str(Path(find_spec("pyspark").origin).parent))
    from pysail.spark import SparkConnectServer
    from pyspark.sql import SparkSession

    server = SparkConnectServer("127.0.0.1", 0)
    server.start(background=True)
    for name in (*chosen, "RUST_LOG"):
        del os.environ[name]
    spark = SparkSession.builder.remote("sc://{}:{}".format(*server.listening_address)).create()
    spark.conf.set("spark.sql.warehouse.dir", str(folder))
    spark.conf.set("spark.sql.session.timeZone", "UTC")
    spark.conf.set("spark.sql.sources.default", "delta")
    yield spark
    spark.stop()
    server.stop()


def column(place, field):
    """An Arrow field as Thrift's column."""
    kind = KINDS[re.match(r"\w+", str(field.type))[0]]
    entry = ttypes.TPrimitiveTypeEntry(type=getattr(ttypes.TTypeId, f"{kind}_TYPE"))
    if kind == "DECIMAL":
        sizes = {"precision": field.type.precision, "scale": field.type.scale}
        sizes = {name: ttypes.TTypeQualifierValue(i32Value=size) for name, size in sizes.items()}
        entry.typeQualifiers = ttypes.TTypeQualifiers(qualifiers=sizes)
    kinds = ttypes.TTypeDesc(types=[ttypes.TTypeEntry(primitiveEntry=entry)])
    return ttypes.TColumnDesc(columnName=field.name, typeDesc=kinds, position=place + 1)


def json_type(kind):
    """A type in Spark's JSON as DESCRIBE ... AS JSON writes it."""
    if isinstance(kind, dict):
        found = {"name": kind["type"]}
        for key, name in (("elementType", "element"), ("keyType", "key"), ("valueType", "value")):
            if key in kind:
                found[f"{name}_type"] = json_type(kind[key])
        if "fields" in kind:
            fields = kind["fields"]
            found["fields"] = [{"name": f["name"], "type": json_type(f["type"])} for f in fields]
        return found
    if decimal := re.fullmatch(r"decimal\((\d+),(\d+)\)", kind):
        return {"name": "decimal", "precision": int(decimal[1]), "scale": int(decimal[2])}
    names = {"integer": "int", "long": "bigint", "short": "smallint", "byte": "tinyint"}
    return {"name": (names | {"timestamp": "timestamp_ltz"}).get(kind, kind)}
