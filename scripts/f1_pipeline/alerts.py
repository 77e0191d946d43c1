"""Telling people of failed runs, by whatever apprise knows: e-mail, chat, a hundred others.

F1_ALERT_URLS holds its URLs, separated by spaces or commas; F1_ALERT_ON which results are told:
failure (the default), recovery, success.
"""

import os

RESULTS = {"failed": "failure", "killed": "failure", "success": "success"}


def occasion(run, before):
    """What a run is worth telling: failure, recovery, success, or None."""
    told = RESULTS.get(run["result"])
    last = next((b["result"] for b in before if b["result"] in RESULTS), None)
    if told == "success" and last and RESULTS[last] == "failure":
        return "recovery"
    return told


def send(run, before, command):
    """Tell of a run where it is wanted; `before` are the earlier ones of its trigger, newest first.

    Returns what became of it, in words, None where nothing was to be told. A service that does not
    answer is said, and breaks nothing.
    """
    urls = os.environ.get("F1_ALERT_URLS", "").replace(",", " ").split()
    what = occasion(run, before)
    wanted = os.environ.get("F1_ALERT_ON", "failure").replace(",", " ").split()
    if what == "recovery" and "recovery" not in wanted:
        what = "success"
    if not urls or what not in wanted:
        return None
    from apprise import Apprise, NotifyType  # takes half a second

    try:
        service = Apprise()
        service.add(urls)
        kinds = {"failure": NotifyType.FAILURE, "recovery": NotifyType.SUCCESS}
        sent = service.notify(
            title=f"F1 pipeline: {run['trigger']} {run['result']}",
            body=body(run, command),
            notify_type=kinds.get(what, NotifyType.INFO),
        )
    except Exception as error:  # of any of a hundred services
        return f"the alert could not be sent: {type(error).__name__}"
    return "an alert was sent" if sent else "the alert could not be sent: see F1_ALERT_URLS"


def body(run, command):
    """The failing step, why, where to look and what to type."""
    lines = [f"{run['started_at']}, {run['duration_seconds']} s, target {run['target']}"]
    if run.get("rule"):
        lines.append(f"Failing step: {run['rule']}")
    if run.get("reason"):
        lines.append(f"Why:\n{run['reason']}")
    lines += [f"Log: {run[name]}" for name in ("step_log", "log") if run.get(name)]
    if run["result"] in ("failed", "killed"):
        lines.append(f"To run it again: {command}")
    return "\n".join(lines)
