"""The API's answers and limits, seen from the client, against a real HTTP server."""

import json
import subprocess
import sys
import time
from tempfile import TemporaryDirectory

import pytest
from f1_pipeline import PipelineError, extraction, openf1, sample
from f1_pipeline.openf1 import LiveSession, OpenF1, TooMuchData
from hypothesis import given, settings
from hypothesis import strategies as st
from openf1_server import OpenF1Server

SESSION = sample.session_row(*sample.SESSIONS[5])
KEY = SESSION["session_key"]


@pytest.fixture(autouse=True)
def short_waits(monkeypatch):
    """Retries wait a fraction of what the hosted API is given."""
    monkeypatch.setattr(openf1, "FIRST_WAIT", 0.01)
    monkeypatch.setattr(openf1, "LONGEST_WAIT", 0.05)


@pytest.fixture
def client(tmp_path):
    clients = []

    def connect(server, per_second=1000, per_minute=10_000):
        clients.append(OpenF1(server.url, per_second, per_minute, tmp_path / "limits.sqlite"))
        return clients[-1]

    yield connect
    for each in clients:
        each.close()


def ordered(rows):
    return sorted(json.dumps(row, sort_keys=True) for row in rows)


def test_session_arrives_whole_in_one_request_an_endpoint(client):
    with OpenF1Server() as server:
        rows = extraction.fetch_session(client(server), SESSION)
        assert len(server.requests) == 3
    assert rows["sessions"] == [SESSION]
    for name, expected in sample.session_rows(KEY).items():
        assert ordered(rows[name]) == ordered(expected)


def test_no_rows_is_an_answer(client):
    with OpenF1Server() as server:
        assert client(server).get("laps", [("session_key", "=", 1)]) == []
        assert len(server.requests) == 1


@settings(max_examples=5, deadline=None)
@given(max_rows=st.integers(min_value=300, max_value=4_000))
def test_large_answers_are_asked_for_in_parts_that_join_without_loss(max_rows):
    with (
        TemporaryDirectory() as folder,
        OpenF1Server(max_rows=max_rows) as server,
        OpenF1(server.url, 10**6, 10**7, f"{folder}/limits.sqlite") as api,
    ):
        rows = extraction.fetch(api, "location", SESSION, [1, 4, 63])
    assert ordered(rows) == ordered(sample.session_rows(KEY)["location"])


def test_too_much_even_for_the_smallest_part_is_an_error(client):
    with OpenF1Server(max_rows=0.5) as server:
        with pytest.raises(TooMuchData):
            client(server).get("laps", [("session_key", "=", KEY)])
        with pytest.raises(PipelineError, match="location: the API calls even"):
            extraction.fetch(client(server), "location", SESSION, [])


@pytest.mark.parametrize(
    "trouble",
    [(500, "<html>"), (503, ""), (429, {}), (200, "<html>Just a moment"), (200, None), (0, "")],
)
def test_what_may_pass_is_asked_again(client, trouble):
    with OpenF1Server() as server:
        server.answers = [trouble, trouble]
        assert client(server).get("drivers", [("session_key", "=", KEY)])
        assert len(server.requests) == 3


def test_lasting_trouble_ends_in_one_line(client):
    with OpenF1Server(faults=1.0) as server:
        with pytest.raises(PipelineError) as error:
            client(server).get("laps", [("session_key", "=", KEY)])
        assert len(server.requests) == openf1.ATTEMPTS
    assert f"{server.url}/laps?session_key={KEY}: no good answer" in str(error.value)


def test_live_session_means_later(client):
    with OpenF1Server() as server:
        server.live = True
        with pytest.raises(LiveSession, match="Run again later"):
            client(server).get("sessions")
        assert len(server.requests) == 1


def test_failed_fetch_leaves_the_folder_as_it_was(client, tmp_path):
    folder = tmp_path / "landing" / str(KEY)
    extraction.land(folder, {"laps": [{"lap_number": 1}]})
    with OpenF1Server() as server:
        server.answers = [(200, [{"driver_number": 1}]), (400, "bad request")]
        with pytest.raises(PipelineError, match="status 400"):
            extraction.land(folder, extraction.fetch_session(client(server), SESSION))
    assert [path.name for path in folder.iterdir()] == ["laps.json"]
    assert json.loads((folder / "laps.json").read_text()) == [{"lap_number": 1}]


def test_unchanged_content_is_not_written_again(tmp_path):
    first = extraction.land(tmp_path, {"laps": [{"lap_number": 1}], "drivers": []})
    before = (tmp_path / "laps.json").stat().st_mtime_ns
    assert extraction.land(tmp_path, {"laps": [{"lap_number": 1}], "drivers": []}) == first
    assert (tmp_path / "laps.json").stat().st_mtime_ns == before


@pytest.mark.parametrize(
    ("per_second", "per_minute", "limits"),
    [(3, 30, [3, 30]), (6, 60, [6, 60]), (5, 5, [5]), (9, 4, [4]), (2, 10_000, [2])],
)
def test_any_pair_of_limits_is_understood(per_second, per_minute, limits):
    assert [rate.limit for rate in openf1.binding_rates(per_second, per_minute)] == limits


def test_processes_share_one_limit(tmp_path):
    """Twelve requests by three processes under five a second: none too many, no long pause."""
    ask = (
        "import sys; from f1_pipeline.openf1 import OpenF1\n"
        "api = OpenF1(sys.argv[1], 5, 1000, sys.argv[2])\n"
        "for _ in range(4): api.get('sessions')\n"
        "api.close()"
    )
    with OpenF1Server(per_second=5) as server:
        started = time.monotonic()
        command = [sys.executable, "-c", ask, server.url, str(tmp_path / "limits.sqlite")]
        processes = [subprocess.Popen(command) for _ in range(3)]
        assert [process.wait() for process in processes] == [0, 0, 0]
        statuses = [status for _, _, status in server.requests]
        assert statuses == [200] * 12
        assert server.requests[-1][0] - started > 2 * 1.0
