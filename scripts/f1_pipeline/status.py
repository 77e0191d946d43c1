"""The state of every asset, as Snakemake judges it, for a terminal and as one page."""

import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from f1_pipeline import PipelineError, catalogue, clock, history, outcome, schedules
from f1_pipeline.jsonfile import read_json, write_text

TITLES = {
    "api_extracted_data": "Extraction",
    "bronze_tables_loaded": "Bronze",
    "silver_tables_built": "Silver",
    "gold_core_tables_built": "Gold core",
    "gold_mart_tables_built": "Gold marts",
}
SHOWN_RUNS = 30
LOG_LINES = 40
TEMPLATE = Path(__file__).with_name("status.html.j2")


def gather(data):
    """All that the page shows, from the files under `data` and a dry run of Snakemake."""
    data = Path(data)
    planned = planned_rules(data)
    runs = history.runs(data)
    return {
        "now": clock.now(),
        "data": str(data),
        "assets": [asset(data, name, planned, runs) for name in outcome.ASSETS],
        "runs": bars([run for run in runs if run["result"] != "nothing"][:SHOWN_RUNS]),
        "schedules": schedule_rows(runs),
        "sessions": sessions(data),
        "asked": max(map(catalogue.asked_at, (data / "catalogue").glob("*.json")), default=None),
    }


def planned_rules(data):
    """The rules that Snakemake would run now, without asking the API anew."""
    config = history.folder_of(data) / ".config.json"
    if not config.exists():
        raise PipelineError(f"nothing has run yet in {data}: snakemake --cores 4")
    command = [sys.executable, "-m", "snakemake", "-n", "--configfile", str(config)]
    done = subprocess.run(command, cwd=schedules.ROOT, capture_output=True, text=True)
    told = done.stdout + done.stderr
    if done.returncode:
        raise PipelineError(f"snakemake -n fails: {told.strip().splitlines()[-1]}")
    table = re.search(r"^job +count\n[- ]+\n((?:\w+ +\d+\n)+)", told, re.MULTILINE)
    return set(re.findall(r"^(\w+) ", table[1], re.MULTILINE)) if table else set()


def asset(data, name, planned, runs):
    marker = data / "markers" / f"{name}.json"
    content = read_json(marker) if marker.exists() else {}
    last = next((r["steps"][name] for r in runs if name in r["steps"] and
                 r["steps"][name]["state"] in ("done", "failed")), {})  # fmt: skip
    if planned & set(outcome.ASSETS[name]):
        state = "failed" if last.get("state") == "failed" else "stale" if content else "never run"
    else:
        state = "up to date" if content else "never run"
    tests = {kind: content[f"tests_{kind}"] for kind in ("passed", "warned", "failed")
             if f"tests_{kind}" in content}  # fmt: skip
    rules = outcome.ASSETS[name]
    logs = sorted((p for r in rules for p in (data / "logs").glob(f"{r}.log")),
                  key=lambda p: p.stat().st_mtime)  # fmt: skip
    logs += sorted((p for r in rules for p in (data / "logs" / r).glob("*.log")),
                   key=lambda p: p.stat().st_mtime)[-6:]  # fmt: skip
    return {
        "name": name,
        "title": TITLES[name],
        "state": state,
        "last_run": content.get("started_at"),
        "duration": last.get("duration_seconds", content.get("duration_seconds")),
        "rows": content.get("rows_total") or total_rows(content),
        "tests": tests,
        "metadata": {k: v for k, v in content.items() if k not in ("output_log", "inputs")},
        "logs": {str(path): tail(path) for path in logs},
    }


def total_rows(content):
    found = content.get("sessions_extracted", {}).values()
    return sum(end["rows"] for ends in found for end in ends.values()) or None


def tail(path):
    return "\n".join(path.read_text(errors="replace").splitlines()[-LOG_LINES:])


def bars(runs):
    """Runs oldest first, each with the height of its bar, of 100, on the scale of the longest."""
    longest = max((run["duration_seconds"] for run in runs), default=1) or 1
    return [run | {"height": max(3, 100 * run["duration_seconds"] / longest)}
            for run in reversed(runs)]  # fmt: skip


def schedule_rows(runs):
    now = clock.now().astimezone()
    try:
        on = schedules.enabled()
    except PipelineError:  # no cron here
        on = set()
    return [
        {
            "name": schedule.name,
            "does": schedule.does,
            "cron": schedule.cron,
            "next": schedule.following(now) if schedule.name in on else None,
            "last": next((r for r in runs if r["trigger"] == schedule.name), None),
        }
        for schedule in schedules.schedules().values()
    ]


def sessions(data):
    """Rows of each table by session, newest session first, from the bronze receipts."""
    receipts = [read_json(path) for path in sorted((data / "markers/bronze").glob("[a-z]*.json"))]
    keys = sorted({int(key) for receipt in receipts for key in receipt["sessions"]}, reverse=True)
    named = {}
    for key in keys:
        entry = data / "catalogue" / "sessions" / f"{key}.json"
        row = read_json(entry)["listed"]["sessions"][0] if entry.exists() else {}
        parts = (row.get("year"), row.get("circuit_short_name"), row.get("session_name"))
        named[key] = {
            "title": " ".join(str(part) for part in parts if part),
            "ended": row.get("date_end"),
            "fetched": datetime.fromtimestamp(receipt.stat().st_mtime, UTC).isoformat()
            if (receipt := data / "markers" / "extracted" / f"{key}.json").exists()
            else None,
            "rows": [r["sessions"].get(str(key), {}).get("rows") for r in receipts],
        }
    ended = [one for one in named.values() if one["ended"]]  # of others no more than rows is known
    newest = max(ended, key=lambda one: one["ended"], default=None)
    tables = [r["table"].removeprefix("bronze_") for r in receipts]
    return {"tables": tables, "rows": named, "newest": newest}


def write_page(found, path="reports/status.html"):
    import jinja2

    environment = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters["moment"] = moment
    environment.filters["slug"] = lambda text: text.replace(" ", "-")
    write_text(path, environment.from_string(TEMPLATE.read_text()).render(found) + "\n")


def moment(value):
    """An instant as people read it."""
    if not value:
        return "\N{EN DASH}"
    value = datetime.fromisoformat(value) if isinstance(value, str) else value
    return f"{value:%Y-%m-%d %H:%M} {value.tzname() or 'UTC'}"


def table(found):
    """The same for a terminal, a rich table."""
    from rich.table import Table

    shown = Table("Asset", "State", "Last run, UTC", "Took", "Rows", "Tests", box=None)
    colours = {"up to date": "green", "stale": "yellow", "failed": "red", "never run": "dim"}
    for one in found["assets"]:
        tests = ", ".join(f"{number} {kind}" for kind, number in one["tests"].items() if number)
        shown.add_row(
            one["title"],
            f"[{colours[one['state']]}]{one['state']}[/]",
            moment(one["last_run"]).removesuffix(" UTC"),
            "-" if one["duration"] is None else f"{one['duration']:.1f} s",
            f"{one['rows']:,}" if one["rows"] else "-",
            tests or "-",
        )
    coming = min((s["next"] for s in found["schedules"] if s["next"]), default=None)
    newest = found["sessions"]["newest"]
    shown.caption = f"Newest session: {newest['title']}\n" if newest else ""
    shown.caption += f"Next schedule: {moment(coming)}" if coming else "No schedule is on"
    shown.caption_justify = "left"
    return shown
