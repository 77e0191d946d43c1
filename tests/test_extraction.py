"""The API's answers and limits, seen from the client, against a real HTTP server."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from f1_pipeline import PipelineError, extraction, landing, openf1, sample
from f1_pipeline.openf1 import LiveSession, OpenF1, TooMuchData
from openf1_server import OpenF1Server

SESSION = sample.session_row(*sample.SESSIONS[5])
KEY = SESSION["session_key"]
ENTRY = {"revision": 4, "listed": {"sessions": [SESSION]}}
FAST = {"requests_per_second": 10**6, "requests_per_minute": 10**7}


@pytest.fixture(autouse=True)
def short_waits(monkeypatch, tmp_path):
    """Retries wait a fraction of what the hosted API is given; limits are counted apart."""
    monkeypatch.setattr(openf1, "FIRST_WAIT", 0.01)
    monkeypatch.setattr(openf1, "LONGEST_WAIT", 0.05)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


@pytest.fixture
def client():
    clients = []

    def connect(server, **limits):
        clients.append(OpenF1(server.url, **FAST | limits))
        return clients[-1]

    yield connect
    for each in clients:
        each.close()


@pytest.fixture
def config(tmp_path):
    return {
        "paths": {"data": str(tmp_path), "landing": str(tmp_path / "landing")},
        "extract": {"endpoints": ["drivers", "laps", "location"]},
    }


def extract(api, config, last_receipt=None, entry=ENTRY):
    receipt, arrival = extraction.extract(api, config, entry, last_receipt)
    arrival.forget()
    return receipt


def landed(config, endpoint, key=KEY):
    return json.loads(Path(config["paths"]["landing"], str(key), f"{endpoint}.json").read_bytes())


def ordered(rows):
    return sorted(json.dumps(row, sort_keys=True) for row in rows)


def assert_complete(config):
    for name, expected in sample.session_rows(KEY).items():
        assert ordered(landed(config, name)) == ordered(expected), name
    assert landed(config, "sessions") == [SESSION]


def test_session_arrives_whole_in_one_request_an_endpoint(client, config):
    with OpenF1Server() as server:
        receipt = extract(client(server), config)
        assert len(server.requests) == 3
    assert_complete(config)
    path = Path(config["paths"]["landing"], str(KEY), "laps.json")
    assert receipt["endpoints"]["laps"] == {
        "rows": len(landed(config, "laps")),
        "cut": [],
        "digest": landing.digest_of(path),
        "found": True,
    }


def test_no_rows_is_an_answer_and_the_receipt_says_so(client, config):
    nothing = lambda endpoint, key: [] if endpoint == "location" else sample_rows(endpoint, key)  # noqa: E731
    with OpenF1Server(rows=nothing) as server:
        assert client(server).get("laps", [("session_key", "=", 1)]) == []
        receipt = extract(client(server), config)
        assert len(server.requests) == 1 + 3
    assert landed(config, "location") == []
    assert receipt["endpoints"]["location"]["found"] is False
    assert extraction.summarise(config, {str(KEY): receipt})["sessions_without_rows"] == {
        "location": [str(KEY)]
    }


def sample_rows(endpoint, key):
    return sample.SampleApi().get(endpoint, [("session_key", "=", key)] if key else [])


@pytest.mark.parametrize("max_rows", [500, 1700])
def test_large_answers_arrive_in_parts_that_join_without_loss(client, config, max_rows):
    with OpenF1Server(max_rows=max_rows) as server:
        receipt = extract(client(server), config)
        assert_complete(config)
        statuses = [status for _, _, status in server.requests]
        server.requests.clear()
        again = extract(client(server), config, receipt)
        assert 422 in statuses
        assert 422 not in [status for _, _, status in server.requests], "what worked is remembered"
        assert again == receipt
    assert_complete(config)


def test_too_much_even_for_the_smallest_part_is_an_error(client, config):
    with OpenF1Server(max_rows=0.5) as server:
        with pytest.raises(TooMuchData):
            client(server).get("laps", [("session_key", "=", KEY)])
        with pytest.raises(PipelineError, match=r"drivers\?session_key=90006: the API calls even"):
            extract(client(server), config)


TROUBLE = [
    (500, "<html>"), (503, ""), (429, {}), (200, "<html>Just a moment"), (200, None), (0, ""),
    (200, '[{"driver_number": 1},'), (200, {"detail": "?"}), (200, ""),
]  # fmt: skip


@pytest.mark.parametrize("trouble", TROUBLE)
def test_what_may_pass_is_asked_again(client, trouble):
    with OpenF1Server() as server:
        server.answers = [trouble, trouble]
        assert client(server).get("drivers", [("session_key", "=", KEY)])
        assert len(server.requests) == 3


def test_retry_after_is_waited_for(client):
    with OpenF1Server() as server:
        server.answers, server.retry_after = [(429, {})], 1
        client(server).get("drivers", [("session_key", "=", KEY)])
        (first, _, _), (second, _, _) = server.requests
        assert second - first >= 1


def test_every_session_arrives_complete_through_many_faults(client, config):
    with OpenF1Server(faults=0.3, max_rows=500) as server:
        extract(client(server), config)
        met = [status for _, _, status in server.requests]
        assert 422 in met and sum(status in (0, 500, 503) for status in met) >= 2
    assert_complete(config)


def test_lasting_trouble_ends_in_one_line(client):
    with OpenF1Server(faults=1.0) as server:
        with pytest.raises(PipelineError) as error:
            client(server).get("laps", [("session_key", "=", KEY)])
        assert len(server.requests) == openf1.ATTEMPTS
    assert f"{server.url}/laps?session_key={KEY}: no good answer" in str(error.value)
    assert "\n" not in str(error.value)


def test_live_session_means_later(client):
    with OpenF1Server() as server:
        server.live = True
        with pytest.raises(LiveSession):
            client(server).get("sessions")
        assert len(server.requests) == 1


def test_who_pays_is_served_while_a_session_is_live(client, monkeypatch):
    monkeypatch.setenv("OPENF1_USERNAME", "lella")
    monkeypatch.setenv("OPENF1_PASSWORD", "s3cret&")
    with OpenF1Server() as server:
        server.live, server.users = True, {"lella": "s3cret&"}
        api = client(server)
        assert api.get("sessions") and api.get("sessions")
        assert [path for path in server.paths() if "token" in path] == ["/token"]
        server.token_seconds = openf1.RENEW_BEFORE - 1
        api = client(server)
        assert api.get("sessions") and api.get("sessions")
        assert server.paths().count("/token") == 3, "renewed before its time is over"
        assert not any("s3cret" in path for path in server.paths())


def test_token_of_the_environment_is_sent(client, monkeypatch):
    monkeypatch.setenv("OPENF1_TOKEN", "mine")
    with OpenF1Server() as server:
        server.live, server.tokens = True, {"mine"}
        assert client(server).get("sessions")
        assert server.paths() == ["/v1/sessions"]


@pytest.mark.parametrize(
    ("environment", "told"),
    [
        ({"OPENF1_TOKEN": "stale"}, "401, the token was refused: look at OPENF1_TOKEN"),
        ({"OPENF1_USERNAME": "lella", "OPENF1_PASSWORD": "wr0ng"}, "OPENF1_PASSWORD): status 401"),
        ({"OPENF1_USERNAME": "lella"}, "go together: set both, or neither"),
    ],
)
def test_credentials_that_do_not_serve_are_named_and_not_shown(
    client, monkeypatch, environment, told
):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with OpenF1Server() as server:
        server.live, server.users = True, {"lella": "s3cret"}
        with pytest.raises(PipelineError) as error:
            client(server).get("sessions")
        assert told in str(error.value)
        assert "stale" not in str(error.value) and "wr0ng" not in str(error.value)
        assert not isinstance(error.value, LiveSession)


def test_failed_fetch_leaves_the_folder_as_it_was_and_the_next_one_goes_on(client, config):
    folder = Path(config["paths"]["landing"], str(KEY))
    folder.mkdir(parents=True)
    landing.write_rows(folder / "laps.json", [{"lap_number": 1}])
    with OpenF1Server() as server:
        server.answers = [(200, [{"driver_number": 1}]), (400, "bad request")]
        with pytest.raises(PipelineError, match="status 400"):
            extract(client(server), config)
        assert [path.name for path in folder.iterdir()] == ["laps.json"]
        assert landed(config, "laps") == [{"lap_number": 1}]
        server.requests.clear()
        extract(client(server), config)
        assert [path.split("?")[0] for path in server.paths()] == ["/v1/laps", "/v1/location"]
    assert landed(config, "drivers") == [{"driver_number": 1}]
    assert not list(Path(config["paths"]["landing"]).glob(".arriving/*"))


def test_parts_of_an_earlier_revision_are_not_used(client, config):
    with OpenF1Server() as server:
        server.answers = [(200, [{"driver_number": 1}]), (400, "bad request")]
        with pytest.raises(PipelineError):
            extract(client(server), config)
        extract(client(server), config, entry=ENTRY | {"revision": 5})
    assert_complete(config)


def test_only_what_is_missing_is_fetched_where_a_file_is_gone(client, config):
    with OpenF1Server() as server:
        receipt = extract(client(server), config)
        Path(config["paths"]["landing"], str(KEY), "laps.json").unlink()
        server.requests.clear()
        assert extract(client(server), config, receipt) == receipt
        assert len(server.requests) == 1
        server.requests.clear()
        config["extract"]["endpoints"].append("stints")
        extract(client(server), config, receipt)
        assert len(server.requests) == 1
    assert_complete(config)


def test_unchanged_content_is_not_written_again(client, config):
    with OpenF1Server() as server:
        first = extract(client(server), config)
        path = Path(config["paths"]["landing"], str(KEY), "laps.json")
        before = path.stat().st_mtime_ns
        assert extract(client(server), config) == first
        assert path.stat().st_mtime_ns == before


def test_files_that_were_moving_when_the_run_was_killed_are_moved_by_the_next(client, config):
    with OpenF1Server() as server:
        receipt, arrival = extraction.extract(client(server), config, ENTRY)
        laps = Path(config["paths"]["landing"], str(KEY), "laps.json")
        laps.replace(arrival.staged("laps"))
        landing.finish_all(config["paths"]["landing"])
        assert laps.exists()
        server.requests.clear()
        assert extract(client(server), config) == receipt
        assert not server.requests
    assert_complete(config)


@pytest.mark.parametrize(
    ("per_second", "per_minute", "limits"),
    [(3, 30, [3, 30]), (6, 60, [6, 60]), (5, 5, [5]), (9, 4, [4]), (2, 10_000, [2])],
)
def test_any_pair_of_limits_is_understood(per_second, per_minute, limits):
    assert [rate.limit for rate in openf1.binding_rates(per_second, per_minute)] == limits


ASK = """
import sys
from f1_pipeline.openf1 import OpenF1
url, per_second, per_minute, number = sys.argv[1], *map(int, sys.argv[2:])
with OpenF1(url, per_second, per_minute) as api:
    for _ in range(number):
        api.get("drivers", [("session_key", "=", 90001)])
"""


def ask_in_processes(server, processes, *limits_and_number):
    """Seconds from the first of their requests to the last."""
    command = [sys.executable, "-c", ASK, server.url, *map(str, limits_and_number)]
    running = [subprocess.Popen(command) for _ in range(processes)]
    assert {process.wait() for process in running} == {0}
    return server.requests[-1][0] - server.requests[0][0]


def test_processes_share_one_limit(tmp_path, monkeypatch):
    """Twelve requests by three processes under five a second: none too many, no long pause."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with OpenF1Server(per_second=5) as server:
        took = ask_in_processes(server, 3, 5, 1000, 4)
        assert [status for _, _, status in server.requests] == [200] * 12
    assert took > 2.0


@pytest.mark.slow
def test_300_requests_by_four_processes_keep_both_limits_and_waste_no_time(tmp_path, monkeypatch):
    """Two full minutes and half of a third: what the windows allow, and not a tenth more."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with OpenF1Server(per_second=30, per_minute=120) as server:
        took = ask_in_processes(server, 4, 30, 120, 75)
        assert [status for _, _, status in server.requests] == [200] * 300
    assert 120 < took < 1.1 * (120 + 60 / 30)
