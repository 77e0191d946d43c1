"""A copy of the pipeline in a folder of its own, driven as a user would, and a place to keep it."""

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
import yaml

REPO = Path(__file__).parents[1]
CODE = ("Snakefile", "rules", "scripts", "dbt", "config", "profiles", "envs")


class Project:
    """The pipeline's code in `folder`, and what its runs leave there."""

    def __init__(self, folder):
        self.folder = folder
        self.data = folder / "data"
        self.config = {
            "source": "sample",
            "extract": {"mode": "oldest", "num_sessions": 2},
            "status_page": "",
        }

    def run(self, *arguments, fails=False, status=None):
        """Run Snakemake; returns its output as `Run`. Its exit status must be as expected: 0, any
        other where it `fails`, or `status`."""
        done = subprocess.run(
            snakemake_command(self, *arguments),
            cwd=self.folder,
            env=project_environment(self),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        good = (done.returncode != 0) == fails if status is None else done.returncode == status
        assert good, done.stdout
        return Run(done.stdout)

    def marker(self, name):
        return json.loads((self.data / "markers" / f"{name}.json").read_text())

    def query(self, sql):
        with self.warehouse() as connection:
            return connection.execute(sql).fetchall()

    @contextlib.contextmanager
    def warehouse(self):
        path = self.data / "warehouse" / "dev_f1_data_analytics.duckdb"
        with duckdb.connect(str(path), read_only=True) as connection:
            connection.execute("set TimeZone = 'UTC'")
            yield connection

    def landing(self, session_key, endpoint):
        return self.data / "landing" / str(session_key) / f"{endpoint}.json"


def snakemake_command(project, *arguments):
    """The command that runs a project with its configuration."""
    (project.folder / "test.yaml").write_text(yaml.safe_dump(project.config))
    files = ["test.yaml"]
    if "--configfile" in arguments:
        at = arguments.index("--configfile")
        files += arguments[at + 1 :]
        arguments = arguments[:at]
    command = [sys.executable, "-m", "snakemake", "--cores", "2", *arguments]
    return [*command, "--configfile", *files]


def project_environment(project):
    """A project runs its own copy of the package."""
    return os.environ | {"PYTHONPATH": str(project.folder / "scripts")}


class Run:
    def __init__(self, output):
        self.output = output

    @property
    def jobs(self):
        """{rule: jobs that ran to their end}."""
        rules = re.findall(r"^Finished jobid: \d+ \(Rule: (\w+)\)", self.output, re.MULTILINE)
        targets = {"f1_pipeline", "extraction", "bronze", "silver", "gold", "report"}
        return {rule: rules.count(rule) for rule in sorted(set(rules) - targets)}

    @property
    def did_nothing(self):
        return "Nothing to be done" in self.output


def make_project(folder):
    for name in CODE:
        source, copy = REPO / name, folder / name
        ignore = shutil.ignore_patterns("__pycache__", "target", "logs")
        copy.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, copy, ignore=ignore)
        else:
            shutil.copy2(source, copy)
    return Project(folder)


@pytest.fixture(scope="session")
def built_once(tmp_path_factory):
    """A project whose two oldest sample sessions have gone through to the marts."""
    project = make_project(tmp_path_factory.mktemp("built") / "with a space")
    project.first_run = project.run()
    return project


@pytest.fixture
def project(built_once, tmp_path):
    """A copy of that project for a test to change, files and times as they were."""
    folder = tmp_path / "f1"
    shutil.copytree(built_once.folder, folder, symlinks=True)
    return Project(folder)


@pytest.fixture
def new_project(tmp_path):
    """A project in which nothing has run."""
    return make_project(tmp_path / "f1")


@pytest.fixture(scope="session")
def shared_double():
    """The stand-in for Databricks; it takes a second to start."""
    from databricks_double import DatabricksDouble

    with DatabricksDouble() as double:
        yield double
