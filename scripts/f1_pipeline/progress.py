"""How much of the extraction is left: sessions, requests, and the time the limits leave no way
around."""

import time
from pathlib import Path

from f1_pipeline import catalogue, history
from f1_pipeline.endpoints import extracted
from f1_pipeline.jsonfile import read_json


def receipt_file(config, key):
    return Path(config["paths"]["data"], "markers", "extracted", f"{key}.json")


def last_receipt_file(config, key):
    """A copy of the receipt that outlives it: Snakemake deletes a receipt to be made anew."""
    return receipt_file(config, f".{key}")


def pending(config, wanted):
    """Of the sessions `wanted`, those to fetch: without a receipt, or with a newer entry."""
    return [key for key in wanted if not is_fetched(config, key)]


def is_fetched(config, key):
    receipt, entry = receipt_file(config, key), catalogue.entry_file(config, key)
    return receipt.exists() and receipt.stat().st_mtime >= entry.stat().st_mtime


def requests_for(config, key):
    """How many requests a session takes, as far as can be known before."""
    file = last_receipt_file(config, key)
    ends = read_json(file)["endpoints"] if file.exists() else {}
    asked = [name for name, endpoint in extracted(config).items() if not endpoint.listed]
    return sum(1 + len(ends.get(name, {}).get("cut", [])) for name in asked)


def seconds_for(config, requests):
    """The least time the limits allow so many requests."""
    if config["source"] == "sample" or not requests:
        return 0
    limits = config["openf1"]
    minutes = (requests - 1) // limits["requests_per_minute"]
    return max((requests - 1) / limits["requests_per_second"], 60 * minutes)


def outlook(config, wanted):
    """What an extraction of `wanted` will take, in words."""
    left = pending(config, wanted)
    if not left:
        return f"{plural(len(wanted), 'session')} wanted, none to fetch"
    requests = sum(requests_for(config, key) for key in left)
    return (
        f"{plural(len(wanted), 'session')} wanted, {len(left)} to fetch: about "
        f"{plural(requests, 'request')}, at least {duration(seconds_for(config, requests))}"
    )


def standing(config, wanted):
    """How far this run has come and what is left of it, in words. The time left is what the limits
    allow, or what the run's own pace makes of it where that is slower."""
    left = pending(config, wanted)
    if not left:
        return f"{len(wanted)} of {len(wanted)} done"
    started = history.run_started()
    done = [
        key
        for key in set(wanted) - set(left)
        if receipt_file(config, key).stat().st_mtime >= started
    ]
    requests = sum(requests_for(config, key) for key in left)
    pace = (time.time() - started) / len(done) * len(left) if done else 0
    return (
        f"{len(wanted) - len(left)} of {len(wanted)} done, "
        f"{plural(requests, 'request')} and about "
        f"{duration(max(seconds_for(config, requests), pace))} left"
    )


def duration(seconds):
    """As people say it: '40 s', '3 min', '2 h 05 min'."""
    if seconds < 90:
        return f"{round(seconds)} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d} min"


def plural(number, word):
    return f"{number:,} {word}{'s' * (number != 1)}"
