"""A run's processes end with it: one that went on would be in the next run's way."""

import os
import threading
import time

import psutil

POLL = 0.1  # seconds


def end_with_run(clean_up=lambda: None):
    """End this process, whatever it does, once the run it works for (the Snakemake process) has.

    Snakemake ends its jobs itself, unless it is killed.
    """
    try:
        run = psutil.Process(int(os.environ["F1_RUN_PID"]))
    except psutil.NoSuchProcess:
        run = None

    def watch():
        try:
            while run and run.is_running() and run.status() != psutil.STATUS_ZOMBIE:
                time.sleep(POLL)
        except psutil.NoSuchProcess:
            pass
        clean_up()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
