"""Databricks: the unmodified connector and dbt-databricks against a protocol test double."""

import contextlib
import datetime
import json
import os
import signal
import subprocess
import uuid
from decimal import Decimal

import psutil
import pytest
from conftest import make_project, project_environment, snakemake_command
from f1_pipeline import PipelineError, databricks_connection
from f1_pipeline.bronze import load_table
from f1_pipeline.databricks_warehouse import DatabricksWarehouse
from f1_pipeline.endpoints import Endpoint, endpoints
from test_workflow import tables

CATALOG = "dev_f1_data_analytics"
LAP = {
    "session_key": 1, "meeting_key": 9, "driver_number": 44, "lap_number": 1,
    "date_start": "2025-03-16T04:08:33.250000+00:00", "lap_duration": 90.125,
    "is_pit_out_lap": False, "segments_sector_1": [None, 2048], "segments_sector_2": [],
}  # fmt: skip


@pytest.fixture
def double(shared_double, monkeypatch):
    """The warehouse, with schemas of the test's own and the environment that leads to it."""
    monkeypatch.setenv("DATABRICKS_HOST", shared_double.host)
    monkeypatch.setenv("DATABRICKS_HTTP_PATH", "/sql/1.0/warehouses/double")
    monkeypatch.setenv("DATABRICKS_TOKEN", shared_double.token)
    shared_double.statements.clear()
    yield shared_double
    shared_double.denied, shared_double.starting = set(), 0


class Bronze:
    """A landing folder and the bronze table of one endpoint, of a name of its own."""

    def __init__(self, folder, name, **more):
        base = endpoints()[name]
        table = f"{base.table}_{uuid.uuid4().hex[:8]}"
        self.endpoint = Endpoint(name, table, base.required, base.optional | more)
        self.landing, self.warehouse = folder / "landing", DatabricksWarehouse("dev")

    def lay(self, session_key, rows):
        path = self.landing / str(session_key) / self.endpoint.file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps([row | {"session_key": session_key} for row in rows]))
        return path

    def load(self):
        paths = sorted(map(str, self.landing.glob(f"*/{self.endpoint.file}")))
        with self.warehouse.connect() as connection:
            return load_table(connection, self.endpoint, paths)

    def rows(self, columns="session_key, lap_number"):
        table = f"bronze_raw.{self.endpoint.table}"
        with self.warehouse.connect() as connection:
            found = connection.run(f"select {columns} from {table} order by session_key, 2")
        return [tuple(row.values()) for row in found.to_pylist()]

    def staged(self):
        with self.warehouse.connect() as connection:
            names = connection.run(f"list '{connection.staged('')}'").to_pylist()
        return [row["name"] for row in names if row["name"].startswith(self.endpoint.table)]


@pytest.fixture
def laps(double, tmp_path):  # noqa: ARG001 - it must be running
    return Bronze(tmp_path, "laps")


def verbs(double):
    return [text.split()[0] for _, text in double.statements]


def test_sessions_are_typed_and_replaced_whole_in_few_statements(double, laps):
    for key in range(1, 21):
        laps.lay(key, [LAP, LAP | {"lap_number": 2, "date_start": None}])
    receipt = laps.load()
    assert len(double.statements) == 10 and verbs(double).count("insert") == 1
    assert receipt["rows"] == 40 and len(receipt["sessions"]["7"]["digest"]) == 64
    moment = datetime.datetime(2025, 3, 16, 4, 8, 33, 250000, datetime.UTC)
    columns = "session_key, date_start, lap_duration, is_pit_out_lap, segments_sector_1, st_speed"
    assert laps.rows(columns)[1] == (1, moment, 90.125, False, [None, 2048], None)
    double.statements.clear()
    assert laps.load() == receipt
    assert verbs(double) == ["describe", "select", "list"], "nothing new: nothing is sent"
    laps.lay(2, [LAP | {"lap_number": 9}])
    laps.lay(3, [])
    laps.landing.joinpath("4", "laps.json").unlink()
    laps.load()
    assert laps.rows()[:5] == [(1, 1), (1, 2), (2, 9), (5, 1), (5, 2)]
    assert not laps.staged()


