"""Runs nobody watches: schedules, sensor, locks, history, alerts, and recovery from anything."""

import contextlib
import fcntl
import json
import os
import random
import shutil
import socket
import subprocess
import sys
import threading
import time
from datetime import datetime
from email import message_from_bytes
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import duckdb
import psutil
import pytest
import yaml
from aiosmtpd.controller import Controller
from conftest import make_project, project_environment
from openf1_server import OpenF1Server
from test_kill import at_work, comparable
from test_workflow import lay_session

SENSOR, DAILY, HOURLY = "new_session_file_sensor", "daily_f1_pipeline", "hourly_api_extraction"


def configure(project, **more):
    """Write a project's configuration where a run that nobody started would find it."""
    path = project.folder / "config" / "config.yaml"
    content = yaml.safe_load(path.read_text())
    for key, value in (project.config | more).items():
        content[key] = content[key] | value if isinstance(value, dict) else value
    path.write_text(yaml.safe_dump(content))


@pytest.fixture
def scheduled(project):
    configure(project)
    tick(project)
    return project


def command(project, name):
    return [sys.executable, str(project.folder / "scripts" / "run_schedule.py"), name]


def tick(project, name=SENSOR, status=0, **environment):
    """Run a schedule as cron does: from elsewhere, with next to no environment."""
    bare = {"HOME": os.environ["HOME"], "PATH": "/usr/bin:/bin"}
    bare["PYTHONPATH"] = str(project.folder / "scripts")
    done = subprocess.run(
        command(project, name), cwd="/", env=bare | environment, capture_output=True, text=True
    )
    assert done.returncode == status, done.stdout + done.stderr
    return records(project)[-1] | {"told": done.stdout + done.stderr}


def records(project):
    paths = sorted((project.data / "runs").glob("[0-9]*.json"), key=lambda p: p.stat().st_mtime_ns)
    return [json.loads(path.read_text()) for path in paths]


def states(record):
    return [step["state"] for step in record["steps"].values()]


def test_sensor_builds_what_is_new_and_calls_no_api(scheduled):
    with OpenF1Server() as server:
        configure(scheduled, source="openf1", openf1={"base_url": server.url})
        lay_session(scheduled, 77, "laps", "drivers", "sessions", "location")
        record = tick(scheduled)
        assert not server.requests
    assert (record["result"], record["trigger"]) == ("success", SENSOR)
    assert states(record) == ["done"] * 5
    assert record["steps"]["gold_mart_tables_built"]["tests"]["failed"] == 0
    found = scheduled.query("select count(*) from default_gold_analytics.dim_sessions")
    assert found == [(3,)]


def test_tick_with_nothing_new_does_nothing(scheduled):
    logs = set((scheduled.folder / ".snakemake" / "log").iterdir())
    record = tick(scheduled)
    assert record["result"] == "nothing" and states(record) == ["up to date"] * 5
    assert set((scheduled.folder / ".snakemake" / "log").iterdir()) == logs, "no Snakemake"


@pytest.mark.slow
def test_run_by_hand_is_recorded_too(project):
    project.run()
    assert records(project)[-1]["result"] == "nothing"
    (project.data / "markers" / "silver_tables_built.json").unlink()
    project.run()
    record = records(project)[-1]
    assert (record["result"], record["trigger"]) == ("success", "by_hand")
    assert states(record) == ["up to date", "up to date", "done", "done", "done"]
    project.run("--dry-run")
    assert len(records(project)) == 3, "a dry run is no run"


