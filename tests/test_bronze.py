"""Loading landing JSON into bronze: what is typed, what is replaced, and what is refused."""

import json
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from f1_pipeline import PipelineError
from f1_pipeline.bronze import load_table, summarise
from f1_pipeline.endpoints import Endpoint, endpoints
from f1_pipeline.warehouse import DuckDBWarehouse
from hypothesis import given, settings
from hypothesis import strategies as st

SESSION = {
    "session_key": 1, "meeting_key": 9, "session_type": "Race", "session_name": "Race",
    "date_start": "2025-03-16T04:00:00+00:00", "date_end": "2025-03-16T06:00:00+00:00",
    "year": 2025, "gmt_offset": "11:00:00",
}  # fmt: skip
LAP = {"session_key": 1, "meeting_key": 9, "driver_number": 44, "lap_number": 1}
LOCATION = {
    "session_key": 1, "meeting_key": 9, "driver_number": 44,
    "date": "2025-03-16T04:00:00.123000+00:00", "x": 10, "y": -20, "z": 3,
}  # fmt: skip
RESULT = {"session_key": 1, "meeting_key": 9, "driver_number": 44}


class Bronze:
    """A landing folder and the bronze table of one endpoint."""

    def __init__(self, folder, name):
        self.endpoint, self.landing = endpoints()[name], folder / "landing"
        self.warehouse = DuckDBWarehouse(folder / "test.duckdb")

    def lay(self, session_key, content):
        path = self.landing / str(session_key) / self.endpoint.file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return path

    def load(self, last_receipt=None):
        paths = sorted(map(str, self.landing.glob(f"*/{self.endpoint.file}")))
        with self.warehouse.connect() as connection:
            return load_table(connection, self.endpoint, paths, last_receipt)

    def rows(self, columns="*"):
        with self.warehouse.connect() as connection:
            return connection.connection.execute(
                f"select {columns} from bronze_raw.{self.endpoint.table} order by all"
            ).fetchall()


@pytest.fixture
def bronze(tmp_path):
    return lambda name: Bronze(tmp_path, name)


def test_values_are_typed(bronze):
    laps = bronze("laps")
    segments = [None, 2048, 2049]
    laps.lay(1, [LAP | {"date_start": "2025-03-16T15:08:33+11:00", "lap_duration": 90,
                        "segments_sector_1": segments, "segments_sector_2": []}])  # fmt: skip
    laps.load()
    assert laps.rows(
        "date_start, lap_duration, segments_sector_1, segments_sector_2, i1_speed"
    ) == [(datetime(2025, 3, 16, 4, 8, 33, tzinfo=UTC), 90.0, segments, [], None)]
    ((source, digest, loaded_at),) = laps.rows("_source_file, _file_digest, _loaded_at")
    assert source.endswith("landing/1/laps.json") and len(digest) == 64
    assert abs((datetime.now(UTC) - loaded_at).total_seconds()) < 60


def test_session_is_replaced_whole_and_others_stay(bronze):
    laps = bronze("laps")
    laps.lay(1, [LAP, LAP | {"lap_number": 2}, LAP | {"lap_number": 3}])
    laps.lay(2, [LAP | {"session_key": 2}])
    receipt = laps.load()
    before = laps.rows("session_key, _loaded_at")
    assert laps.load(receipt) == receipt
    assert laps.rows("session_key, _loaded_at") == before, "the same content is not loaded again"
    laps.lay(1, [LAP | {"lap_number": 2}])
    laps.load(receipt)
    assert laps.rows("session_key, lap_number") == [(1, 2), (2, 1)]
    assert laps.rows("session_key, _loaded_at")[1] == before[-1]


def test_receipt_depends_on_content_alone(bronze):
    laps = bronze("laps")
    laps.lay(1, [LAP | {"tyre": "soft"}, LAP | {"lap_number": 2}])
    receipt = laps.load()
    assert receipt["sessions"]["1"]["unknown_fields"] == {"tyre": 1}
    laps.lay(2, [LAP | {"session_key": 2}])
    both = laps.load(receipt)
    assert laps.load() == both, "a lost receipt comes back the same, without loading again"


def test_new_field_becomes_a_column_and_every_session_is_loaded_anew(bronze):
    laps = bronze("laps")
    laps.lay(1, [LAP | {"tyre": "soft"}])
    laps.lay(2, [LAP | {"session_key": 2}])
    laps.load()
    old = laps.endpoint
    laps.endpoint = Endpoint("laps", old.table, old.required, old.optional | {"tyre": "string"})
    receipt = laps.load()
    assert receipt["sessions"]["1"]["unknown_fields"] == {}
    assert laps.rows("session_key, tyre") == [(1, "soft"), (2, None)]


