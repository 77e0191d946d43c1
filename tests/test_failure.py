"""What fails stops what depends on it and nothing else, says why, and is resumed."""

import json


def test_bad_file_stops_its_table_and_what_is_below(project):
    before = project.query("select * from default_gold_analytics.session_leaderboard order by all")
    path = project.landing(90001, "laps")
    good = path.read_text()
    rows = json.loads(good)
    rows[3]["lap_duration"] = "fast"
    path.write_text(json.dumps(rows))
    project.landing(90002, "drivers").write_text(
        project.landing(90002, "drivers").read_text() + " "
    )
    run = project.run("--keep-going", fails=True)
    assert "row 4: field lap_duration must be double, not 'fast'" in run.output
    assert run.jobs == {"load_bronze": 1}, "the drivers are loaded, nothing below is built"
    assert project.query(
        "select * from default_gold_analytics.session_leaderboard order by all"
    ) == before  # fmt: skip
    path.write_text(good + "\n")
    assert project.run().jobs["load_bronze"] == 1


def test_failing_test_fails_its_layer_and_is_named(project):
    before = project.query("select * from default_gold_analytics.fact_laps order by all")
    broken = project.folder / "dbt/tests/silver/laps_take_a_second.sql"
    broken.write_text("select * from {{ ref('silver_laps') }} where lap_duration > 1")
    run = project.run(fails=True)
    assert "silver: 1 failed: laps_take_a_second (Got" in run.output
    assert project.query("select * from default_gold_analytics.fact_laps order by all") == before
    broken.unlink()
    assert project.run().jobs == {"build_gold_core": 1, "build_gold_marts": 1, "build_silver": 1}


def test_marts_stay_as_they_were_while_their_tests_fail(project):
    marts = "default_gold_analytics.session_leaderboard"
    before = project.query(f"select * from {marts} order by all")
    model = project.folder / "dbt/models/gold/marts/session_leaderboard.sql"
    good = model.read_text()
    model.write_text(good.replace("compared.position,", "compared.position + 1 as position,", 1))
    run = project.run(fails=True)
    assert "leaderboard_has_no_gaps" in run.output
    assert project.query(f"select * from {marts} order by all") == before
    assert not project.query("select 1 from information_schema.tables "
                             "where table_name like '%kept'")  # fmt: skip
    model.write_text(good)
    assert project.run().jobs == {"build_gold_marts": 1}
    assert project.query(f"select * from {marts} order by all") == before


def test_warehouse_held_by_another_program_is_named(project):
    path = project.landing(90001, "laps")
    path.write_text(path.read_text() + " ")
    import duckdb

    held = project.data / "warehouse" / "dev_f1_data_analytics.duckdb"
    with duckdb.connect(str(held)):
        run = project.run(fails=True)
    assert "Close the program that holds it and run again" in run.output
    assert "Traceback" not in run.output
    assert project.run().jobs["build_gold_marts"] == 1