def test_overlapping_run_is_skipped(scheduled):
    with (scheduled.data / "runs" / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        record = tick(scheduled, DAILY)
    assert record["result"] == "skipped" and states(record) == ["skipped"] * 5


@pytest.mark.slow
def test_lock_of_a_dead_run_is_taken_over(scheduled):
    path = scheduled.landing(90001, "laps")
    path.write_text(path.read_text() + " ")
    lock = scheduled.folder / ".snakemake" / "locks" / "0.output.lock"
    lock.parent.mkdir(exist_ok=True)
    lock.write_text(f"{scheduled.data}/markers/silver_tables_built.json\n")
    assert tick(scheduled)["result"] == "success"
    assert not lock.exists()


class Mail:
    """Keeps what is sent to it."""

    def __init__(self):
        self.messages = []

    async def handle_DATA(self, _server, _session, envelope):
        self.messages.append(message_from_bytes(envelope.content))
        return "250 OK"


@contextlib.contextmanager
def smtp():
    mail = Mail()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    controller = Controller(mail, hostname="127.0.0.1", port=port)
    controller.start()
    yield mail, f"mailto://127.0.0.1:{port}/?from=f1@example.org&to=you@example.org&mode=insecure"
    controller.stop()


@contextlib.contextmanager
def webhook():
    received = []

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self):
            received.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield received, f"json://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()
    thread.join()


def spoil(project):
    path = project.landing(90001, "laps")
    good = path.read_text()
    path.write_text(good.replace('"lap_number":3', '"lap_number":"three"', 1))
    return lambda: path.write_text(good + "\n")


def test_failed_run_is_told_once_with_what_to_do_and_so_is_its_recovery(scheduled):
    mend = spoil(scheduled)
    with smtp() as (mail, mail_url), webhook() as (received, hook_url):
        alerts = {"F1_ALERT_URLS": f"{mail_url} {hook_url}", "F1_ALERT_ON": "failure,recovery"}
        record = tick(scheduled, status=1, **alerts)
        assert record["result"] == "failed"
        assert states(record) == ["up to date", "failed", "not run", "not run", "not run"]
        assert tick(scheduled, status=1, **alerts)["result"] == "failed", "tried again"
        assert len(mail.messages) == len(received) == 1, "and not told again"
        mend()
        assert tick(scheduled, **alerts)["result"] == "success"
    failure, recovery = received
    assert failure["title"] == f"F1 pipeline: {SENSOR} failed" and failure["type"] == "failure"
    for part in ("Failing step: load_bronze", "field lap_number must be integer", "Log: data/logs/",
                 f"scripts/run_schedule.py {SENSOR}"):  # fmt: skip
        assert part in failure["message"]
    assert recovery["title"].endswith("success")
    assert "F1 pipeline" in mail.messages[0]["Subject"]


@pytest.mark.slow
def test_dead_alert_service_breaks_nothing(scheduled):
    spoil(scheduled)
    record = tick(scheduled, status=1, F1_ALERT_URLS="json://127.0.0.1:9/")
    assert record["result"] == "failed" and "could not be sent" in record["told"]
    assert "Traceback" not in record["told"]


def test_live_session_is_later_and_no_alert(scheduled):
    with OpenF1Server() as server, webhook() as (received, url):
        server.live = True
        limits = {"requests_per_second": 1000, "requests_per_minute": 10_000}
        configure(scheduled, source="openf1", openf1={"base_url": server.url} | limits)
        record = tick(scheduled, HOURLY, F1_ALERT_URLS=url)
    assert record["result"] == "later" and not received


@pytest.mark.slow
def test_full_refresh_rebuilds_everything_and_downloads_nothing(scheduled):
    before = comparable(scheduled, ("_loaded_at",))
    with OpenF1Server() as server:
        configure(scheduled, source="openf1", openf1={"base_url": server.url})
        tick(scheduled)
        record = tick(scheduled, "weekly_full_refresh")
        assert not server.requests
    assert states(record)[1:] == ["done"] * 4
    assert comparable(scheduled, ("_loaded_at",)) == before


def test_history_is_bounded(scheduled, monkeypatch):
    from f1_pipeline import history

    monkeypatch.setattr(history, "KEPT", 3)
    for number in range(5):
        history.write(scheduled.data, started=time.time() + number, result="nothing", steps={})
    assert len(list((scheduled.data / "runs").glob("*-by_hand.json"))) == 3