def test_file_that_is_gone_or_emptied_takes_its_rows_with_it(bronze):
    laps = bronze("laps")
    gone, emptied = laps.lay(1, [LAP]), laps.lay(2, [LAP | {"session_key": 2}])
    laps.lay(3, [LAP | {"session_key": 3}])
    laps.load()
    gone.unlink()
    emptied.write_text("[ ]\n")
    receipt = laps.load()
    assert laps.rows("session_key") == [(3,)]
    assert receipt["sessions"]["2"]["rows"] == 0


@pytest.mark.parametrize(
    ("name", "rows", "told"),
    [
        ("laps", [LAP, LAP | {"lap_number": "two"}], "row 2: field lap_number must be integer"),
        ("laps", [LAP | {"lap_number": "2"}], "row 1: field lap_number must be integer, not '2'"),
        ("laps", [LAP | {"lap_number": 2.5}], "row 1: field lap_number must be integer, not 2.5"),
        ("laps", [LAP | {"lap_number": True}], "row 1: field lap_number must be integer"),
        ("laps", [LAP | {"lap_number": 2**40}], "row 1: field lap_number must be integer"),
        ("laps", [LAP | {"lap_number": None}], "row 1: field lap_number is missing"),
        ("laps", [LAP | {"lap_duration": "fast"}], "row 1: field lap_duration must be double"),
        ("laps", [LAP | {"date_start": "now"}], "row 1: field date_start must be timestamp"),
        ("laps", [LAP | {"date_start": 5}], "row 1: field date_start must be timestamp, not 5"),
        ("laps", [LAP | {"is_pit_out_lap": "yes"}], "row 1: field is_pit_out_lap must be boolean"),
        ("laps", [LAP | {"segments_sector_1": [1, "2"]}], "field segments_sector_1 must be int"),
        ("laps", [LAP | {"segments_sector_1": 2048}], "field segments_sector_1 must be int"),
        ("laps", [{k: v for k, v in LAP.items() if k != "session_key"}], "session_key is missing"),
        ("laps", [LAP, LAP | {"session_key": 7}], "row 2: field session_key is 7, but the folder"),
        ("laps", [LAP, 5], "row 2: not an object but 5"),
        ("laps", {"detail": "No results found."}, "not a JSON array"),
        ("laps", "<html>Just a moment...</html>", "is not JSON"),
        ("laps", json.dumps([LAP])[:-9], "is not JSON"),
        ("laps", json.dumps([LAP])[:-1] + ",", "the array has no end"),
        ("session_result", [RESULT | {"duration": {"q1": 80.1}}], "field duration must be mixed"),
        ("session_result", [RESULT | {"duration": ["80.1"]}], "field duration must be mixed"),
        ("laps", "", "is not JSON"),
        ("location", [LOCATION, LOCATION | {"x": "5"}], "row 2: field x must be integer, not '5'"),
        ("location", [LOCATION | {"x": 5.5}], "row 1: field x must be integer, not 5.5"),
        ("location", [LOCATION | {"x": True}], "row 1: field x must be integer, not True"),
        ("location", [LOCATION | {"session_key": 7}], "row 1: field session_key is 7"),
        ("sessions", [SESSION | {"session_name": 5}], "row 1: field session_name must be string"),
        ("sessions", [SESSION | {"year": None}], "row 1: field year is missing"),
    ],
)  # fmt: skip
def test_bad_input_is_refused_in_one_line_and_nothing_changes(bronze, name, rows, told):
    table = bronze(name)
    good = {"laps": LAP, "location": LOCATION, "sessions": SESSION, "session_result": RESULT}[name]
    table.lay(1, [good])
    table.lay(2, [good | {"session_key": 2}])
    table.load()
    before = table.rows()
    table.lay(2, [good | {"session_key": 2}, good | {"session_key": 2}])
    path = table.lay(1, rows)
    with pytest.raises(PipelineError) as refusal:
        table.load()
    assert str(path) in str(refusal.value) and told in str(refusal.value)
    assert "\n" not in str(refusal.value)
    assert table.rows() == before


