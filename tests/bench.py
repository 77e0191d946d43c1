"""Seconds and memory, as tables: run by `make bench`, never by a test.

The machines are shared and noisy, so what is judged are ratios within one run, each the best or
the median of several tries.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import duckdb
import yaml
from f1_pipeline import sample
from f1_pipeline.bronze import load_table
from f1_pipeline.endpoints import COLUMN_TYPES, CORE, endpoints
from f1_pipeline.warehouse import DuckDBWarehouse
from openf1_server import OpenF1Server

REPO = Path(__file__).parents[1]
BIN = Path(sys.executable).parent
ONE_RULE = 'rule all:\n    output: "done.txt"\n    shell: "echo > {output}"\n'


def seconds(work):
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def run(*command, cwd=REPO, **environment):
    done = subprocess.run(
        [str(BIN / command[0]), *map(str, command[1:])],
        cwd=cwd,
        env=os.environ | environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def lay(landing, sessions):
    for key, rows in sessions.items():
        for endpoint, found in rows.items():
            path = landing / str(key) / f"{endpoint}.json"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(found))


def pipeline(folder):
    """Run landing to marts; returns the seconds and the configuration's path."""
    config = folder / "bench.yaml"
    paths = {"data": str(folder / "data"), "landing": str(folder / "landing")}
    content = {"paths": paths, "extract": {"mode": "none"}, "status_page": ""}
    config.write_text(yaml.safe_dump(content))
    return seconds(lambda: run("snakemake", "--cores", 2, "--configfile", config)), config


def layers(title, folder, total):
    """Print what Snakemake measured of each step, and of dbt's process through its children."""
    print(f"\n## {title}: {total:.1f} s\n\n| step | s | peak memory, MB |\n|---|---|---|")
    for path in sorted((folder / "data" / "benchmarks").rglob("*.tsv")):
        values = path.read_text().splitlines()[1].split("\t")
        name = path.relative_to(folder / "data" / "benchmarks").with_suffix("")
        print(f"| {name} | {float(values[0]):.2f} | {values[2]} |")


def large_session(folder):
    """Fetch and load a session of 700,000 positions; the memory of both may reach 300 MB."""
    rows = sample.race(91002, location_rows=700_000)
    limits = {"requests_per_second": 1000, "requests_per_minute": 10_000}
    with OpenF1Server(rows=lambda endpoint, _: rows.get(endpoint, [])) as server:
        content = {
            "paths": {"data": str(folder / "data")},
            "openf1": {"base_url": server.url} | limits,
            "status_page": "",
        }
        config = folder / "bench.yaml"
        config.write_text(yaml.safe_dump(content))
        command = ("snakemake", "--cores", 2, "bronze", "--configfile", config)
        layers("700,000 positions, API to bronze", folder, seconds(lambda: run(*command)))


def ratio(title, value, base, limit):
    print(f"| {title} | {value:.2f} | {base:.2f} | {value / base:.2f} | {limit} |")


def bare_load(folder, landing, key):
    with duckdb.connect(str(folder / "bare.duckdb")) as connection:
        for endpoint in (endpoints()[name] for name in CORE):
            columns = ", ".join(f"{n}: '{COLUMN_TYPES[t]}'" for n, t in endpoint.fields.items())
            connection.execute(
                f"""create or replace table {endpoint.table} as select * from
                    read_json('{landing}/{key}/{endpoint.file}', columns = {{{columns}}},
                              format = 'array')"""
            )


def our_load(folder, landing, key):
    warehouse = DuckDBWarehouse(folder / "ours.duckdb")
    warehouse.path.unlink(missing_ok=True)
    with warehouse.connect() as connection:
        for endpoint in (endpoints()[name] for name in CORE):
            load_table(connection, endpoint, [f"{landing}/{key}/{endpoint.file}"])


def main():
    with tempfile.TemporaryDirectory() as name:
        small, race = Path(name, "small"), Path(name, "race")
        api = sample.SampleApi()
        rows = {
            row["session_key"]: {"sessions": [row], **sample.session_rows(row["session_key"])}
            for row in api.get("sessions")
        }
        lay(small / "landing", rows)
        lay(race / "landing", {91001: sample.race(91001)})
        total, _ = pipeline(small)
        layers("Small: nine sample sessions, landing to marts", small, total)
        total, config = pipeline(race)
        layers("A race: 20 cars, 60 laps, 500,000 positions, landing to marts", race, total)

        (large := Path(name, "large")).mkdir()
        large_session(large)

        one = Path(name, "one")
        one.mkdir()
        (one / "Snakefile").write_text(ONE_RULE)
        bare = statistics.median(seconds(lambda: run("snakemake", "-n", cwd=one)) for _ in range(5))
        nothing = statistics.median(
            seconds(lambda: run("snakemake", "--cores", 2, "--configfile", config))
            for _ in range(5)
        )
        project = ("--project-dir", "dbt", "--profiles-dir", "dbt", "--log-level-file", "none")
        parse = seconds(lambda: run("dbt", "parse", *project, "--target-path", race / "target"))
        tries = range(5)
        ours = min(seconds(lambda: our_load(race, race / "landing", 91001)) for _ in tries)
        plain = min(seconds(lambda: bare_load(race, race / "landing", 91001)) for _ in tries)
        print("\n## Ratios\n\n| what | s | against, s | ratio | at most |\n|---|---|---|---|---|")
        ratio("the race into bronze, against bare read_json", ours, plain, 2)
        ratio("nothing to do, against snakemake -n of one rule", nothing, bare, 1.5)
        ratio("the race to marts, against that and a bare dbt parse", total, bare + parse, 3)


if __name__ == "__main__":
    main()
