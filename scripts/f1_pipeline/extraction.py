"""One session from the API into its landing folder: all of its files or none of the new ones.

The receipt of a session: {revision, endpoints: {endpoint: {rows, digest, found, cut}}}. `found` is
false where the API answered 404; `cut` names the ranges that were too much for one answer.
"""

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

from f1_pipeline.endpoints import extracted
from f1_pipeline.jsonfile import read_json, write_json
from f1_pipeline.landing import Arrival, digest_of
from f1_pipeline.openf1 import OpenF1
from f1_pipeline.reader import count_rows
from f1_pipeline.sample import SampleApi
from f1_pipeline.splitting import Range, fetch_in_parts

EARLY = timedelta(hours=2)  # cars are on air before a session's start and after its end


def open_source(config):
    """The API the configuration names: the hosted one, or the synthetic sessions."""
    return SampleApi() if config["source"] == "sample" else OpenF1(**config["openf1"])


def extract(api, config, entry, last_receipt=None):
    """Bring one session into landing; returns (its receipt, the Arrival to forget once the receipt
    is safe).

    `entry` is the session's of the catalogue. `last_receipt`, that of its last extraction, tells
    which ranges were too much, and what need not be fetched again where only a file is missing.
    """
    session = entry["listed"]["sessions"][0]
    landing, key = config["paths"]["landing"], session["session_key"]
    arrival = Arrival(landing, key, entry["revision"])
    if arrival.ready.exists():
        receipt = read_json(arrival.ready)
    else:
        receipt = {"revision": entry["revision"], "endpoints": {}}
        kept = intact(config, key, entry, last_receipt or {})
        for name, endpoint in extracted(config).items():
            found = kept.get(name)
            if found is None and endpoint.listed:
                found = {"rows": arrival.put(name, entry["listed"].get(name, []))}
            elif found is None:
                found = fetch(api, arrival, endpoint, session, last_receipt)
            if name not in kept:
                found["digest"] = digest_of(arrival.staged(name))
                found["found"] = found["rows"] > 0
            receipt["endpoints"][name] = found
    arrival.move(receipt)
    return receipt, arrival


def intact(config, key, entry, last_receipt):
    """Of a session that lacks files, the receipts of those that lie there as they were fetched."""
    folder = Path(config["paths"]["landing"], str(key))
    paths = {name: folder / endpoint.file for name, endpoint in extracted(config).items()}
    complete = all(path.exists() for path in paths.values())
    if complete or last_receipt.get("revision") != entry["revision"]:
        return {}
    return {
        name: found
        for name, found in last_receipt["endpoints"].items()
        if name in paths and paths[name].exists() and digest_of(paths[name]) == found["digest"]
    }


def fetch(api, arrival, endpoint, session, last_receipt=None):
    """All rows of one endpoint for one session, staged, in as few requests as the API allows."""
    start, end = (datetime.fromisoformat(session[f"date_{edge}"]) for edge in ("start", "end"))
    times = (start.astimezone(UTC) - EARLY, end.astimezone(UTC) + EARLY)
    whole = Range(
        drivers=car_numbers(arrival) if "driver_number" in endpoint.required else (),
        times=times if "date" in endpoint.required else None,
    )
    key = ("session_key", "=", session["session_key"])

    last = (last_receipt or {}).get("endpoints", {}).get(endpoint.name, {})
    noted = arrival.place / f"{endpoint.name}.cut"
    cut = set(read_json(noted) if noted.exists() else last.get("cut", []))

    def part_of(part):
        return arrival.part(endpoint.name, part.name)

    def ask(part):
        path = part_of(part)
        if not path.exists():
            write_json(noted, sorted(cut))
            filters = [key, *((*side, value) for side, value in part.bounds.items())]
            api.download(endpoint.name, filters, path)
        return path

    if not arrival.staged(endpoint.name).exists():
        parts = fetch_in_parts(ask, lambda part: part_of(part).exists(), whole, cut)
        arrival.join(endpoint.name, parts)
    return {"rows": count_rows(arrival.staged(endpoint.name)), "cut": sorted(cut)}


def car_numbers(arrival):
    """The session's cars as far as its drivers list is at hand; they only say where to cut."""
    files = (arrival.staged("drivers"), arrival.folder / "drivers.json")
    rows = next((read_json(path) for path in files if path.exists()), [])
    return tuple(sorted({row["driver_number"] for row in rows}))


def summarise(config, receipts):
    """The asset's metadata: what was extracted, {session_key: receipt}, and what lies there."""
    wanted = extracted(config)
    present = defaultdict(set)
    for path in Path(config["paths"]["landing"]).glob("[0-9]*/*.json"):
        present[path.parent.name].add(path.stem)
    missing = {key: [name for name in wanted if name not in present[key]] for key in present}
    without = defaultdict(list)
    for key, receipt in receipts.items():
        for name, found in receipt["endpoints"].items():
            if not found["found"]:
                without[name].append(key)
    return {
        "files_count": sum(len(names & wanted.keys()) for names in present.values()),
        "sessions_count": len(present),
        "sessions_extracted": {
            key: {name: {"rows": f["rows"], "digest": f["digest"]} for name, f in ends.items()}
            for key, receipt in receipts.items()
            if (ends := receipt["endpoints"])
        },
        "sessions_without_rows": dict(without),
        "sessions_with_missing_files": {
            key: missing[key] for key in sorted(missing, key=int) if missing[key]
        },
    }
