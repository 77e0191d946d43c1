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
    write_together({path: (json.dumps(content, indent=2) + "\n").encode()})


def write_together(contents):
    """Write files, {path: bytes}: all under temporary names first, then moved into place."""
    moves = {}
    try:
        for path, content in contents.items():
            path = Path(path)
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary = path.with_name(f".{path.name}.{os.getpid()}")
            moves[temporary] = path
            with temporary.open("wb") as stream:
                stream.write(content)
                stream.flush()
                os.fsync(stream.fileno())
        for temporary, path in moves.items():
            temporary.replace(path)
    finally:
        for temporary in moves:
            temporary.unlink(missing_ok=True)
