"""What runs did: one small JSON a run in <data>/runs/, the newest of each trigger kept.

{trigger, target, started_at, ended_at, duration_seconds, result, reason, steps, log}. `result` is
success, nothing (everything was up to date), failed, later (a session was live), skipped (another
run was at work) or killed, which a later run records: it finds `.running-<pid>.json` without its
process. `steps` is {asset: {state, duration_seconds, rows, tests}}, with a state of done, up to
date, failed, not run or skipped.
"""

import os
import time
from datetime import timedelta
from pathlib import Path

from f1_pipeline import clock, outcome
from f1_pipeline.jsonfile import read_json, write_json

KEPT = 200  # runs of each trigger, and Snakemake's logs
KEPT_ANSWERS = 20  # logs of what the API was asked
STAMP = "%Y%m%dT%H%M%S.%fZ"


def folder_of(data):
    return Path(data, "runs")


def begin(data, log, target):
    """Note that this process is at work, for the case that it can't record how it ended."""
    note_killed(data)
    about = {"trigger": trigger(), "target": target, "started": run_started(), "log": log}
    write_json(folder_of(data) / f".running-{os.getpid()}.json", about)


def note_killed(data):
    """Record the runs that were killed; each ended when its log did."""
    for file in folder_of(data).glob(".running-*.json"):
        run = read_json(file)
        if not is_at_work(int(file.stem.split("-")[1]), run["started"]):
            file.unlink(missing_ok=True)
            log = Path(run["log"])
            ended = log.stat().st_mtime if log.exists() else run["started"]
            steps = outcome.steps_of(data, log, run["started"], "killed")
            write(data, **run, ended=ended, result="killed", steps=steps)


def is_at_work(pid, started):
    """Whether a process lives and is the one it was then, by a clock that may have been set."""
    import psutil

    try:
        process = psutil.Process(pid)
        return process.create_time() < started + 60 and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def write(data, **run):
    """Write a run's record; returns it. What is old of the same trigger, and old logs, go."""
    now = time.time()
    began, ended = run.pop("started"), run.pop("ended", now)
    took = ended - began
    ended = clock.now() - timedelta(seconds=now - ended)
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
    (folder / f".running-{os.getpid()}.json").unlink(missing_ok=True)
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