# Schedules


@pytest.fixture
def cron_table(scheduled, tmp_path, monkeypatch):
    """A `crontab` that keeps its table in a file of the test's own; the real one is the user's."""
    table, program = tmp_path / "table", tmp_path / "bin" / "crontab"
    program.parent.mkdir()
    program.write_text(
        f'#!/bin/sh\nif [ "$1" = -l ]; then cat {table} 2>/dev/null || {{ echo "no crontab for you"'
        f" >&2; exit 1; }}; else cat > {table}; fi\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")

    def schedules(*arguments, status=0):
        script = str(scheduled.folder / "scripts" / "schedules.py")
        done = subprocess.run(
            [sys.executable, script, *arguments],
            cwd=scheduled.folder,
            env=project_environment(scheduled) | {"COLUMNS": "200"},
            capture_output=True,
            text=True,
        )
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout

    schedules.table = table
    return schedules


def test_schedules_are_switched_in_a_block_of_their_own(cron_table, scheduled):
    mine = "MAILTO=me\n# mine\n5 4 * * *  backup   --all % now\n"
    cron_table.table.write_text(mine)
    assert cron_table().count(" off ") == 4
    told = cron_table("on", DAILY)
    assert f"{DAILY} is on: 0 2 * * * " in told and "next at" in told
    cron_table("on", SENSOR)
    lines = cron_table.table.read_text().splitlines()
    assert lines[:3] == mine.splitlines() and len(lines) == 3 + 4
    assert f"{scheduled.folder}/scripts/run_schedule.py {DAILY} >> " in lines[4]
    listed = cron_table()
    assert listed.count(" on ") == 2 and "nothing" in listed
    cron_table("off", DAILY)
    cron_table("off", SENSOR)
    assert cron_table.table.read_text() == mine
    assert "there is no schedule nightly" in cron_table("on", "nightly", status=1)


def test_of_two_that_are_due_the_first_in_the_file_runs(cron_table, scheduled):
    cron_table("on", DAILY)
    cron_table("on", HOURLY)
    two = datetime(2036, 7, 5, 2, 0, 20).astimezone().isoformat()
    environment = {"PATH": os.environ["PATH"], "F1_CLOCK": two}
    record = tick(scheduled, HOURLY, **environment)
    assert record["result"] == "skipped" and DAILY in record["reason"]
    assert tick(scheduled, DAILY, **environment)["result"] == "success"


def test_schedule_of_another_time_zone_runs_in_the_due_minute_alone(scheduled):
    path = scheduled.folder / "config" / "schedules.yaml"
    entries = yaml.safe_load(path.read_text())
    entries[SENSOR] |= {"cron": "0 14 * * *", "timezone": "Europe/Rome"}
    path.write_text(yaml.safe_dump(entries))
    before = len(records(scheduled))
    tick(scheduled, F1_CLOCK="2026-07-05T13:00:20+00:00")
    assert len(records(scheduled)) == before
    tick(scheduled, F1_CLOCK="2026-07-05T12:00:20+00:00")
    assert len(records(scheduled)) == before + 1


