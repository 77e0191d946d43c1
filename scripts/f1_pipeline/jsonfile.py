"""JSON files that are either whole or not there."""

import json
import os
from pathlib import Path

from f1_pipeline import PipelineError


def read_json(path):
    """The content of a JSON file; a PipelineError that names it where it is not JSON."""
    try:
        return json.loads(Path(path).read_bytes())
    except ValueError as error:
        raise PipelineError(f"{path} is not JSON ({error}): delete it and run again") from error


def write_json(path, content):
    """Write one JSON file, indented."""
    write_text(path, json.dumps(content, indent=2) + "\n")


def write_text(path, text):
    """Write one file under a temporary name first, then move it into place."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("w") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