def test_bad_file_changes_nothing(laps):
    laps.lay(1, [LAP])
    laps.load()
    laps.lay(2, [LAP])
    path = laps.lay(1, [LAP, LAP | {"lap_duration": "fast"}])
    with pytest.raises(PipelineError, match="row 2: field lap_duration must be double") as error:
        laps.load()
    assert str(path) in str(error.value)
    assert laps.rows() == [(1, 1)] and not laps.staged()


def test_large_loads_take_few_statements_and_go_up_in_parts(double, tmp_path, monkeypatch):
    locations = Bronze(tmp_path, "location")
    row = {"meeting_key": 9, "driver_number": 44, "date": "2025-03-16T04:08:33+00:00"}
    for key in (1, 2):
        locations.lay(key, [row | {"x": n * key, "y": n % 977, "z": 1} for n in range(130_000)])
    locations.load()
    assert len(double.statements) <= 12 and verbs(double).count("put") == 1
    locations.landing.joinpath("1", "location.json").write_text(
        locations.landing.joinpath("1", "location.json").read_text() + "\n"
    )
    locations.lay(3, [row | {"x": n, "y": n % 977, "z": 1} for n in range(130_000)])
    monkeypatch.setattr(databricks_connection, "PART_BYTES", "100KB")
    double.statements.clear()
    locations.load()
    assert verbs(double).count("put") > 1 and verbs(double).count("insert") == 1
    counts = locations.rows("session_key, count(*) over (partition by session_key)")
    assert set(counts) == {(1, 130_000), (2, 130_000), (3, 130_000)}
    assert not locations.staged()


def test_new_field_becomes_a_column_and_every_session_is_loaded_anew(double, laps, tmp_path):
    laps.lay(1, [LAP | {"tyre": "soft"}])
    laps.lay(2, [LAP])
    assert laps.load()["sessions"]["1"]["unknown_fields"] == {"tyre": 1}
    knowing = Bronze(tmp_path, "laps", tyre="string")
    knowing.endpoint = Endpoint(
        "laps", laps.endpoint.table, knowing.endpoint.required, knowing.endpoint.optional
    )
    knowing.load()
    assert knowing.rows("session_key, tyre") == [(1, "soft"), (2, None)]
    double.statements.clear()
    knowing.load()
    assert verbs(double) == ["describe", "select", "list"]
    laps.lay(3, [LAP])
    laps.load()
    assert knowing.rows("session_key, tyre")[2] == (3, None), "older code loads it still"


