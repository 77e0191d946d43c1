"""dbt, started once a run: importing it and reading the project cost more than building a layer.

The first layer of a run starts a process that keeps dbt loaded and serves the layers after it
over a Unix socket. It ends by itself as soon as the run (the Snakemake process) is no more.
"""

import os
import subprocess
import sys
import tempfile
import threading
import time
from multiprocessing.connection import Client, Listener
from pathlib import Path

import psutil

from f1_pipeline import PipelineError

POLL = 0.1  # seconds


def invoke(arguments, environment, log):
    """Run one dbt command in the run's dbt process, its output going to the file `log`.

    Returns (success, message of the exception or None). Raises PipelineError where the process
    ends before it has answered.
    """
    run = int(os.environ["F1_RUN_PID"])
    try:
        with connect(run, log) as connection:
            connection.send((arguments, environment, str(Path(log).absolute())))
            return connection.recv()
    except (EOFError, ConnectionError) as error:
        raise PipelineError(f"the dbt process ended while it worked; see {log}") from error


def address(run):
    return str(Path(tempfile.gettempdir(), f"f1-dbt-{os.getuid()}-{run}", "socket"))


def connect(run, log):
    """A connection to the run's dbt process, which is started where there is none."""
    where = address(run)
    with_log = Path(log).open("a")  # noqa: SIM115  the process outlives this block
    process = None
    while True:
        try:
            return Client(where)
        except (FileNotFoundError, ConnectionRefusedError):
            if process is None:
                process = subprocess.Popen(
                    [sys.executable, "-m", "f1_pipeline.dbt_process", str(run)],
                    cwd=Path(__file__).parents[1],
                    stdin=subprocess.DEVNULL,
                    stdout=with_log,
                    stderr=with_log,
                    start_new_session=True,
                )
            elif process.poll() is not None:
                raise PipelineError(f"the dbt process did not start; see {log}") from None
            time.sleep(POLL)


def serve(run):
    """Answer `invoke` until the process `run` is gone."""
    from dbt.cli.main import dbtRunner  # takes seconds

    where = Path(address(run))
    where.parent.mkdir(mode=0o700, exist_ok=True)
    where.unlink(missing_ok=True)
    threading.Thread(target=end_with, args=(run, where), daemon=True).start()
    runner = dbtRunner()
    with Listener(str(where)) as listener:
        while True:
            with listener.accept() as connection:
                arguments, environment, log = connection.recv()
                os.environ.update(environment)
                with Path(log).open("a") as stream:
                    os.dup2(stream.fileno(), 1)
                    os.dup2(stream.fileno(), 2)
                result = runner.invoke(arguments)
                error = result.exception
                connection.send((result.success, None if error is None else str(error)))


def end_with(run, where):
    """End this process, whatever it does, once the process `run` has ended."""
    try:
        owner = psutil.Process(run)
        while owner.is_running() and owner.status() != psutil.STATUS_ZOMBIE:
            time.sleep(POLL)
    except psutil.NoSuchProcess:
        pass
    where.unlink(missing_ok=True)
    where.parent.rmdir()
    os._exit(0)


if __name__ == "__main__":
    serve(int(sys.argv[1]))
