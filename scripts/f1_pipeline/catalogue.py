"""What exists, what is wanted of it, and when it must be fetched again.

A session's entry holds its row and its revision: how many of the configured ages have passed
since its end. Corrections arrive late, so an entry that grows is fetched anew; one that has
reached its last revision never changes again.
"""

import hashlib
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

from f1_pipeline import clock
from f1_pipeline.endpoints import extracted
from f1_pipeline.jsonfile import read_json, write_json
from f1_pipeline.selection import select

WISH = ("mode", "num_sessions", "year", "session_keys", "filters", "endpoints", "revision_hours")
STAMP = "%Y%m%dT%H%M%SZ"
AROUND = timedelta(minutes=30)  # that long before and after a session only paying users are served


def current(config):
    """The path of the catalogue to use: one that answers the configuration's wish, is young enough
    and whole, else a new one. A name says when the API was asked, and a digest of the wish."""
    path = last(config)
    if path and not config["extract"]["ask_api"]:
        return path
    max_age = timedelta(minutes=config["extract"]["catalogue_max_age_minutes"])
    if path:
        found = read_json(path)
        whole = all(entry_file(config, key).exists() for key in found["wanted"])
        if whole and not found["later"] and clock.now() - asked_at(path) < max_age:
            return path
    return folder_of(config) / f"{clock.now().strftime(STAMP)}-{digest_of(config)}.json"


def last(config):
    """The newest catalogue that answers the configuration's wish, None where there is none."""
    return max(folder_of(config).glob(f"*-{digest_of(config)}.json"), default=None)


def asked_at(path):
    """When the API gave the answer that the catalogue `path` holds."""
    return datetime.strptime(path.stem.split("-")[0], STAMP).replace(tzinfo=UTC)


def digest_of(config):
    extract = {key: config["extract"][key] for key in WISH}
    wish = [config["source"], config["openf1"]["base_url"], extract]
    return hashlib.sha256(json.dumps(wish, sort_keys=True).encode()).hexdigest()[:8]


def folder_of(config):
    return Path(config["paths"]["data"], "catalogue")


def entry_file(config, session_key):
    return folder_of(config) / "sessions" / f"{session_key}.json"


def revision(row, ages_hours, now):
    """How many of the ages (hours) have passed since the session's end; the end itself is one."""
    age = now - datetime.fromisoformat(row["date_end"])
    return sum(age >= timedelta(hours=hours) for hours in {0, *ages_hours})


def lists(api, config):
    """{endpoint: rows} of the endpoints that list all sessions, or what they belong to."""
    names = {name for name, endpoint in extracted(config).items() if endpoint.listed}
    if any(not isinstance(m, int) for m in config["extract"]["filters"]["meeting"]):
        names.add("meetings")
    return {name: api.get(name) for name in sorted(names)}


def write(path, listed, config):
    """Write the catalogue `path` from `listed`, {endpoint: rows}, and an entry for each wanted
    session whose content changed."""
    now, extract = clock.now(), config["extract"]
    sessions, meetings = listed["sessions"], listed.get("meetings", [])
    wanted, skipped = select(sessions, meetings, extract, now)
    for row in wanted:
        own = [m for m in meetings if m["meeting_key"] == row["meeting_key"]]
        found = {"sessions": [row]} | ({"meetings": own} if "meetings" in listed else {})
        grown = revision(row, extract["revision_hours"], now)
        update(entry_file(config, row["session_key"]), {"revision": grown, "listed": found})
    content = {
        "mode": extract["mode"],
        "wanted": [row["session_key"] for row in wanted],
        "skipped": skipped,
        "known": len({row["session_key"] for row in sessions}),
        "upcoming": upcoming(sessions, now),
        "later": False,
    }
    replace(path, content)
    return content


def update(file, entry):
    """Write a session's entry where its row or revision is new, or where more is known of it."""
    if file.exists():
        before = read_json(file)
        if (
            before["revision"] == entry["revision"]
            and before["listed"]["sessions"] == entry["listed"]["sessions"]
            and before["listed"].keys() >= entry["listed"].keys()
        ):
            return
    write_json(file, entry)


def repeat(path, config, has_landed):
    """Write the catalogue `path` while the API serves paying users only: of what the last one
    wanted, that which `has_landed(session_key)`."""
    before = last(config)
    content = {
        "mode": config["extract"]["mode"],
        "wanted": [],
        "skipped": {},
        "known": 0,
        "upcoming": known_upcoming(config),
    }
    content |= (read_json(before) if before else {}) | {"later": True}
    content["wanted"] = [key for key in content["wanted"] if has_landed(key)]
    replace(path, content)
    return content


def replace(path, content):
    write_json(path, content)
    for old in set(Path(path).parent.glob("*.json")) - {Path(path)}:
        old.unlink()


def upcoming(sessions, now, number=20):
    """[start, end] of the next sessions, one that is under way included."""
    windows = {
        (row["date_start"], row["date_end"])
        for row in sessions
        if not row.get("is_cancelled") and datetime.fromisoformat(row["date_end"]) + AROUND > now
    }
    return sorted(windows, key=lambda window: datetime.fromisoformat(window[0]))[:number]


def known_upcoming(config):
    """What the last answer, to whatever wish, said of the next sessions."""
    path = max(folder_of(config).glob("*.json"), default=None)
    return read_json(path)["upcoming"] if path else []


def live_until(config):
    """When the session that is under way will let others in again, None where none is known."""
    now = clock.now()
    for start, end in known_upcoming(config):
        begins, ends = (datetime.fromisoformat(moment) for moment in (start, end))
        if begins - AROUND <= now <= ends + AROUND:
            return (ends + AROUND).astimezone(UTC)
    return None
