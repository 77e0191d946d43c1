"""The README's commands work as they stand there."""

import re
import shlex
import subprocess

import pytest
from conftest import REPO

README = (REPO / "README.md").read_text()
SNAKEMAKE = sorted(set(re.findall(r"`(snakemake [^`]*)`", README)) | {"snakemake --cores 4"})


@pytest.mark.parametrize("command", [c for c in SNAKEMAKE if "unlock" not in c and "<" not in c])
def test_snakemake_commands(built_once, command):
    arguments = shlex.split(command)[1:]
    (built_once.folder / "italy.yaml").write_text("extract: {num_sessions: 2}")
    built_once.run("--dry-run", *arguments)


def test_make_targets_exist():
    targets = set(re.findall(r"\bmake ([a-z][a-z-]*)", README.replace("snakemake", "")))
    listed = subprocess.run(["make", "help"], cwd=REPO, capture_output=True, text=True).stdout
    assert targets <= set(re.findall(r"^([a-z-]+)", listed, re.MULTILINE))


def test_files_the_readme_links_to_exist():
    links = re.findall(r"\]\(([^)h][^)]*)\)", README)
    assert links and all((REPO / link).exists() for link in links)