@pytest.mark.slow
@pytest.mark.skipif(
    not shutil.which("cron") or os.getuid(), reason="needs the cron daemon, and root to start it"
)
def test_cron_runs_an_enabled_schedule(scheduled):
    path = scheduled.folder / "config" / "schedules.yaml"
    path.write_text(path.read_text().replace('"*/5 * * * *"', '"* * * * *"'))
    before = len(records(scheduled))
    kept = subprocess.run(["crontab", "-l"], capture_output=True)
    script = [sys.executable, str(scheduled.folder / "scripts" / "schedules.py")]
    subprocess.run([*script, "on", SENSOR], env=project_environment(scheduled), check=True)
    # An installed package is found without PYTHONPATH; the copy under test is not installed.
    table = subprocess.run(["crontab", "-l"], capture_output=True, text=True).stdout
    table = f"PYTHONPATH={scheduled.folder}/scripts\n{table}"
    subprocess.run(["crontab", "-"], input=table, text=True, check=True)
    daemon = subprocess.Popen(["cron", "-f"])
    try:
        waited = time.monotonic()
        while len(records(scheduled)) == before and time.monotonic() - waited < 150:
            with contextlib.suppress(subprocess.TimeoutExpired):
                daemon.wait(timeout=0.2)
    finally:
        daemon.kill()
        daemon.wait()
        restore = ["crontab", "-"] if kept.returncode == 0 else ["crontab", "-r"]
        subprocess.run(restore, input=kept.stdout)
    assert records(scheduled)[-1]["trigger"] == SENSOR
    assert records(scheduled)[-1]["result"] == "nothing"


# Recovery


@pytest.mark.slow
def test_twenty_kills_at_random_moments_are_recovered_by_the_next_ticks(tmp_path, built_once):
    chance = random.Random(5)
    project = make_project(tmp_path / "f1")
    configure(project)
    killed = 0
    for _ in range(20):
        for marker in sorted((project.data / "markers").glob("*_built.json")):
            if chance.random() < 0.4:
                marker.unlink()  # so that there is work to be killed in
        process = subprocess.Popen(
            command(project, DAILY),
            cwd="/",
            env=project_environment(project),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=chance.uniform(0.5, 7))
        everyone = at_work(project)
        chosen = everyone if chance.random() < 0.5 else everyone and [chance.choice(everyone)]
        for victim in chosen:
            with contextlib.suppress(psutil.NoSuchProcess):
                victim.kill()
        killed += bool(chosen)
        process.wait()
        while others := at_work(project):  # what went on without its runner ends first
            _, alive = psutil.wait_procs(others, timeout=120)
            assert not alive
    assert killed >= 5
    assert tick(project, DAILY)["result"] in ("success", "nothing")
    assert project.run("--configfile", "config/offline.yaml").did_nothing
    without = ("_loaded_at", "_source_file")
    assert comparable(project, without) == comparable(built_once, without)


@pytest.mark.slow
def test_sensor_completes_what_a_held_warehouse_kept_it_from(scheduled):
    lay_session(scheduled, 77, "laps", "drivers", "sessions", "location")
    with duckdb.connect(str(scheduled.data / "warehouse" / "dev_f1_data_analytics.duckdb")):
        record = tick(scheduled, status=1)
    assert "Close the program that holds it" in record["reason"]
    assert tick(scheduled)["result"] == "success"
    assert tick(scheduled)["result"] == "nothing"


@pytest.mark.slow
@pytest.mark.skipif(bool(os.getuid()), reason="needs root to mount a small disk")
def test_full_disk_is_told_and_the_next_run_completes(tmp_path):
    project = make_project(tmp_path / "f1")
    project.data.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", project.data])
    if mounted.returncode:
        pytest.skip("nothing can be mounted here")
    try:
        run = project.run(fails=True)
        assert "No space left on device" in run.output
        subprocess.run(["mount", "-o", "remount,size=300m", project.data], check=True)
        project.run()
        assert project.run().did_nothing
        assert project.query("select count(*) from bronze_raw.bronze_drivers") == [(40,)]
        subprocess.run(["mount", "-o", "remount,ro", project.data], check=True)
        run = project.run()
        assert run.did_nothing and "could not be recorded" in run.output
        assert "Traceback" not in run.output
        project.config["extract"]["num_sessions"] = 3
        run = project.run(fails=True)
        assert "rite-protected output files" in run.output and "Traceback" not in run.output
        subprocess.run(["mount", "-o", "remount,rw", project.data], check=True)
    finally:
        subprocess.run(["umount", "-l", project.data], check=True)


