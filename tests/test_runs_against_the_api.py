"""Whole runs of Snakemake against an HTTP server that behaves as the API does."""

import contextlib
import json
import os
import signal
import subprocess
from datetime import datetime, timedelta

import psutil
import pytest
from conftest import project_environment, snakemake_command
from f1_pipeline import sample
from openf1_server import OpenF1Server, sample_rows

RACE, QUALIFYING = 90003, 90008
END = datetime.fromisoformat("2026-03-28T07:00+00:00")  # of the qualifying


class Api(OpenF1Server):
    """The server, and rows of its sessions that a test may change: {endpoint: change(rows)}."""

    def __init__(self, **more):
        super().__init__(rows=self.changed, **more)
        self.changes = {}

    def changed(self, endpoint, key):
        rows = sample_rows(endpoint, key)
        return self.changes.get(endpoint, lambda rows: rows)(rows)


@pytest.fixture
def api():
    with Api() as server:
        yield server


@pytest.fixture
def live(new_project, api, monkeypatch, tmp_path):
    """A project that asks the server, fast, with a clock that `at(hours after END)` sets."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    limits = {"requests_per_second": 10**6, "requests_per_minute": 10**7}
    new_project.config = {
        "openf1": {"base_url": api.url, **limits},
        "extract": {"mode": "sessions", "session_keys": [QUALIFYING]},
    }

    def at(hours):
        monkeypatch.setenv("F1_CLOCK", (END + timedelta(hours=hours)).isoformat())
        return new_project

    new_project.at = at
    at(100)
    return new_project


@pytest.mark.slow
def test_session_is_fetched_again_at_its_ages_and_never_afterwards(live, api):
    seen = []
    for hours in (-0.5, -0.4, 0.2, 0.9, 1.5, 6.1, 7, 49, 500, 5000):
        api.requests.clear()
        live.at(hours).run("extraction")
        seen.append(sum("laps" in path for path in api.paths()))
    assert seen == [1, 0, 1, 0, 1, 1, 0, 1, 0, 0]


@pytest.mark.slow
def test_corrected_answer_flows_to_the_marts_and_an_unchanged_one_triggers_nothing(live, api):
    api.changes["laps"] = lambda rows: rows[:-5]
    live.at(1.2).run()
    board = "select * from default_gold_analytics.session_leaderboard order by all"
    before = live.query(board)
    assert live.at(2).run().jobs == {"catalogue": 1, "mark_extraction": 1}
    assert live.at(7).run().jobs == {"catalogue": 1, "extract_session": 1, "mark_extraction": 1}
    del api.changes["laps"]
    jobs = live.at(49).run().jobs
    assert jobs["load_bronze"] == 1 and jobs["build_gold_marts"] == 1
    assert live.query(board) != before
    assert live.at(49.2).run().did_nothing


@pytest.mark.slow
def test_no_rows_are_asked_for_again_at_the_next_revision(live, api):
    api.changes["location"] = lambda _: []
    live.at(0.5).run("extraction")
    assert live.marker("api_extracted_data")["sessions_without_rows"] == {
        "location": [str(QUALIFYING)]
    }
    del api.changes["location"]
    live.at(1.5).run("extraction")
    assert live.marker("api_extracted_data")["sessions_without_rows"] == {}
    assert len(json.loads(live.landing(QUALIFYING, "location").read_text())) > 1_000


@pytest.mark.slow
def test_live_session_puts_the_extraction_off_and_builds_the_rest(live, api):
    """75 is EX_TEMPFAIL: what is wanted failed for now, and is worth trying again."""
    live.at(-5).config["extract"]["session_keys"] = [RACE]
    live.run("extraction")
    live.config["extract"]["session_keys"] = [RACE, QUALIFYING]
    api.live = True
    rows = json.loads(live.landing(RACE, "laps").read_text())
    live.landing(RACE, "laps").write_text(json.dumps(rows[:-1]))
    run = live.at(-0.2).run(status=75)
    assert "until 2026-03-28 07:30 UTC" in run.output and "OPENF1_TOKEN" in run.output
    assert run.jobs["build_gold_marts"] == 1
    assert live.query("select distinct session_key from default_gold_analytics.fact_laps") == [
        (RACE,)
    ]
    asked = len(api.requests)
    assert live.at(-0.1).run(status=75).jobs == {"catalogue": 1, "mark_extraction": 1}
    assert len(api.requests) == asked + 1, "one question is enough to know"
    api.live = False
    assert live.at(0.6).run().jobs["extract_session"] == 1


@pytest.mark.slow
def test_session_that_goes_live_during_the_extraction(live, api):
    live.config["extract"]["session_keys"] = [RACE, QUALIFYING]
    live.run("extraction")
    before = live.marker("api_extracted_data")["sessions_extracted"]
    for path in (live.data / "catalogue" / "sessions").iterdir():
        entry = json.loads(path.read_text())
        path.write_text(json.dumps(entry | {"revision": 9}))
    api.live = True
    run = live.run(status=75)
    assert run.jobs["extract_session"] == 2 and run.jobs["build_gold_marts"] == 1
    assert live.marker("api_extracted_data")["sessions_extracted"] == before
    api.live = False
    assert live.run().jobs["extract_session"] == 2


def test_live_session_with_nothing_in_landing(live, api):
    api.live = True
    run = live.run(status=75)
    assert "A session is live" in run.output and "Traceback" not in run.output
    api.live = False
    live.run("extraction")


@pytest.mark.slow
def test_killed_extraction_goes_on_with_what_it_lacks(live, api):
    live.config["extract"] = {"mode": "latest", "num_sessions": 3}
    api.max_rows, api.pause_after = 900, 14
    process = subprocess.Popen(
        snakemake_command(live, "extraction"),
        cwd=live.folder,
        env=project_environment(live),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.STDOUT,
    )
    api.paused.wait()
    for victim in [*psutil.Process(process.pid).children(recursive=True), process]:
        with contextlib.suppress(ProcessLookupError):
            os.kill(victim.pid, signal.SIGKILL)
    process.wait()
    api.pause_after = None
    before = {path for path in api.paths() if "sessions" not in path}
    api.resume.set()
    live.run("--unlock")
    in_flight = len(api.requests)
    live.run("extraction")
    again = {path for _, path, _ in api.requests[in_flight:]}
    assert len(before) > 8, "it was killed half-way"
    assert len(before & again) <= 2, "only what each job was about when it was killed"
    for key in (90006, 90007, 90008):
        for name, rows in sample.session_rows(key).items():
            found = json.loads(live.landing(key, name).read_text())
            assert sorted(map(str, found)) == sorted(map(str, rows))


def test_any_endpoint_can_be_switched_on(live, api):
    api.changes["stints"] = lambda _: [
        {"session_key": QUALIFYING, "meeting_key": 9007, "stint_number": 1, "driver_number": 1,
         "lap_start": 1, "lap_end": 3, "compound": "SOFT", "tyre_age_at_start": 0}
    ]  # fmt: skip
    api.changes["meetings"] = lambda _: [
        {"meeting_key": 9007, "meeting_name": "Japanese Grand Prix", "year": 2026,
         "date_start": "2026-03-27T02:30:00+00:00"}
    ]  # fmt: skip
    live.run("bronze")
    names = ["sessions", "drivers", "laps", "location", "stints", "meetings", "starting_grid"]
    live.config["extract"]["endpoints"] = names
    api.requests.clear()
    run = live.run("bronze")
    assert run.jobs["load_bronze"] == 3
    assert [path.split("?")[0] for path in api.paths()] == [
        "/v1/meetings", "/v1/sessions", "/v1/stints", "/v1/starting_grid"
    ]  # fmt: skip
    assert live.query("select session_key, compound from bronze_raw.bronze_stints") == [
        (QUALIFYING, "SOFT")
    ]
    assert live.query("select session_key, meeting_name from bronze_raw.bronze_meetings") == [
        (QUALIFYING, "Japanese Grand Prix")
    ]
    assert live.query("select count(*) from bronze_raw.bronze_starting_grid") == [(0,)]
    assert live.run("bronze").did_nothing


def test_unknown_endpoint_is_named(live):
    live.config["extract"]["endpoints"] = ["laps", "lap_times"]
    run = live.run(fails=True)
    assert "there is no endpoint lap_times; choose from sessions, drivers" in run.output
    assert "Traceback" not in run.output


def test_dry_run_and_run_say_what_the_extraction_takes(live):
    live.config["extract"] = {"mode": "year", "year": "2024-2026"}
    assert "Extraction: 1 request to learn which sessions exist" in live.run("-n").output
    run = live.run("extraction")
    assert "8 sessions wanted, 8 to fetch: about 24 requests" in run.output
    assert "rows; 8 of 8 done" in run.output
    assert run.output.count("Session 9000") == 8
    told = live.run("-n", "extraction").output
    assert "Extraction: 8 sessions wanted, none to fetch" in told
    (live.data / "markers" / "extracted" / "90003.json").unlink()
    assert "8 sessions wanted, 1 to fetch: about 3 requests" in live.run("-n").output


@pytest.mark.slow
def test_secrets_stand_in_no_file(live, api, monkeypatch):
    monkeypatch.setenv("OPENF1_USERNAME", "lella")
    monkeypatch.setenv("OPENF1_PASSWORD", "s3cret-pass")
    api.live, api.users = True, {"lella": "s3cret-pass"}
    run = live.run("extraction")
    texts = [run.output, *api.paths()]
    texts += [path.read_text(errors="replace") for path in live.folder.rglob("*") if path.is_file()]
    assert not any("s3cret-pass" in text or "token-0" in text for text in texts)
