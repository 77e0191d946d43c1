"""What the pipeline asks of Databricks: Delta tables in Unity Catalog, loaded through a volume.

DuckDB reads and checks the JSON as it does for the embedded warehouse and writes Parquet; the files
go into the volume `staging`, and one statement replaces the sessions they hold. Sending it twice
does no harm, so an answer that was lost is no loss. What is loaded is told by the rows themselves.
"""

import contextlib
import re
from concurrent.futures import ThreadPoolExecutor

import duckdb
from databricks import sql

from f1_pipeline.endpoints import Endpoint
from f1_pipeline.reader import typed_select
from f1_pipeline.row_checks import check_rows
from f1_pipeline.warehouse import BRONZE, OWN_COLUMNS, first_refusal, schema

SPARK_TYPES = {
    "INTEGER": "int",
    "DOUBLE": "double",
    "VARCHAR": "string",
    "BOOLEAN": "boolean",
    "TIMESTAMPTZ": "timestamp",
    "INTEGER[]": "array<int>",
    "DOUBLE[]": "array<double>",
}
PART_BYTES = "64MB"  # of Parquet: about 13 million positions
UPLOADS = 4  # at once


class DatabricksConnection:
    """What the pipeline asks of an open warehouse; the docstrings are DuckDBConnection's."""

    def __init__(self, warehouse, folder, patience):
        self.warehouse, self.folder, self.patience = warehouse, folder, patience
        self.columns = {}

    def __enter__(self):
        self.connection = self.warehouse.open(self.folder, self.patience)
        self.cursor = self.connection.cursor()
        return self

    def __exit__(self, *_):
        with contextlib.suppress(sql.Error):
            self.connection.close()

    def run(self, statement):
        """Run a statement; returns its rows as an Arrow table, None where it has none."""
        self.cursor.execute(statement)
        return self.cursor.fetchall_arrow() if self.cursor.description else None

    def loaded(self, endpoint: Endpoint):
        if endpoint.table not in self.columns:
            self.prepare(endpoint)
        rows = self.run(
            f"""select session_key, min(_file_digest) as digest, count(*) as row_count,
                       unix_micros(min(_loaded_at)) / 1e6 as loaded_at
                from {BRONZE}.{endpoint.table} group by session_key order by session_key"""
        ).to_pylist()
        return {r["session_key"]: (r["digest"], r["row_count"], r["loaded_at"]) for r in rows}

    def prepare(self, endpoint):
        """Make the table, or give it the columns it lacks: then its sessions are loaded anew."""
        table = f"{BRONZE}.{endpoint.table}"
        wanted = {n: SPARK_TYPES[t] for n, t in (endpoint.columns | OWN_COLUMNS).items()}
        try:
            present = self.run(f"describe table {table}").to_pylist()
        except sql.Error as error:
            if not re.search("NOT_FOUND", str(error)):
                raise
            self.run(f"create schema if not exists {BRONZE}")
            self.run(f"create volume if not exists {BRONZE}.staging")
            # Where rows are many, a session's replacement and its queries touch its files alone.
            parted = " partitioned by (session_key)" * ("date" in endpoint.required)
            columns = ", ".join(f"{name} {kind}" for name, kind in wanted.items())
            self.run(f"create table if not exists {table} ({columns}) using delta{parted}")
            self.columns[endpoint.table] = list(wanted)
            return
        names = [row["col_name"] for row in present]
        names = names[: next((n for n, name in enumerate(names) if name[:1] in ("", "#")), None)]
        if missing := {n: t for n, t in wanted.items() if n not in names}:
            self.run(f"update {table} set _file_digest = ''")  # first: a killed run does it again
            added = ", ".join(f"{name} {kind}" for name, kind in missing.items())
            self.run(f"alter table {table} add columns ({added})")
        self.columns[endpoint.table] = [*names, *missing]

    def replace_sessions(self, endpoint: Endpoint, files, gone, loaded_at):
        table = f"{BRONZE}.{endpoint.table}"
        self.sweep(endpoint)
        keys = ", ".join(map(str, sorted({file.session_key for file in files} | set(gone))))
        if not files:
            if keys:
                self.run(f"delete from {table} where session_key in ({keys})")
            return {}
        unknown, parts = self.write_parquet(endpoint, files, loaded_at)
        self.upload({part: f"{endpoint.table}.{n}.parquet" for n, part in enumerate(parts)})
        types = endpoint.columns | OWN_COLUMNS
        columns = [name for name in self.columns[endpoint.table] if name in types]
        described = ", ".join(f"{name} {SPARK_TYPES[types[name]]}" for name in columns)
        chosen = (n if n in types else "null" for n in self.columns[endpoint.table])
        staged = self.staged(f"{endpoint.table}.*.parquet")
        self.run(
            f"insert into {table} replace where session_key in ({keys}) "
            f"select {', '.join(chosen)} "
            f"from read_files('{staged}', format => 'parquet', schema => '{described}')"
        )
        self.sweep(endpoint, len(parts))
        return unknown

    def write_parquet(self, endpoint, files, loaded_at):
        """Read and check the files; returns (unknown fields, Parquet files of moderate size)."""
        place = self.folder / endpoint.table
        with duckdb.connect(str(self.folder / "staged.duckdb")) as staged:
            staged.execute("set TimeZone = 'UTC'")
            try:
                staged.execute(
                    f"create or replace table new as select *, to_timestamp({loaded_at!r}) as "
                    f"_loaded_at from ({typed_select(endpoint, files)})"
                )
                unknown = check_rows(staged, endpoint, files, "new")
            except duckdb.Error as error:
                raise first_refusal(endpoint, files, error) from error
            staged.execute(
                f"copy new to '{place}' (format parquet, compression zstd, "
                f"file_size_bytes '{PART_BYTES}', overwrite)"
            )
        return unknown, sorted(place.glob("*.parquet"))

    def staged(self, name):
        return f"/Volumes/{self.warehouse.catalog}/{BRONZE}/staging/{name}"

    def put(self, file, name):
        self.cursor.execute(f"put '{file}' into '{self.staged(name)}' overwrite")

    def upload(self, names):
        """Put files into the volume, {file: name there}, several at once."""
        if len(names) == 1:
            self.put(*next(iter(names.items())))
            return

        def put(file):
            with DatabricksConnection(self.warehouse, self.folder, self.patience) as other:
                other.put(file, names[file])

        with ThreadPoolExecutor(UPLOADS) as pool:
            list(pool.map(put, names))

    def sweep(self, endpoint, parts=None):
        """Remove a table's staged files: its first `parts`, or whatever a killed run left."""
        names = [f"{endpoint.table}.{n}.parquet" for n in range(parts or 0)]
        if parts is None:
            found = self.run(f"list '{self.staged('')}'").to_pylist()
            names = [f["name"] for f in found if f["name"].startswith(f"{endpoint.table}.")]
        for name in names:
            self.cursor.execute(f"remove '{self.staged(name)}'")

    def frame(self, statement):
        return self.run(statement).to_pandas()

    def optimize(self):
        """Merge small files and remove those no table needs any more; yields what was done."""
        gold = schema("default_gold_analytics")
        for name in (BRONZE, schema("default_silver_clean"), gold):
            for table in self.run(f"show tables in {name}").to_pylist():
                full = f"{name}.{table['tableName']}"
                self.run(f"optimize {full}")
                self.run(f"vacuum {full}")
                yield f"{full}: optimized and vacuumed"