FAULTS = {
    "before the replacing statement": ("drop_before", lambda text: text.startswith("insert")),
    "after it": ("drop_after", lambda text: text.startswith("insert")),
    "before the staged file is removed": ("drop_before", lambda text: text.startswith("remove")),
    "while the rows are counted": ("drop_after", lambda text: "_file_digest" in text),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_lost_connection_leaves_each_session_exactly_once(double, laps, fault):
    laps.lay(1, [LAP])
    laps.load()
    laps.lay(1, [LAP | {"lap_number": 5}])
    laps.lay(2, [LAP])
    attribute, predicate = FAULTS[fault]
    setattr(double, attribute, predicate)
    with contextlib.suppress(PipelineError):
        laps.load()
    assert getattr(double, attribute) is None, "the fault struck"
    laps.load()
    assert laps.rows() == [(1, 5), (2, 1)] and not laps.staged()


def test_upload_that_is_cut_off_ends_in_one_line_and_the_next_run_completes_it(double, laps):
    laps.lay(1, [LAP])
    double.drop_put = True
    with pytest.raises(PipelineError, match=r"Databricks: .*run again"):
        laps.load()
    assert laps.rows() == []
    laps.load()
    assert laps.rows() == [(1, 1)] and not laps.staged()


def test_warehouse_that_is_starting_is_waited_for(double, laps):
    laps.lay(1, [LAP])
    double.starting = 2
    laps.load()
    assert laps.rows() == [(1, 1)] and not double.starting


WRONG = {
    "no host": ({"DATABRICKS_HOST": ""}, set(), "needs the environment variable DATABRICKS_HOST"),
    "no path": ({"DATABRICKS_HTTP_PATH": ""}, set(), "variable DATABRICKS_HTTP_PATH"),
    "no login": ({"DATABRICKS_TOKEN": ""}, set(), "DATABRICKS_TOKEN or DATABRICKS_CLIENT_ID and"),
    "wrong token": ({"DATABRICKS_TOKEN": "dapi-wrong"}, set(), "look at DATABRICKS_TOKEN"),
    "nobody answers": ({"DATABRICKS_HOST": "http://127.0.0.1:9"}, set(), "127.0.0.1:9 can't be re"),
    "wrong path": ({"DATABRICKS_HTTP_PATH": "/x"}, set(), "look at DATABRICKS_HTTP_PATH"),
    "schema": ({}, {("CREATE SCHEMA", CATALOG)}, "does not have CREATE SCHEMA on Catalog 'dev_f1"),
    "table": (
        {},
        {("CREATE TABLE", f"{CATALOG}.default_gold_analytics")},
        "does not have CREATE TABLE on Schema 'dev_f1_data_analytics.default_gold_analytics'",
    ),
    "volume": (
        {},
        {("WRITE VOLUME", f"{CATALOG}.bronze_raw.staging")},
        "WRITE VOLUME on Volume 'dev_f1_data_analytics.bronze_raw.staging'",
    ),
}


def check(config):
    return list(DatabricksWarehouse(config).check())


@pytest.mark.parametrize("case", WRONG)
def test_check_tells_what_is_wrong(double, monkeypatch, case):
    environment, double.denied, told = WRONG[case]
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(PipelineError) as error:
        check("dev")
    assert told in str(error.value) and "\n" not in str(error.value)
    assert "dapi-wrong" not in str(error.value)


def test_check_of_a_catalog_that_is_not_there(double, monkeypatch):  # noqa: ARG001
    monkeypatch.setattr(DatabricksWarehouse, "__init__", with_catalog("nowhere"))
    with pytest.raises(PipelineError, match=r"create the catalog, or set databricks\.target"):
        check("dev")


def with_catalog(name):
    init = DatabricksWarehouse.__init__

    def replaced(self, target):
        init(self, target)
        self.catalog = name

    return replaced


def test_check_of_a_warehouse_that_works_as_a_person_and_as_a_machine(double, monkeypatch):
    assert len(check("stage")) == 5
    monkeypatch.delenv("DATABRICKS_TOKEN")
    monkeypatch.setenv("DATABRICKS_CLIENT_ID", double.client_id)
    monkeypatch.setenv("DATABRICKS_CLIENT_SECRET", double.client_secret)
    assert len(check("prod")) == 5
    monkeypatch.setenv("DATABRICKS_CLIENT_SECRET", "wr0ng")
    with pytest.raises(PipelineError, match="look at DATABRICKS_CLIENT_ID") as error:
        check("prod")
    assert "wr0ng" not in str(error.value)


# Whole runs


def on_databricks(project):
    project.config["warehouse"] = "databricks"
    return project


def comparable(rows):
    """Rows with what the two warehouses spell alike: zones, decimals, floats to nine digits."""

    def plain(value):
        if isinstance(value, datetime.datetime) and value.tzinfo:
            return value.astimezone(datetime.UTC).replace(tzinfo=None)
        if isinstance(value, Decimal):
            return float(value)
        if isinstance(value, float):
            return float(f"{value:.9g}")
        return value

    return sorted(([(name, plain(v)) for name, v in row] for row in rows), key=repr)


def assert_same_tables(embedded, prefix=""):
    """All fourteen tables, row for row; but when and from which folder a row was loaded."""
    names = tables(embedded)
    assert len(names) == 14
    with DatabricksWarehouse("dev").connect() as connection, embedded.warehouse() as here:
        for name in names:
            there = connection.run(f"select * from {prefix}{name}").to_pylist()
            rows = here.sql(f"select * from {name}").to_arrow_table().to_pylist()
            chosen = [n for n in rows[0] if n not in ("_loaded_at", "_source_file")]
            assert comparable([[(n, row[n]) for n in chosen] for row in rows]) == comparable(
                [[(n, row[n]) for n in chosen] for row in there]
            ), name


def build_on_both_and_compare(folder, prefix=""):
    """From nothing, after a changed and a new session, and after a full refresh."""
    embedded = make_project(folder / "embedded")
    other = on_databricks(make_project(folder / "other"))
    for project in (embedded, other):
        project.config["extract"]["num_sessions"] = 3
        project.run()
    assert_same_tables(embedded, prefix)
    assert other.run().did_nothing
    for project in (embedded, other):
        path = project.landing(90002, "laps")
        path.write_text(json.dumps(json.loads(path.read_text())[:-40]))
        project.config["extract"]["num_sessions"] = 4
        project.run()
    assert_same_tables(embedded, prefix)
    for project in (embedded, other):
        project.config["dbt"] = {"full_refresh": True}
        project.run("--forcerun", "build_silver")
    assert_same_tables(embedded, prefix)
    other.run("report")
    other.run("optimize")
    assert_same_tables(embedded, prefix)


@pytest.mark.slow
def test_both_warehouses_hold_the_same(double, tmp_path):  # noqa: ARG001
    build_on_both_and_compare(tmp_path)


@pytest.mark.databricks
def test_a_real_workspace_holds_the_same(tmp_path, monkeypatch):
    """In schemas of its own, which it removes."""
    if missing := [n for n in ("DATABRICKS_HOST", "DATABRICKS_HTTP_PATH") if not os.environ.get(n)]:
        pytest.skip(f"no workspace: {' and '.join(missing)} not set")
    prefix = f"f1_test_{uuid.uuid4().hex[:8]}_"
    monkeypatch.setenv("F1_SCHEMA_PREFIX", prefix)
    try:
        build_on_both_and_compare(tmp_path, prefix)
    finally:
        names = ("bronze_raw", "default_silver_clean", "default_gold_analytics", "default_seeds")
        with DatabricksWarehouse("dev").connect() as connection:
            for name in names:
                connection.run(f"drop schema if exists {prefix}{name} cascade")


@pytest.mark.slow
def test_killed_load_is_completed_by_the_next_run(double, tmp_path, monkeypatch):
    monkeypatch.setenv("F1_SCHEMA_PREFIX", "killed_")
    project = on_databricks(make_project(tmp_path / "f1"))
    process = subprocess.Popen(
        snakemake_command(project, "bronze"),
        cwd=project.folder,
        env=project_environment(project),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.STDOUT,
    )
    while "put" not in verbs(double):
        assert process.poll() is None
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=0.02)
    for victim in [*psutil.Process(process.pid).children(recursive=True), process]:
        with contextlib.suppress(ProcessLookupError):
            os.kill(victim.pid, signal.SIGKILL)
    process.wait()
    project.run("--unlock")
    project.run("bronze")
    with DatabricksWarehouse("dev").connect() as connection:
        rows = "select session_key, count(*) as n from killed_bronze_raw.bronze_drivers group by 1"
        counted = connection.run(rows).to_pylist()
        left = connection.run(f"list '/Volumes/{CATALOG}/killed_bronze_raw/staging'").to_pylist()
    assert sorted(row["n"] for row in counted) == [20, 20]
    assert not left
