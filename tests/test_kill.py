"""Killed at any moment, the next run completes the work: no duplicate, no loss."""

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from conftest import make_project, project_environment
from test_workflow import tables

DBT = "f1_pipeline.dbt_process"


def start(project):
    return subprocess.Popen(
        [sys.executable, "-m", "snakemake", "--cores", "2", "--configfile", "test.yaml"],
        cwd=project.folder,
        env=project_environment(project),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def kill(process):
    """`kill -9` to Snakemake and its jobs; dbt's process must end by itself."""
    if process.poll() is not None:
        process.communicate()
        return
    family = psutil.Process(process.pid).children(recursive=True)
    for victim in [*family, process]:
        with contextlib.suppress(ProcessLookupError):
            os.kill(victim.pid, signal.SIGKILL)
    process.communicate()


def at_work(project, called=""):
    """The processes of a run: the runner, Snakemake, its jobs, and dbt's, so `called` or any."""
    found = psutil.process_iter(["cwd", "cmdline"])
    here = [p for p in found if Path(p.info["cwd"] or "/").is_relative_to(project.folder)]
    return [p for p in here if called in " ".join(p.info["cmdline"] or ())]


@pytest.mark.slow
def test_killed_at_random_moments(tmp_path, built_once):
    chance = random.Random(7)
    project = make_project(tmp_path / "f1")
    project.run("--dry-run")
    for _ in range(6):
        process = start(project)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=chance.uniform(1, 15))
        kill(process)
        _, alive = psutil.wait_procs(at_work(project), timeout=20)
        assert not alive, "dbt's process ends with its run"
        project.run("--unlock")
    project.run()
    assert project.run().did_nothing
    without = ("_loaded_at", "_source_file")
    assert comparable(project, without) == comparable(built_once, without)


def comparable(project, without):
    names = tables(project)
    return {
        name: project.query(f"select * exclude ({', '.join(without)}) from {name} order by all")
        if name.startswith("bronze_raw")
        else rows
        for name, rows in names.items()
    }


def start_building(project):
    """A run that has dbt at work."""
    (project.data / "markers" / "silver_tables_built.json").unlink()
    project.run("--dry-run")
    process = start(project)
    while not at_work(project, DBT):
        assert process.poll() is None
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=0.05)
    return process


def test_dbt_process_that_was_killed_is_named_and_started_again(project):
    process = start_building(project)
    for victim in at_work(project, DBT):
        victim.kill()
    output, _ = process.communicate()
    assert process.returncode != 0
    assert "dbt" in output and "ERROR:" in output and "Traceback" not in output
    assert project.run().jobs == {"build_gold_core": 1, "build_gold_marts": 1, "build_silver": 1}


def test_jobs_of_a_killed_run_end_and_the_next_run_records_it(project):
    process = start_building(project)
    process.kill()
    process.communicate()
    _, alive = psutil.wait_procs(at_work(project), timeout=30)
    assert not alive
    project.run("--unlock")
    assert project.run().jobs == {"build_gold_core": 1, "build_gold_marts": 1, "build_silver": 1}
    first, killed, last = (
        json.loads(p.read_text()) for p in sorted((project.data / "runs").glob("[0-9]*"))
    )
    assert [run["result"] for run in (first, killed, last)] == ["success", "killed", "success"]
    assert killed["steps"]["bronze_tables_loaded"]["state"] == "up to date"
    assert killed["steps"]["silver_tables_built"]["state"] == "not run"
    assert 0 < killed["duration_seconds"] < 60 and killed["ended_at"] < last["started_at"]
