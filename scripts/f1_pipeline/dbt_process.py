"""dbt, started once a run: importing it and reading the project cost more than building a layer.

The process keeps dbt loaded and serves one layer after the other over a Unix socket. It is started
while bronze is still loading, and ends by itself as soon as the run (the Snakemake process) does.
"""

import fcntl
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from multiprocessing.connection import Client, Listener
from pathlib import Path

from f1_pipeline import PipelineError
from f1_pipeline.lifeline import end_with_run

POLL = 0.1  # seconds


def folder():
    """Where the process of this run has its socket: a short path, for a socket's has 104 bytes."""
    return Path(tempfile.gettempdir(), f"f1-dbt-{os.getuid()}-{os.environ['F1_RUN_PID']}")


def is_started():
    return folder().exists()


def is_served():
    """Whether a dbt process holds the lock of the run; one that was killed does not."""
    try:
        with (folder() / "lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def start(first, environment, log):
    """Start the run's dbt process, its first dbt command being `first`; returns it at once.

    Where one is running already, the new one ends without a word.
    """
    with Path(log).open("a") as stream:
        return subprocess.Popen(
            [sys.executable, "-m", __spec__.name, json.dumps(first)],
            cwd=Path(__file__).parents[1],
            env=os.environ | environment,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            start_new_session=True,
        )


def invoke(arguments, environment, log):
    """Run one dbt command in the run's dbt process, its output going to the file `log`.

    Returns (success, message of the exception or None). Raises PipelineError where the process
    does not start, or ends before it has answered.
    """
    process = None
    while True:
        try:
            with Client(str(folder() / "socket")) as connection:
                connection.send((arguments, environment, str(Path(log).absolute())))
                return connection.recv()
        except (FileNotFoundError, ConnectionRefusedError):
            if process and process.poll():
                raise PipelineError(f"dbt does not start; see {log}") from None
            if (process is None or process.poll() == 0) and not is_served():
                process = start([], environment, log)
            time.sleep(POLL)
        except (EOFError, ConnectionError) as error:
            raise PipelineError(f"the dbt process was ended while it worked; see {log}") from error


def serve(first):
    """Run the dbt command `first`, then answer `invoke` until the run has ended."""
    place = folder()
    place.mkdir(mode=0o700, exist_ok=True)
    with (place / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        end_with_run(clean_up=lambda: shutil.rmtree(place, ignore_errors=True))
        from dbt.cli.main import dbtRunner  # takes seconds

        runner = dbtRunner()
        if first:
            runner.invoke(first)
        (place / "socket").unlink(missing_ok=True)
        with Listener(str(place / "socket")) as listener:
            while True:
                answer(listener, runner)


def answer(listener, runner):
    with listener.accept() as connection:
        arguments, environment, log = connection.recv()
        os.environ.update(environment)
        with Path(log).open("a") as stream:
            os.dup2(stream.fileno(), 1)
            os.dup2(stream.fileno(), 2)
        result = runner.invoke(arguments)
        error = result.exception
        connection.send((result.success, None if error is None else str(error)))


if __name__ == "__main__":
    serve(json.loads(sys.argv[1]))