def test_mixed_field_keeps_its_raw_form_beside_typed_readings(bronze):
    results = bronze("session_result")
    values = [91.5, 3, "+1 LAP", "+12 LAPS", [75.7, None, 74.6], [], None, "DNF"]
    results.lay(1, [RESULT | {"driver_number": n, "duration": v} for n, v in enumerate(values)])
    results.load()
    columns = "duration, duration_number, duration_numbers, duration_laps"
    assert [row[1:] for row in results.rows(f"driver_number, {columns}")] == [
        ("91.5", 91.5, None, None),
        ("3", 3.0, None, None),
        ('"+1 LAP"', None, None, 1),
        ('"+12 LAPS"', None, None, 12),
        ("[75.7,null,74.6]", None, [75.7, None, 74.6], None),
        ("[]", None, [], None),
        (None, None, None, None),
        ('"DNF"', None, None, None),
    ]


def test_endpoint_without_session_key_takes_that_of_its_folder(bronze):
    meetings = bronze("meetings")
    row = {"meeting_key": 9, "meeting_name": "Italian Grand Prix", "year": 2025,
           "date_start": "2025-09-05T11:30:00+00:00"}  # fmt: skip
    meetings.lay(1, [row])
    meetings.lay(2, [row])
    meetings.load()
    assert meetings.rows("session_key, meeting_key") == [(1, 9), (2, 9)]


SOME_VALUE = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**40), 2**40), st.integers(0, 9),
    st.floats(-1e9, 1e9), st.sampled_from(["", "5", "+1 LAP", "2025-03-16T04:00:00+00:00"]),
    st.lists(st.one_of(st.none(), st.integers(0, 3000), st.just(1.5), st.just("x")), max_size=3),
)  # fmt: skip
RIGHT = {
    "integer": lambda v: type(v) is int and -(2**31) < v < 2**31,
    "double": lambda v: type(v) in (int, float),
    "boolean": lambda v: type(v) is bool,
    "timestamp": lambda v: isinstance(v, str) and v.startswith("2025"),
    "integer[]": lambda v: isinstance(v, list) and all(type(x) in (int, type(None)) for x in v),
    "mixed": lambda v: (
        type(v) in (int, float, str)
        or (isinstance(v, list) and all(type(x) in (int, float, type(None)) for x in v))
    ),
}


@settings(max_examples=60, deadline=None)
@given(
    where=st.sampled_from([
        ("laps", "i1_speed"), ("laps", "lap_duration"), ("laps", "is_pit_out_lap"),
        ("laps", "date_start"), ("laps", "segments_sector_1"), ("location", "x"),
        ("session_result", "duration"),
    ]),
    values=st.lists(SOME_VALUE, min_size=1, max_size=4),
)  # fmt: skip
def test_rows_are_loaded_exactly_where_every_value_has_its_type(where, values):
    name, field = where
    good = {"laps": LAP, "location": LOCATION, "session_result": RESULT}[name]
    right = RIGHT[endpoints()[name].fields[field]]
    wrong = [n for n, value in enumerate(values, 1) if value is not None and not right(value)]
    with TemporaryDirectory() as folder:
        table = Bronze(Path(folder), name)
        table.lay(1, [good | {field: value} for value in values])
        if not wrong:
            assert table.load()["rows"] == len(values)
            return
        with pytest.raises(PipelineError, match=f"row {wrong[0]}: field {field} must be"):
            table.load()


def test_unknown_field_in_a_file_of_whole_rows_is_seen(bronze):
    """Such files take a short cut; a field too many must not slip through it."""
    locations = bronze("location")
    locations.lay(1, [LOCATION, LOCATION | {"x": -1, "status": "OnTrack"}])
    assert locations.load()["sessions"]["1"]["unknown_fields"] == {"status": 1}


def test_summary_names_incomplete_sessions_and_why(bronze, tmp_path):
    laps, sessions = bronze("laps"), bronze("sessions")
    laps.lay(1, [LAP])
    laps.lay(2, [])
    sessions.lay(2, [SESSION | {"session_key": 2}])
    found = summarise([sessions.load(), laps.load()])
    assert found["rows"] == {"bronze_sessions": 1, "bronze_laps": 1}
    assert found["sessions_incomplete"] == {
        "1": ["bronze_sessions: no file"],
        "2": [f"bronze_laps: no rows in {tmp_path}/landing/2/laps.json"],
    }


def test_landing_path_with_odd_characters(tmp_path):
    laps = Bronze(tmp_path / "a folder's [1] *name", "laps")
    laps.lay(1, [LAP])
    assert laps.load()["rows"] == 1
