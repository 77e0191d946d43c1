"""A run that nobody watches: one at a time, recorded, told of where it failed.

The lock is the kernel's, so it goes with the process that holds it; Snakemake holds it too, so that
a run goes on undisturbed where only this process was killed.
"""

import fcntl
import hashlib
import os
import subprocess
import sys
import time
from pathlib import Path

import yaml

from f1_pipeline import clock, history, outcome, schedules
from f1_pipeline.jsonfile import read_json, write_json
from f1_pipeline.schedules import ROOT

LOG_BYTES = 2_000_000
FAILED = ("failed", "killed")


def run(schedule):
    """Run a schedule; returns the exit status: 0 unless the run failed."""
    os.chdir(ROOT)
    os.environ["F1_TRIGGER"] = schedule.name
    paths = paths_of(schedule.arguments)
    data = paths["data"]
    Path(data, "runs").mkdir(parents=True, exist_ok=True)
    history.note_killed(data)
    started = time.time()
    log = Path("logs", "cron.log")
    if log.exists() and log.stat().st_size > LOG_BYTES:
        log.replace(log.with_suffix(".log.1"))  # this run still writes there, the next one anew
    about = {"target": schedule.arguments[0], "started": started}
    seen = fingerprint(paths["landing"]) if schedule.watches else None
    noted = Path(data, "runs", ".landing.json")
    if seen and (not seen["files"] or (noted.exists() and read_json(noted) == seen)):
        return told(unchanged(data, about))
    if other := schedules.ahead_of(schedule, clock.now()):
        return told(skipped(data, about, f"{other} is due in this minute too"))
    with Path(data, "runs", ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return told(skipped(data, about, "a run is at work"))
        if Path(".snakemake", "locks").exists() and any(Path(".snakemake", "locks").iterdir()):
            if snakemake_at_work():
                return told(skipped(data, about, "a run is at work"))
            snakemake("--unlock", lock=lock)
        status = snakemake("--profile", "profiles/cron", *schedule.arguments, lock=lock)
        history.note_killed(data)
        record = recorded(data, started) or history.write(
            data, **about, result="killed" if status < 0 else "failed", steps={},
            reason=f"the run ended with status {status} before it could say why; see logs/cron.log",
        )  # fmt: skip
        if seen and record["result"] not in FAILED:  # else the next tick tries again
            write_json(noted, seen)
    write_status(data)
    return told(record, alert(data, record, schedule))


def write_status(data):
    """The page people keep open; a run does not fail for it."""
    from f1_pipeline import PipelineError, status

    try:
        status.write_page(status.gather(data))
    except PipelineError as error:
        print(f"reports/status.html could not be written: {error}")


def alert(data, record, schedule):
    from f1_pipeline import alerts

    before = [r for r in history.runs(data) if r["trigger"] == schedule.name]
    before = [r for r in before if r["started_at"] < record["started_at"]]
    last = next((r for r in before if r["result"] != "skipped"), {})
    if schedule.watches and record["result"] in FAILED and why(last) == why(record):
        return None  # told before; it tries again at every tick
    command = f"cd {ROOT} && {sys.executable} scripts/run_schedule.py {schedule.name}"
    return alerts.send(record, before, command)


def why(record):
    return record.get("result"), record.get("reason")


def told(record, alerted=None):
    """A line for cron's log; returns the exit status."""
    reason = f": {record['reason']}" if record.get("reason") else ""
    line = f"{record['ended_at']} {record['trigger']} {record['result']} {reason}".rstrip()
    print(f"{line}; {alerted}" if alerted else line, flush=True)
    return 1 if record["result"] in FAILED else 0


def skipped(data, about, reason):
    steps = outcome.steps_of(data, None, about["started"], "skipped")
    return history.write(data, **about, result="skipped", steps=steps, reason=reason)


def unchanged(data, about):
    steps = {asset: {"state": "up to date"} for asset in outcome.ASSETS}
    return history.write(data, **about, result="nothing", steps=steps)


def recorded(data, started):
    """The record that the run itself has left, None where it could not."""
    paths = history.folder_of(data).glob("[0-9]*.json")
    newest = max(paths, key=lambda path: path.stat().st_mtime, default=None)
    return read_json(newest) if newest and newest.stat().st_mtime >= started else None


def snakemake(*arguments, lock):
    command = [sys.executable, "-m", "snakemake", *arguments]
    return subprocess.run(command, cwd=ROOT, pass_fds=(lock.fileno(),)).returncode


def snakemake_at_work():
    """Whether a Snakemake process works in this folder; if none does, its lock is a dead run's."""
    import psutil

    for process in psutil.process_iter(["cmdline", "cwd"]):
        called = " ".join(process.info["cmdline"] or ())
        if "snakemake" in called and process.info["cwd"] == str(ROOT):
            return process.pid
    return None


def paths_of(arguments):
    """`paths` of the configuration that a run with these arguments has."""
    files = ["config/config.yaml"]
    if "--configfile" in arguments:
        rest = arguments[arguments.index("--configfile") + 1 :]
        files += rest[: next((n for n, a in enumerate(rest) if a.startswith("-")), len(rest))]
    paths = {}
    for file in files:
        paths |= yaml.safe_load(Path(file).read_text()).get("paths") or {}
    return {"landing": f"{paths['data']}/landing"} | paths


def fingerprint(landing):
    """What lies in landing, as names, sizes and times; no file is read."""
    digest, number = hashlib.sha256(), 0
    folders = sorted((f for f in scan(landing) if f.name.isdigit()), key=lambda f: f.name)
    for folder in folders:
        for file in sorted(scan(folder.path), key=lambda f: f.name):
            if file.name.endswith(".json"):
                state = file.stat()
                digest.update(f"{file.path}|{state.st_size}|{state.st_mtime_ns}\n".encode())
                number += 1
    return {"files": number, "digest": digest.hexdigest()}


def scan(folder):
    return os.scandir(folder) if Path(folder).is_dir() else ()
