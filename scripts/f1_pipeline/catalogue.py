"""What exists, what is wanted of it, and when it must be fetched again.

A session's entry holds its row and its revision: how many of the configured ages have passed
since its end. Corrections arrive late, so an entry that grows is fetched anew; one that has
reached its last revision never changes again.
"""

import hashlib
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

from f1_pipeline import PipelineError
from f1_pipeline.jsonfile import read_json, write_json

STAMP = "%Y%m%dT%H%M%SZ"


def current(config, now=None):
    """The path of the catalogue to use: one that answers the configuration's wish, is young enough
    and whole, else a new one. A name says when the API was asked, and a digest of the wish."""
    now = now or datetime.now(UTC)
    wish = [config["source"], config["openf1"]["base_url"], config["extract"]]
    digest = hashlib.sha256(json.dumps(wish, sort_keys=True).encode()).hexdigest()[:8]
    max_age = timedelta(minutes=config["extract"]["catalogue_max_age_minutes"])
    folder = Path(config["paths"]["data"], "catalogue")
    for path in sorted(folder.glob(f"*-{digest}.json"), reverse=True):
        asked_at = datetime.strptime(path.stem.split("-")[0], STAMP).replace(tzinfo=UTC)
        wanted = read_json(path)["wanted"]
        if now - asked_at < max_age and all(entry_file(folder, k).exists() for k in wanted):
            return path
    return folder / f"{now.strftime(STAMP)}-{digest}.json"


def read(config):
    """The content of the current catalogue, {} where the API has not been asked."""
    path = current(config)
    return read_json(path) if path.exists() else {}


def entry_file(folder, session_key):
    return Path(folder) / "sessions" / f"{session_key}.json"


def select(sessions, extract, now):
    """The sessions `extract` (the configuration's section) asks for: (wanted, skipped).

    `wanted` are rows of sessions that have started and are not cancelled, oldest first;
    `skipped` is {session_key: reason}. Raises PipelineError where nothing or an unknown session
    is asked for.
    """
    known = {row["session_key"]: row for row in sessions}
    by_start = sorted(known.values(), key=lambda row: (row["date_start"], row["session_key"]))
    skipped = {row["session_key"]: why for row in by_start if (why := unusable(row, now))}
    usable = [row for row in by_start if row["session_key"] not in skipped]
    mode, number = extract["mode"], extract["num_sessions"]
    if mode == "sessions":
        asked = set(extract["session_keys"])
        if missing := sorted(asked - known.keys()):
            raise PipelineError(
                f"extract.session_keys: the API knows no session {missing}; "
                f"it has {describe(by_start)}"
            )
    elif mode == "year":
        asked = {key for key, row in known.items() if row["year"] == extract["year"]}
    else:
        some = usable[-number:] if mode == "latest" else usable[:number]
        asked = {row["session_key"] for row in some}
    wanted = [row for row in usable if row["session_key"] in asked]
    skipped = {key: why for key, why in skipped.items() if key in asked}
    if not wanted and not skipped:
        raise PipelineError(
            f"extract.mode {mode} finds no session; the API has {describe(by_start)}"
        )
    return wanted, skipped


def unusable(row, now):
    """Why a session has nothing to fetch, or None."""
    if row.get("is_cancelled"):
        return "cancelled"
    return "not started" if datetime.fromisoformat(row["date_start"]) > now else None


def describe(by_start):
    if not by_start:
        return "no sessions at all"
    first, last = by_start[0], by_start[-1]
    years = sorted({row["year"] for row in by_start})
    return (
        f"{len(by_start)} sessions of {', '.join(map(str, years))}, from {first['session_key']} "
        f"({first['date_start'][:10]}) to {last['session_key']} ({last['date_start'][:10]})"
    )


def revision(row, ages_hours, now):
    """How many of the ages (hours) have passed since the session's end."""
    age = now - datetime.fromisoformat(row["date_end"])
    return sum(age >= timedelta(hours=hours) for hours in ages_hours)


def write(path, sessions, extract, now=None):
    """Write the catalogue `path`, and an entry for each wanted session whose content changed."""
    now = now or datetime.now(UTC)
    path, folder = Path(path), Path(path).parent
    wanted, skipped = select(sessions, extract, now)
    for row in wanted:
        entry = {"revision": revision(row, extract["revision_hours"], now), "session": row}
        file = entry_file(folder, row["session_key"])
        if not file.exists() or read_json(file) != entry:
            write_json(file, entry)
    content = {
        "mode": extract["mode"],
        "wanted": [row["session_key"] for row in wanted],
        "skipped": skipped,
        "known": len({row["session_key"] for row in sessions}),
    }
    write_json(path, content)
    for old in set(folder.glob("*.json")) - {path}:
        old.unlink()
    return content
