"""Which of all sessions the configuration asks for."""

import re
from datetime import datetime

from f1_pipeline import PipelineError

# What a filter's value may name, in fields of a session's row and of its meeting's.
FILTERS = {
    "session_type": ("session_type", "session_name"),
    "country": ("country_name", "country_code", "country_key"),
    "circuit": ("circuit_short_name", "location", "circuit_key"),
    "meeting": ("meeting_key", "meeting_name", "meeting_official_name"),
}


def select(sessions, meetings, extract, now):
    """The sessions `extract` (the configuration's section) asks for: (wanted, skipped).

    `wanted` are rows of sessions that have started and are not cancelled, oldest first;
    `skipped` is {session_key: reason}. Raises PipelineError where nothing or an unknown session
    is asked for.
    """
    known = {row["session_key"]: row for row in sessions}
    by_start = sorted(known.values(), key=lambda row: (row["date_start"], row["session_key"]))
    meant = filtered(by_start, meetings, extract["filters"])
    skipped = {row["session_key"]: why for row in meant if (why := unusable(row, now))}
    usable = [row for row in meant if row["session_key"] not in skipped]
    mode, number = extract["mode"], extract["num_sessions"]
    if mode == "sessions":
        asked = set(extract["session_keys"])
        if missing := sorted(asked - known.keys()):
            raise PipelineError(
                f"extract.session_keys: the API knows no session {missing}; "
                f"it has {describe(by_start)}"
            )
    elif mode == "year":
        years = seasons(extract["year"])
        asked = {row["session_key"] for row in meant if row["year"] in years}
    else:
        some = usable[-number:] if mode == "latest" else usable[:number]
        asked = {row["session_key"] for row in some}
    wanted = [row for row in usable if row["session_key"] in asked]
    skipped = {key: why for key, why in skipped.items() if key in asked}
    if not wanted and not skipped:
        raise PipelineError(
            f"extract.mode {mode} finds no session"
            f"{' that passes extract.filters' if any(extract['filters'].values()) else ''}; "
            f"the API has {describe(by_start)}"
        )
    return wanted, skipped


def filtered(sessions, meetings, filters):
    """The sessions that pass every filter; a value passes where any field it may name equals it."""
    rows_of = {row["meeting_key"]: row for row in meetings}
    for name, values in filters.items():
        if not values:
            continue
        wanted = {str(value).casefold() for value in values}
        found = {
            row["session_key"]: {
                str(both[field]).casefold()
                for field in FILTERS[name]
                if (both := rows_of.get(row["meeting_key"], {}) | row).get(field) is not None
            }
            for row in sessions
        }
        if unknown := sorted(wanted - set().union(*found.values())):
            there = sorted({str(row[FILTERS[name][0]]) for row in sessions})
            raise PipelineError(
                f"extract.filters.{name}: the API has no {', '.join(unknown)}; it has "
                f"{', '.join(there)}"
            )
        sessions = [row for row in sessions if found[row["session_key"]] & wanted]
    return sessions


def seasons(year):
    """The years that `extract.year` means: 2025, "2023-2026", or a list of both."""
    found = set()
    for part in year if isinstance(year, list) else [year]:
        first, last = (re.fullmatch(r"(\d{4})(?:-(\d{4}))?", str(part).replace(" ", ""))).groups()
        if last and last < first:
            raise PipelineError(f"extract.year: {part} ends before it begins")
        found.update(range(int(first), int(last or first) + 1))
    return found


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
