"""Killed at any moment, the next run completes the work: no duplicate, no loss."""

import contextlib
import os
import random
import signal
import subprocess
import sys

import psutil
import pytest
from conftest import make_project
from test_workflow import tables


def start(project):
    return subprocess.Popen(
        [sys.executable, "-m", "snakemake", "--cores", "2", "--configfile", "test.yaml"],
        cwd=project.folder,
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


def dbt_processes(project):
    found = []
    for process in psutil.process_iter(["cmdline", "environ"]):
        command = process.info["cmdline"] or []
        if "f1_pipeline.dbt_process" in command and str(project.folder) in str(
            (process.info["environ"] or {}).get("F1_DUCKDB_PATH")
        ):
            found.append(process)
    return found


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
        psutil.wait_procs(dbt_processes(project), timeout=20)
        assert not dbt_processes(project), "dbt's process ends with its run"
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


def test_dbt_process_that_was_killed_is_named_and_started_again(project):
    (project.data / "markers" / "silver_tables_built.json").unlink()
    project.run("--dry-run")
    process = start(project)
    while not (found := dbt_processes(project)):
        assert process.poll() is None
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=0.05)
    psutil.wait_procs(found, timeout=0)
    for victim in found:
        victim.kill()
    output, _ = process.communicate()
    assert process.returncode != 0
    assert "dbt" in output and "ERROR:" in output and "Traceback" not in output
    assert project.run().jobs == {"build_gold_core": 1, "build_gold_marts": 1, "build_silver": 1}
