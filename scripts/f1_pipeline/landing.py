"""The landing folder: how a session's files come into it, all of them or none of the new ones.

What arrives lies in `<landing>/.arriving/<session_key>-<revision>/` until all is there: one file a
request, so that a killed run goes on with the requests it lacks. Then `ready.json` is written, the
session's receipt, and the files move into `<landing>/<session_key>/`. A run that is killed while
they move leaves the rest to the next one, which moves them before it reads anything.
"""

import contextlib
import hashlib
import json
import os
import shutil
from pathlib import Path
from urllib.parse import quote

from f1_pipeline.jsonfile import read_json, write_json, write_text

CHUNK = 1 << 20  # bytes


class Arrival:
    """The files of one session on their way into landing."""

    def __init__(self, landing, session_key, revision):
        self.folder = Path(landing, str(session_key))
        self.place = Path(landing, ".arriving", f"{session_key}-{revision}")
        for other in self.place.parent.glob(f"{session_key}-*"):
            if other != self.place:  # what came before the session's data were corrected
                shutil.rmtree(other)
        self.place.mkdir(parents=True, exist_ok=True)
        self.ready = self.place / "ready.json"

    def part(self, endpoint, name):
        """Where the answer to one request goes, `name` being that of its range."""
        folder = self.place / endpoint
        folder.mkdir(exist_ok=True)
        return folder / f"{quote(name, safe='&=') or 'all'}.json"

    def staged(self, endpoint):
        return self.place / f"{endpoint}.json"

    def put(self, endpoint, rows):
        """Stage rows that are at hand; returns their number."""
        write_rows(self.staged(endpoint), rows)
        return len(rows)

    def join(self, endpoint, parts):
        """Stage the rows of all `parts`, one JSON array from several."""
        staged = self.staged(endpoint)
        if len(parts) == 1:
            parts[0].replace(staged)
            return
        temporary = staged.with_suffix(".joining")
        with temporary.open("wb") as whole:
            whole.write(b"[")
            for part in parts:
                with part.open("rb") as stream:
                    start, end = span(stream)
                    if start == end:
                        continue
                    whole.write(b",\n" if whole.tell() > 1 else b"")
                    stream.seek(start)
                    while chunk := stream.read(min(CHUNK, end - stream.tell())):
                        whole.write(chunk)
            whole.write(b"]\n")
            whole.flush()
            os.fsync(whole.fileno())
        temporary.replace(staged)

    def move(self, receipt):
        """Everything has arrived: note the receipt, and move the files into landing."""
        write_json(self.ready, receipt)
        finish(self.place)

    def forget(self):
        shutil.rmtree(self.place)


def finish(place):
    """Move the staged files of an arrival that is ready; one that says nothing new stays out, so
    that its time stays as it was."""
    folder = place.parents[1] / place.name.split("-")[0]
    folder.mkdir(exist_ok=True)
    for endpoint, found in read_json(place / "ready.json")["endpoints"].items():
        staged, landed = place / f"{endpoint}.json", folder / f"{endpoint}.json"
        with contextlib.suppress(FileNotFoundError):  # moved before
            if landed.exists() and digest_of(landed) == found["digest"]:
                staged.unlink()
            else:
                staged.replace(landed)


def finish_all(landing):
    """Complete what a killed run had begun to move."""
    for ready in sorted(Path(landing).glob(".arriving/*/ready.json")):
        finish(ready.parent)


def span(stream):
    """Where the elements of a JSON array begin and end in a file: behind its [, before its ]."""
    size = stream.seek(0, os.SEEK_END)
    stream.seek(0)
    head = stream.read(CHUNK)
    start = head.index(b"[") + 1
    stream.seek(max(0, size - CHUNK))
    tail = stream.read()
    end = size - len(tail) + tail.rindex(b"]")
    return (start, end) if size > CHUNK or head[start:end].strip() else (start, start)


def digest_of(path):
    with Path(path).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def write_rows(path, rows):
    """Write rows as a JSON array, a row a line."""
    lines = ",\n".join(json.dumps(row, separators=(",", ":")) for row in rows)
    write_text(path, f"[{lines}]\n")
