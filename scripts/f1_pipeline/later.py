"""A session is live and the API serves paying users only: the run fetches no more, builds what it
has, and ends with an exit status that means 'later'."""

from datetime import datetime
from pathlib import Path

from f1_pipeline import catalogue, clock, history
from f1_pipeline.jsonfile import read_json, write_json

EXIT_STATUS = 75  # EX_TEMPFAIL of sysexits.h


def file_of(config):
    return Path(config["paths"]["data"], "later.json")


def note(config):
    """Say so to the other jobs of this run, and to its end."""
    until = catalogue.live_until(config)
    content = {
        "noted_at": clock.now().isoformat(timespec="seconds"),
        "until": until.isoformat(timespec="minutes") if until else None,
    }
    write_json(file_of(config), content)


def noted(config):
    """What a job of this very run has noted, None where the API answers."""
    file = file_of(config)
    started = history.run_started()
    return read_json(file) if file.exists() and file.stat().st_mtime >= started else None


def message(found):
    """What a person is told."""
    when = "about half an hour after it has ended"
    if found["until"]:
        when = f"{datetime.fromisoformat(found['until']):%Y-%m-%d %H:%M} UTC"
    return (
        "A session is live, and the OpenF1 API answers paying users only (OPENF1_TOKEN) until "
        f"{when}. What lay in landing is built; run again then, what has arrived is kept"
    )