@pytest.mark.slow
def test_everything_again(project):
    before = comparable(project, ("_loaded_at",))
    jobs = project.run("--forceall").jobs
    assert jobs["extract_session"] == 2 and jobs["load_bronze"] == 4
    assert comparable(project, ("_loaded_at",)) == before
    assert project.run().did_nothing


# Status


def gather(project):
    script = "import json, sys; from f1_pipeline import status; found = status.gather('data'); "
    script += "status.write_page(found); print(json.dumps([a['state'] for a in found['assets']]))"
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=project.folder,
        env=project_environment(project),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.slow
def test_states_are_those_snakemake_decides_by(scheduled):
    assert gather(scheduled) == ["up to date"] * 5
    mend = spoil(scheduled)
    assert gather(scheduled) == ["up to date", *["stale"] * 4]
    tick(scheduled, status=1)
    assert gather(scheduled) == ["up to date", "failed", *["stale"] * 3]
    mend()
    tick(scheduled)
    (scheduled.data / "markers" / "gold_mart_tables_built.json").unlink()
    assert gather(scheduled) == [*["up to date"] * 4, "never run"]
    done = subprocess.run(
        [sys.executable, str(scheduled.folder / "scripts" / "status.py")],
        cwd=scheduled.folder,
        env=project_environment(scheduled),
        capture_output=True,
        text=True,
    )
    assert "Gold marts" in done.stdout and "never run" in done.stdout


PROBE = """<script>addEventListener('load', () => {
  const light = colour => {
    const linear = colour.match(/[\\d.]+/g).slice(0, 3).map(
      n => (n /= 255) <= 0.04045 ? n / 12.92 : ((n + 0.055) / 1.055) ** 2.4);
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2] };
  const paper = document.body.appendChild(document.createElement('i'));
  paper.style.background = 'Canvas';
  const back = light(getComputedStyle(paper).backgroundColor);
  const ratio = front => (Math.max(front, back) + 0.05) / (Math.min(front, back) + 0.05);
  document.title = JSON.stringify({
    dark: back < 0.2,
    overflow: document.documentElement.scrollWidth - innerWidth,
    links: [...document.querySelectorAll('.lineage a')].map(
      a => !!document.querySelector(`details ${a.hash}`)),
    contrasts: [...document.querySelectorAll('.state')].map(
      s => ratio(light(getComputedStyle(s).color))),
    outside: document.querySelectorAll('[src], link[href]').length}) })</script>"""


@pytest.mark.skipif(not shutil.which("chromium"), reason="needs chromium to look at the page")
@pytest.mark.parametrize("dark", [False, True])
def test_page_in_a_browser(scheduled, tmp_path, dark):
    """On a phone's width; nothing is fetched from elsewhere, and what is said by colour can be read
    (WCAG 2.2, 1.4.3: a contrast of 4.5)."""
    gather(scheduled)
    page = (scheduled.folder / "reports" / "status.html").read_text()
    probed = tmp_path / "page.html"
    probed.write_text(page + PROBE)
    done = subprocess.run(
        ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync",
         f"--blink-settings=preferredColorScheme={int(not dark)}",
         f"--user-data-dir={tmp_path}/chromium", "--window-size=390,900", "--dump-dom",
         probed.as_uri()],
        capture_output=True,
        text=True,
    )  # fmt: skip
    told = json.loads(done.stdout.split("<title>")[1].split("</title>")[0])
    assert told["dark"] == dark
    assert told["overflow"] <= 0 and told["outside"] == 0
    assert told["links"] == [True] * 5
    assert len(told["contrasts"]) >= 10 and min(told["contrasts"]) >= 4.5
    assert all(word in page for word in ("up to date", "Log data/logs/", "2024 Jeddah Practice 3",
                                         "Newest session: <strong>2024 Shanghai"))  # fmt: skip
