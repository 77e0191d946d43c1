"""The one typed reader: landing JSON through DuckDB with explicit columns."""

import glob
import hashlib
import json
import os
from collections import Counter
from pathlib import Path

import duckdb

from f1_pipeline.endpoints import COLUMN_TYPES, Endpoint

TELLING = b'".ul'  # quotes, decimal points, and a letter of true, false, null each
OTHER = bytes(set(range(256)) - set(TELLING))


class LandingFile:
    """One JSON file of one session: `<landing>/<session_key>/<endpoint>.json`."""

    def __init__(self, path):
        self.path = str(path)
        self.session_key = int(Path(path).parent.name)
        self.modified = Path(path).stat().st_mtime

    def scan(self):
        """Read the file once: its SHA-256 digest and how often each telling byte occurs."""
        digest, telling = hashlib.sha256(), Counter()
        with Path(self.path).open("rb") as stream:
            while chunk := stream.read(1 << 20):
                digest.update(chunk)
                rest = chunk.translate(None, OTHER)
                telling.update({byte: rest.count(byte) for byte in TELLING})
        self.digest = digest.hexdigest()
        self.telling = telling
        return self


def typed_select(endpoint: Endpoint, files: list[LandingFile]) -> str:
    """SQL for the rows of scanned `files`, typed, with `_source_file` and `_file_digest`."""
    types = {n: "JSON" if t == "mixed" else COLUMN_TYPES[t] for n, t in endpoint.fields.items()}
    columns = ", ".join(f"{name}: '{kind}'" for name, kind in types.items())
    return " union all ".join(
        f"""select {", ".join(expressions(endpoint, file))},
                   {literal(file.path)} as _source_file, '{file.digest}' as _file_digest
            from read_json({literal(glob.escape(file.path))},
                           columns = {{{columns}}}, format = 'array')"""
        for file in files
    )


def expressions(endpoint, file):
    """The SQL of the endpoint's columns, in their order."""
    found = {name: name for name in endpoint.columns}
    if "session_key" not in endpoint.fields:
        found["session_key"] = f"{file.session_key} as session_key"
    for name in (n for n, t in endpoint.fields.items() if t == "mixed"):
        number = f"json_type({name}) in ('DOUBLE', 'BIGINT', 'UBIGINT')"
        laps = f"regexp_extract({name} ->> '$', '^\\+(\\d+) LAPS?$', 1)"
        found[name] = f"nullif({name}::VARCHAR, 'null') as {name}"
        found[f"{name}_number"] = f"case when {number} then {name}::DOUBLE end as {name}_number"
        found[f"{name}_numbers"] = (
            f"case when json_type({name}) = 'ARRAY' then {name}::DOUBLE[] end as {name}_numbers"
        )
        found[f"{name}_laps"] = f"try_cast({laps} as INTEGER) as {name}_laps"
    return found.values()


def count_rows(path):
    """The number of elements of a JSON array, which is never whole in memory; ValueError where the
    file is none."""
    if is_cut(path):
        raise ValueError("the array has no end")
    try:
        sql = "select count(*) from read_json_objects($1, format = 'array')"
        return duckdb.execute(sql, [glob.escape(str(path))]).fetchone()[0]
    except duckdb.Error as error:
        raise ValueError(str(error).splitlines()[0]) from error


def is_cut(path):
    """Whether a JSON array lacks its end; after a comma DuckDB does not miss it."""
    with Path(path).open("rb") as stream:
        stream.seek(max(0, stream.seek(0, os.SEEK_END) - 64))
        return not stream.read().rstrip().endswith(b"]")


def raw_rows(path):
    """The elements of a JSON array one after the other, never all at once."""
    with duckdb.connect() as connection:
        rows = connection.execute(
            f"select json from read_json_objects({literal(glob.escape(path))}, format = 'array')"
        )
        while batch := rows.fetchmany(2_000):
            yield from (json.loads(text) for (text,) in batch)


def literal(text):
    """A string as a SQL literal."""
    return "'" + str(text).replace("'", "''") + "'"
