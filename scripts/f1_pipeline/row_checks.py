"""What the typed reader refuses, and what it does not know.

DuckDB's JSON reader casts generously ('5' and 5.4 both pass for an integer) and drops fields it
was not told of. Here a value has the type its endpoint says or the file is refused, and fields
nobody knows are reported.
"""

import glob
import json
from collections import Counter
from datetime import datetime
from pathlib import Path

import duckdb

from f1_pipeline import PipelineError
from f1_pipeline.endpoints import Endpoint
from f1_pipeline.reader import LandingFile, is_cut, literal, raw_rows

# What DuckDB's json_structure() calls the values that are right for a type.
WHOLE = {"UBIGINT", "BIGINT", "NULL"}
STRUCTURES = {
    "integer": WHOLE,
    "double": WHOLE | {"DOUBLE"},
    "string": {"VARCHAR", "NULL"},
    "boolean": {"BOOLEAN", "NULL"},
    "timestamp": {"VARCHAR", "NULL"},
    "mixed": WHOLE | {"DOUBLE", "VARCHAR"},
}
ELEMENTS = {"integer[]": WHOLE, "mixed": WHOLE | {"DOUBLE"}}  # of the types that may be lists


def check_rows(connection, endpoint: Endpoint, files: list[LandingFile], relation: str):
    """Check the rows of `files`, already read into `relation`, against their raw JSON.

    Returns {session_key: {field the endpoint does not know: rows that have it}}.
    Raises PipelineError with file, row and field for a value of the wrong type, a required field
    that is missing, or a row of another session.
    """
    unknown = {}
    counts = present_values(connection, endpoint, relation)
    for file in files:
        if is_cut(file.path):
            raise refusal(endpoint, file, "the array has no end: mend or delete it, then run again")
        if file.path not in counts:  # an empty array, or what DuckDB takes for one
            if b"".join(Path(file.path).read_bytes().split()) != b"[]":
                raise refusal(endpoint, file)
            continue
        keys, rows, present, fractions = counts[file.path]
        if not is_plain(endpoint, file, rows, present, fractions):
            unknown[file.session_key] = unknown_fields(endpoint, file)
        if keys != {file.session_key}:
            raise refusal(endpoint, file)
    return unknown


def present_values(connection, endpoint, relation):
    """{path: (lowest and highest session key, rows, {field: values that are not null},
    timestamps with a fraction)}."""
    stamps = [n for n, t in endpoint.fields.items() if t == "timestamp"]
    fractions = "+".join(f"count_if(microsecond({n}) % 1000000 <> 0)" for n in stamps) or "0"
    found = connection.execute(
        f"""select _source_file, min(session_key), max(session_key), count(*), {fractions},
                   {", ".join(f"count({name})" for name in endpoint.fields)}
            from {relation} group by _source_file"""
    ).fetchall()
    return {
        path: ({low, high}, rows, dict(zip(endpoint.fields, present, strict=True)), fractions)
        for path, low, high, rows, fractions, *present in found
    }


def is_plain(endpoint, file, rows, present, fractions):
    """Whether the file can hold nothing but known fields of the right type, told by its bytes.

    Where no value is null, every known field stands in every row, so its quotes, decimal points
    and letters are known exactly; one more of any of them would be something else. This saves a
    second parse of the large files. Types whose bytes vary (floats, texts, lists) never qualify.
    """
    if set(endpoint.fields.values()) - {"integer", "timestamp"} or min(present.values()) < rows:
        return False
    names = "".join(endpoint.fields)
    stamps = sum(kind == "timestamp" for kind in endpoint.fields.values())
    expected = {
        '"': rows * 2 * (len(endpoint.fields) + stamps),
        ".": fractions,
        "u": rows * names.count("u"),
        "l": rows * names.count("l"),
    }
    return all(file.telling[ord(byte)] == count for byte, count in expected.items())


def unknown_fields(endpoint, file):
    """{field the endpoint does not know: rows that have it}, from the structure of every row.

    Raises PipelineError for a value of the wrong type or a required field that is missing.
    """
    unknown = Counter()
    structures = duckdb.execute(
        f"""select json_structure(json), count(*)
            from read_json_objects({literal(glob.escape(file.path))}, format = 'array')
            group by all"""
    ).fetchall()
    for structure, rows in structures:
        found = json.loads(structure)
        if not isinstance(found, dict):
            raise refusal(endpoint, file)
        unknown.update({name: rows for name in found if name not in endpoint.fields})
        for name, kind in endpoint.fields.items():
            value = found.get(name, "NULL")
            nothing = value == "NULL" and name in endpoint.required
            if nothing or not matches(value, kind):
                raise refusal(endpoint, file)
    return dict(unknown)


def matches(structure, kind):
    if structure == "NULL":
        return True
    if isinstance(structure, list):
        return structure[0] in ELEMENTS.get(kind, ())
    return isinstance(structure, str) and structure in STRUCTURES.get(kind, ())


def refusal(endpoint: Endpoint, file: LandingFile, reason="unreadable") -> PipelineError:
    """Why `file` is refused, in one line; `reason` where its rows show nothing."""
    try:
        return PipelineError(first_bad_value(endpoint, file) or f"{file.path}: {reason}")
    except duckdb.Error as error:
        why = str(error).splitlines()[0].removeprefix("Invalid Input Error: ")
        return PipelineError(
            f"{file.path} is not JSON or not a JSON array ({why}): mend or delete it, run again"
        )


def first_bad_value(endpoint, file):
    """The first row and field of `file` that break its endpoint's types, as a sentence."""
    if Path(file.path).stat().st_size == 0:
        return f"{file.path} is empty, so it is not JSON: mend or delete it, then run again"
    for number, row in enumerate(raw_rows(file.path), start=1):
        if not isinstance(row, dict):
            return f"{file.path}, row {number}: not an object but {row!r:.60}"
        for name, kind in endpoint.fields.items():
            value = row.get(name)
            if value is None and name in endpoint.required:
                return f"{file.path}, row {number}: field {name} is missing"
            if value is not None and not is_of_type(value, kind):
                return f"{file.path}, row {number}: field {name} must be {kind}, not {value!r:.60}"
        if row.get("session_key", file.session_key) != file.session_key:
            return (
                f"{file.path}, row {number}: field session_key is {row['session_key']}, "
                f"but the folder is session {file.session_key}'s"
            )
    return None


def is_of_type(value, kind):
    if isinstance(value, list):
        element = {"integer[]": "integer", "mixed": "double"}.get(kind)
        return bool(element) and all(v is None or is_of_type(v, element) for v in value)
    if kind == "timestamp":
        try:
            return isinstance(value, str) and bool(datetime.fromisoformat(value))
        except ValueError:
            return False
    if kind == "integer":
        return type(value) is int and abs(value) < 2**31
    types = {
        "double": (int, float),
        "string": (str,),
        "boolean": (bool,),
        "mixed": (int, float, str),
    }
    return type(value) in types.get(kind, ())
