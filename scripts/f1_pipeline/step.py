"""What every script does around its work: the log, the marker, and one clear line on errors."""

import contextlib
import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from f1_pipeline import PipelineError
from f1_pipeline.jsonfile import read_json, write_json
from f1_pipeline.lifeline import end_with_run

LOG_TAIL = 1_000  # characters
KEPT_LOGS = 3  # of earlier runs, beside the newest: <log>.1 and so on
terminal = None  # where the run's own output goes, once this process writes to a log


@contextlib.contextmanager
def step(snakemake):
    """Run a script's body with its output in the rule's log.

    Yields a dict for the asset's metadata. Where the rule has an output named `marker`, it is
    written at the end: status, started_at (UTC), duration_seconds, inputs, the metadata, and
    output_log, the log's last 1,000 characters; a marker that says the same already is left as
    it is. A PipelineError becomes one line and exit 1.
    """
    end_with_run()
    started, metadata = time.time(), {}
    log = Path(snakemake.log[0])
    redirect(log)
    try:
        yield metadata
    except PipelineError as error:
        print(f"ERROR: {error}", flush=True)
        sys.exit(1)
    except OSError as error:  # a full disk, a folder that is not ours
        if error.filename is None and error.strerror is None:
            raise
        where = f"{error.filename}: " if error.filename else ""
        print(f"ERROR: {where}{error.strerror}: put it right, and run again", flush=True)
        sys.exit(1)
    if marker := snakemake.output.get("marker"):
        sys.stdout.flush()
        content = {"inputs": [str(path) for path in snakemake.input], **metadata}
        last = read_json(marker) if Path(marker).exists() else {}
        if content.items() <= last.items():
            return
        write_json(
            marker,
            {
                "status": "success",
                "started_at": datetime.fromtimestamp(started, UTC).isoformat(timespec="seconds"),
                "duration_seconds": round(time.time() - started, 3),
                **content,
                "output_log": log.read_text(errors="replace")[-LOG_TAIL:],
            },
        )


def announce(text):
    """Tell the person, or cron's mail, who started the run."""
    os.write(terminal or 2, f"{text}\n".encode())


def redirect(log):
    """Send this process's output, that of its libraries included, to a log of its own."""
    global terminal
    terminal = os.dup(2)
    log.parent.mkdir(parents=True, exist_ok=True)
    for age in range(KEPT_LOGS, 0, -1):
        newer = log.with_name(f"{log.name}.{age - 1}") if age > 1 else log
        if newer.exists():
            newer.replace(log.with_name(f"{log.name}.{age}"))
    log.write_text("")
    with log.open("a") as stream:  # appending, for dbt's process writes to it too
        sys.stdout.flush()
        sys.stderr.flush()
        os.dup2(stream.fileno(), 1)
        os.dup2(stream.fileno(), 2)
