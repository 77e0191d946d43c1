"""The dbt project by itself: unit tests, documentation, and the marts against raw laps."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from conftest import REPO

MODELS = {
    "silver": ("silver_sessions", "silver_drivers", "silver_laps", "silver_locations"),
    "core": ("dim_sessions", "dim_drivers", "fact_laps"),
    "marts": ("session_leaderboard", "driver_session_summary", "team_performance"),
}


DEPRECATIONS_FAIL = ("--warn-error-options", '{"error": ["Deprecations"]}')


def dbt(project, *arguments):
    command = [Path(sys.executable).with_name("dbt"), *DEPRECATIONS_FAIL, *arguments]
    command += ["--project-dir", "dbt", "--profiles-dir", "dbt", "--log-level-file", "none"]
    command += ["--target-path", str(project.folder / "target")]
    warehouse = str(project.data / "warehouse" / "dev_f1_data_analytics.duckdb")
    done = subprocess.run(
        command,
        cwd=project.folder,
        env=os.environ | {"F1_DUCKDB_PATH": warehouse},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_unit_tests_pass_and_cover_every_model(project):
    output = dbt(project, "test", "--select", "test_type:unit")
    for model in (model for layer in MODELS.values() for model in layer):
        assert f"PASS {model}::" in output


def test_documentation_is_complete(project):
    dbt(project, "docs", "generate")
    catalog = json.loads((project.folder / "target" / "catalog.json").read_text())
    manifest = json.loads((project.folder / "target" / "manifest.json").read_text())
    tables = catalog["nodes"] | catalog["sources"]
    assert len(tables) == 16
    for name, table in tables.items():
        described = (manifest["nodes"] | manifest["sources"])[name]
        texts = {column: entry["description"] for column, entry in described["columns"].items()}
        assert described["description"]
        assert texts.keys() == table["columns"].keys() and all(texts.values()), name


LEAST_TESTS = [("silver", 48), ("gold_core", 35), ("gold_mart", 30)]


@pytest.mark.parametrize(
    ("layer", "at_least"), [("silver", 48), ("gold_core", 35), ("gold_mart", 30)]
)
def test_layers_run_their_tests(built_once, layer, at_least):
    marker = built_once.marker(f"{layer}_tables_built")
    assert marker["tests_passed"] + marker["tests_warned"] >= at_least


def test_every_test_runs_in_one_layer(built_once):
    listed = dbt(built_once, "ls", "--resource-type", "test", "-q").split()
    ran = [
        result["unique_id"]
        for layer in ("silver", "gold_core", "gold_mart")
        for result in built_once.marker(f"{layer}_tables_built.run_results")["results"]
        if result["unique_id"].startswith("test.")
    ]
    assert len(ran) == len(set(ran)) == len(listed)


def test_leaderboard_equals_what_the_raw_laps_say(built_once):
    for key in (90001, 90002):
        best = {}
        for lap in json.loads(built_once.landing(key, "laps").read_text()):
            time, start = lap["lap_duration"], lap["date_start"]
            if time and 10 <= time <= 300 and not lap["is_pit_out_lap"]:
                entry = (time, start or "9", lap["driver_number"], lap["lap_number"])
                driver = lap["driver_number"]
                best[driver] = min(best.get(driver, entry), entry)
        expected = [
            (position, driver, time, lap)
            for position, (time, _, driver, lap) in enumerate(sorted(best.values()), start=1)
        ]
        assert expected == built_once.query(
            f"""select position, driver_number, fastest_lap_time, fastest_lap_number
                from default_gold_analytics.session_leaderboard
                where session_key = {key} order by position"""
        )


def test_person_keeps_one_history_through_numbers_teams_and_spellings(project):
    project.config["extract"]["num_sessions"] = 99
    project.run("gold")
    versions = """select driver_number, team_name, is_current
                  from default_gold_analytics.dim_drivers where driver_id = '{}'
                  order by valid_from"""
    assert project.query(versions.format("oliver_bearman")) == [
        (38, "Ferrari", False),
        (87, "Haas F1 Team", True),
    ]
    assert project.query(versions.format("kimi_antonelli")) == [(12, "Mercedes", True)]
    assert project.query(versions.format("alexander_dunne")) == [(1, "McLaren", True)]
    assert [row[:2] for row in project.query(versions.format("liam_lawson"))] == [
        (30, "Red Bull Racing"),
        (30, "Racing Bulls"),
    ]
    assert project.query(
        "select count(*) from default_silver_clean.silver_drivers where team_source = 'inferred'"
    ) == [(20,)]


def test_conda_environment_pins_what_the_lock_pins():
    lines = (REPO / "requirements.lock").read_text().splitlines()
    lock = dict(line.split(" ")[0].split("==") for line in lines)
    environment = yaml.safe_load((REPO / "envs" / "pipeline.yaml").read_text())
    pins = [pin.split("==") for pin in environment["dependencies"][-1]["pip"]]
    assert pins and all(lock[name] == version for name, version in pins)
