"""Whole runs of Snakemake: what a run leaves, what makes a step run again, and what does not."""

import json
import os

import jsonschema
import pytest
from conftest import REPO

BELOW_BRONZE = {"build_gold_core": 1, "build_gold_marts": 1, "build_silver": 1, "mark_bronze": 1}


def test_first_run_builds_everything(built_once):
    assert built_once.first_run.jobs == BELOW_BRONZE | {
        "catalogue": 1,
        "extract_session": 2,
        "load_bronze": 4,
        "mark_extraction": 1,
    }
    assert built_once.query("select count(distinct session_key) from "
                            "default_gold_analytics.session_leaderboard") == [(2,)]  # fmt: skip


def test_second_run_has_nothing_to_do(project):
    assert project.run().did_nothing
    assert project.run("--dry-run").did_nothing


def test_new_session_in_landing_is_built(project):
    lay_session(project, 77, "laps", "drivers", "sessions")
    assert project.run().jobs == BELOW_BRONZE | {"load_bronze": 3, "mark_extraction": 1}
    assert project.marker("api_extracted_data")["sessions_with_missing_files"] == {
        "77": ["location"]
    }
    assert project.marker("bronze_tables_loaded")["sessions_incomplete"] == {
        "77": ["bronze_locations: no file"]
    }
    assert project.run().did_nothing


def lay_session(project, key, *endpoints):
    """Lay the first session into landing again, as session `key`."""
    for endpoint in endpoints:
        rows = json.loads(project.landing(90001, endpoint).read_text())
        path = project.landing(key, endpoint)
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps([row | {"session_key": key} for row in rows]))


def test_changed_file_reloads_its_table_and_what_is_below(project):
    path = project.landing(90001, "laps")
    rows = json.loads(path.read_text())
    fewer = [row for row in rows if row["driver_number"] != 1]
    path.write_text(json.dumps(fewer))
    assert project.run().jobs == BELOW_BRONZE | {"load_bronze": 1}
    counts = "select sum(row_count) from default_silver_clean.silver_laps where session_key"
    assert project.query(f"{counts} = 90001") == [(len(fewer),)]
    board = "from default_gold_analytics.session_leaderboard where session_key = 90001"
    assert project.query(f"select count(*) {board} and driver_number = 1") == [(0,)]
    assert project.run().did_nothing


def test_touched_file_triggers_nothing(project):
    os.utime(project.landing(90001, "laps"))
    assert project.run().did_nothing


def test_deleted_marker_reruns_its_step_and_what_follows(project):
    steps = {
        "api_extracted_data": BELOW_BRONZE | {"mark_extraction": 1},
        "bronze_tables_loaded": BELOW_BRONZE,
        "gold_mart_tables_built": {"build_gold_marts": 1},
    }
    for marker, jobs in steps.items():
        (project.data / "markers" / f"{marker}.json").unlink()
        assert project.run().jobs == jobs


def test_deleted_landing_file_is_fetched_again(project):
    before = project.landing(90002, "laps").read_bytes()
    project.landing(90002, "laps").unlink()
    assert project.run().jobs["extract_session"] == 1
    assert project.landing(90002, "laps").read_bytes() == before


def test_edited_model_rebuilds_from_its_layer_on(project):
    edit(project, "models/gold/core/dim_sessions.sql")
    assert project.run().jobs == {"build_gold_core": 1, "build_gold_marts": 1}
    edit(project, "models/gold/marts/team_performance.sql")
    assert project.run().jobs == {"build_gold_marts": 1}


def edit(project, model):
    path = project.folder / "dbt" / model
    path.write_text(path.read_text() + "\n-- edited\n")


def test_edited_incremental_model_recomputes_every_session(project):
    path = project.folder / "dbt/models/silver/silver_laps.sql"
    path.write_text(path.read_text().replace(
        "measured.row_count,", "measured.row_count, 'new' as note,"))  # fmt: skip
    project.run("silver")
    assert project.query("select distinct note from default_silver_clean.silver_laps") == [("new",)]


def test_unchanged_answer_triggers_nothing_and_a_changed_one_flows_down(project):
    entry = project.data / "catalogue" / "sessions" / "90001.json"
    raise_revision(entry)
    assert project.run().jobs == {"extract_session": 1, "mark_extraction": 1}
    assert project.run().did_nothing
    sample = project.folder / "scripts/f1_pipeline/sample.py"
    drawn = '"st_speed": chance.randint(285, 340)'
    sample.write_text(sample.read_text().replace(drawn, f"{drawn} * 0 + 299"))
    raise_revision(entry)
    jobs = project.run().jobs
    assert jobs == BELOW_BRONZE | {"extract_session": 1, "load_bronze": 1, "mark_extraction": 1}
    speeds = "select session_key, max(st_speed) = 299 from default_silver_clean.silver_laps"
    assert sorted(project.query(f"{speeds} group by all")) == [(90001, True), (90002, False)]


def raise_revision(entry):
    content = json.loads(entry.read_text())
    content["revision"] += 1
    entry.write_text(json.dumps(content))


@pytest.mark.slow
def test_full_refresh_gives_identical_tables(project):
    project.config["extract"]["num_sessions"] = 3
    project.run()
    before = tables(project)
    project.config["dbt"] = {"full_refresh": True}
    assert project.run("--forcerun", "build_silver").jobs["build_silver"] == 1
    assert tables(project) == before
    assert len(before) == 14 and all(before.values())


def tables(project):
    """{table: its rows}, of all fourteen."""
    names = project.query(
        """select table_schema || '.' || table_name from information_schema.tables
           where table_schema in ('bronze_raw', 'default_silver_clean', 'default_gold_analytics')"""
    )
    return {name: project.query(f"select * from {name} order by all") for (name,) in names}


def test_markers_hold_what_they_promise(built_once):
    extraction = built_once.marker("api_extracted_data")
    assert extraction["files_count"] == 8 and extraction["extraction_mode"] == "oldest"
    assert list(extraction["sessions_extracted"]) == ["90001", "90002"]
    bronze = built_once.marker("bronze_tables_loaded")
    assert bronze["tables_count"] == 4 and bronze["schema"] == "bronze_raw"
    assert bronze["rows_total"] == sum(bronze["rows"].values()) > 7_000
    assert bronze["unknown_fields"] == {}
    models = {"silver_tables_built": 4, "gold_core_tables_built": 3, "gold_mart_tables_built": 3}
    for name, count in models.items():
        marker = built_once.marker(name)
        assert marker["models_count"] == count and marker["tests_failed"] == 0
        results = built_once.marker(f"{name}.run_results")["results"]
        passed = [r for r in results if r["status"] == "pass"]
        assert marker["tests_passed"] == len(passed) > 30
    schema = json.loads((REPO / "docs" / "marker.schema.json").read_text())
    for name in ("api_extracted_data", "bronze_tables_loaded", *models):
        jsonschema.validate(built_once.marker(name), schema)
    assert set(bronze["load_seconds"]) == set(bronze["rows"])


def test_snakemakes_own_views_work(built_once):
    for view in ("--dag", "--rulegraph", "--summary", "--dry-run"):
        built_once.run(view)
    assert "build_gold_marts" in built_once.run("--rulegraph").output


def test_mode_none_with_an_empty_landing_says_what_to_do(new_project):
    new_project.config["extract"] = {"mode": "none"}
    assert "No session lies in data/landing" in new_project.run(fails=True).output


def test_unknown_configuration_key_is_named(new_project):
    new_project.config["extract"] = {"mode": "latest", "sesions": 3}
    assert "sesions" in new_project.run(fails=True).output
