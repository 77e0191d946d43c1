"""What runs did: one small JSON a run in <data>/runs/, the newest of each trigger kept.

{trigger, target, started_at, ended_at, duration_seconds, result, reason, steps, log}. `result` is
success, nothing (everything was up to date), failed, later (a session was live), skipped (another
run was at work) or killed. `steps` is {asset: {state, duration_seconds, rows, tests}}, with a state
of done, up to date, failed, not run or skipped.
"""

import os
import re
import time
from datetime import timedelta
from pathlib import Path

from f1_pipeline import clock
from f1_pipeline.jsonfile import read_json, write_json

KEPT = 200  # runs of each trigger, and Snakemake's logs
KEPT_ANSWERS = 20  # logs of what the API was asked
REASON = 1_200  # characters
STAMP = "%Y%m%dT%H%M%S.%fZ"

# The five assets in their order: marker, and the rules that make it.
ASSETS = {
    "api_extracted_data": ("catalogue", "extract_session", "mark_extraction"),
    "bronze_tables_loaded": ("load_bronze", "mark_bronze"),
    "silver_tables_built": ("build_silver",),
    "gold_core_tables_built": ("build_gold_core",),
    "gold_mart_tables_built": ("build_gold_marts",),
}


def folder_of(data):
    return Path(data, "runs")


def write(data, **run):
    """Write a run's record; returns it. What is old of the same trigger, and old logs, go."""
    took = time.time() - run.pop("started")
    ended = clock.now()
    started = ended - timedelta(seconds=took)
    run = {
        "trigger": trigger(),
        "started_at": started.isoformat(timespec="seconds"),
        "ended_at": ended.isoformat(timespec="seconds"),
        "duration_seconds": round(took, 1),
        **run,
    }
    folder = folder_of(data)
    write_json(folder / f"{started.strftime(STAMP)}-{run['trigger']}.json", run)
    for place, pattern, kept in (
        (folder, f"[0-9]*-{run['trigger']}.json", KEPT),
        (Path(".snakemake", "log"), "*.snakemake.log", KEPT),
        (Path(data, "logs", "catalogue"), "*.log*", KEPT_ANSWERS),
        (Path(data, "benchmarks", "catalogue"), "*.tsv", KEPT_ANSWERS),
    ):
        for old in sorted(place.glob(pattern))[:-kept]:
            old.unlink(missing_ok=True)
    return run


def run_started():
    """When the run that this process belongs to was started, in POSIX seconds."""
    return float(os.environ["F1_RUN_STARTED"])


def trigger():
    """The schedule that started this run, or 'by_hand'."""
    return os.environ.get("F1_TRIGGER", "by_hand")


def runs(data, number=None):
    """The newest runs, newest first."""
    paths = sorted(folder_of(data).glob("[0-9]*.json"), reverse=True)
    return [read_json(path) for path in paths[:number]]


def steps_of(data, log, started, result):
    """What became of each asset in a run, from its log and the markers it left."""
    text = Path(log).read_text(errors="replace") if log and Path(log).exists() else ""
    finished = set(re.findall(r"^Finished jobid: \d+ \(Rule: (\w+)\)", text, re.MULTILINE))
    failed = set(re.findall(r"^Error in rule (\w+):", text, re.MULTILINE))
    steps, stopped = {}, False
    for asset, rules in ASSETS.items():
        marker = Path(data, "markers", f"{asset}.json")
        if failed & set(rules):
            state, stopped = "failed", True
        elif result == "skipped":
            state = "skipped"
        elif stopped or not marker.exists():
            state = "not run"
        elif marker.stat().st_mtime >= started or finished & set(rules[-1:]):
            state = "done"
        else:
            state = "up to date"
        steps[asset] = {"state": state} | (
            figures(data, marker, started) if state == "done" else {}
        )
    return steps


def figures(data, marker, started):
    """A marker's rows and tests, and how long the asset took: with the jobs it sums up."""
    content = read_json(marker)
    jobs = {"api_extracted_data": "extract_session", "bronze_tables_loaded": "load_bronze"}
    took = content["duration_seconds"]
    for path in Path(data, "benchmarks", jobs.get(marker.stem, "-")).glob("*.tsv"):
        if path.stat().st_mtime >= started:
            took += benchmark_seconds(path)
    tests = {k.removeprefix("tests_"): v for k, v in content.items() if k.startswith("tests_")}
    rows = content.get("rows_total")
    found = {"duration_seconds": round(took, 3)}
    return (
        found | ({"rows": rows} if rows is not None else {}) | ({"tests": tests} if tests else {})
    )


def reason_in(log):
    """The failing rule and the last lines that say why, from a run's log."""
    text = Path(log).read_text(errors="replace") if log and Path(log).exists() else ""
    rule = re.search(r"^Error in rule (\w+):", text, re.MULTILINE)
    told = re.findall(r"^(?:ERROR: |\w*(?:Error|Exception): |\w+ in file ).*$", text, re.MULTILINE)
    own = [line for line in told if line.startswith("ERROR: ")] or told or text.splitlines()[-3:]
    logs = re.findall(r"^    log: (\S+)", text, re.MULTILINE)
    return {
        "rule": rule[1] if rule else None,
        "reason": "\n".join(dict.fromkeys(own))[-REASON:],
        "step_log": logs[0] if logs else None,
    }


def benchmark_seconds(path):
    """Wall-clock seconds from a rule's benchmark file, None where there is none."""
    path = Path(path)
    return float(path.read_text().splitlines()[1].split("\t")[0]) if path.exists() else None
