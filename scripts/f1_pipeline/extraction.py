"""One session from the API into its landing folder: all of its files or none of the new ones."""

import hashlib
import json
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

from f1_pipeline import PipelineError
from f1_pipeline.endpoints import endpoints
from f1_pipeline.jsonfile import write_together
from f1_pipeline.openf1 import OpenF1, TooMuchData
from f1_pipeline.sample import SampleApi

EARLY = timedelta(hours=2)  # cars are on air before a session's start and after its end


def open_source(config):
    """The API the configuration names: the hosted one, or the synthetic sessions."""
    if config["source"] == "sample":
        return SampleApi()
    return OpenF1(**config["openf1"], limits_file=f"{config['paths']['data']}/openf1_limits.sqlite")


def fetch_session(api, session):
    """The rows of one session by endpoint name, `session` being its row of `sessions`."""
    rows = {"sessions": [session]}
    drivers = []
    for name in endpoints():
        if name not in rows:
            rows[name] = fetch(api, name, session, drivers)
        if name == "drivers":
            drivers = sorted({row["driver_number"] for row in rows[name]})
    return rows


def fetch(api, endpoint, session, drivers):
    """All rows of one endpoint for one session, in as few requests as the API allows.

    `drivers` are the sorted car numbers that are known; they only say where to cut.
    """
    start, end = (datetime.fromisoformat(session[f"date_{edge}"]) for edge in ("start", "end"))
    guess = (start.astimezone(UTC) - EARLY, end.astimezone(UTC) + EARLY)
    key = [("session_key", "=", session["session_key"])]
    return halving(api, endpoint, key, {}, drivers, guess)


def halving(api, endpoint, key, bounds, drivers, times):
    """Ask; where that is too much, ask for each half: of the drivers, then of the time.

    The halves are open ranges that together leave nothing out, neither cars that no driver list
    names nor moments outside the session. `bounds` is {(field, op): value}: one bound a side, for
    the API takes a repeated one for an 'or'.
    """
    try:
        return api.get(endpoint, key + [(*side, value) for side, value in bounds.items()])
    except TooMuchData as error:
        low, high = times
        if len(drivers) > 1:
            middle = len(drivers) // 2
            field, cut = "driver_number", drivers[middle]
            halves = [(drivers[:middle], times), (drivers[middle:], times)]
        elif high - low > timedelta(seconds=1):
            at = low + (high - low) // 2
            field, cut = "date", at.strftime("%Y-%m-%dT%H:%M:%S.%f")
            halves = [(drivers, (low, at)), (drivers, (at, high))]
        else:
            raise PipelineError(
                f"{endpoint}: the API calls even {bounds} of session {key[0][2]} too much data at "
                "once; run again later"
            ) from error
        below = halving(api, endpoint, key, bounds | {(field, "<"): cut}, *halves[0])
        return below + halving(api, endpoint, key, bounds | {(field, ">="): cut}, *halves[1])


def land(folder, rows):
    """Write a session's files together, those whose content changed; an error on the way leaves
    the folder as it was. Returns the receipt, {endpoint: {rows, digest}}."""
    contents = {name: encode(found) for name, found in rows.items()}
    paths = {name: Path(folder) / f"{name}.json" for name in rows}
    write_together(
        {
            path: contents[name]
            for name, path in paths.items()
            if not path.exists() or path.read_bytes() != contents[name]
        }
    )
    return {
        name: {"rows": len(rows[name]), "digest": hashlib.sha256(contents[name]).hexdigest()}
        for name in rows
    }


def encode(rows):
    """A JSON array with a row a line: as small as the API's own, and readable with a pager."""
    lines = ",\n".join(json.dumps(row, separators=(",", ":")) for row in rows)
    return f"[{lines}]\n".encode()


def summarise(landing, receipts):
    """The asset's metadata: what was extracted, {session_key: receipt}, and what lies there."""
    present = defaultdict(set)
    for path in Path(landing).glob("[0-9]*/*.json"):
        present[path.parent.name].add(path.stem)
    missing = {key: [name for name in endpoints() if name not in present[key]] for key in present}
    return {
        "files_count": sum(len(names & endpoints().keys()) for names in present.values()),
        "sessions_count": len(present),
        "sessions_extracted": receipts,
        "sessions_with_missing_files": {
            key: missing[key] for key in sorted(missing, key=int) if missing[key]
        },
    }
