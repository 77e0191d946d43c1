"""Schedules as data (config/schedules.yaml), and the crontab that they are switched on in."""

import shlex
import subprocess
import sys
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import yaml

from f1_pipeline import PipelineError

ROOT = Path(__file__).parents[2]
FILE = ROOT / "config" / "schedules.yaml"
# The block of this checkout; other lines of the crontab are none of our business.
BEGIN = f"# >>> f1-data-pipeline {ROOT}: written by scripts/schedules.py"
END = f"# <<< f1-data-pipeline {ROOT}"


@dataclass(frozen=True)
class Schedule:
    """One entry of the file."""

    name: str
    cron: str
    does: str
    arguments: list[str]
    timezone: str | None = None
    watches: bool = False

    @property
    def zone(self):
        """The zone its times are in; None for the machine's."""
        try:
            return ZoneInfo(self.timezone) if self.timezone else None
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise PipelineError(
                f"{FILE}: {self.name}: there is no time zone {self.timezone}"
            ) from error

    def following(self, now):
        """When it is due next after `now`, an aware instant."""
        from cronsim import CronSim, CronSimError

        try:
            return next(CronSim(self.cron, now.astimezone(self.zone)))
        except CronSimError as error:
            raise PipelineError(f"{FILE}: {self.name}: cron {self.cron!r}: {error}") from error

    def is_due(self, now):
        """Whether it is due in the minute of `now`; cron knows no zone but the machine's."""
        minute = now.replace(second=0, microsecond=0)
        return self.following(minute - timedelta(seconds=1)) == minute

    @property
    def line(self):
        """Its line in the crontab: absolute paths, for cron knows neither PATH nor folder."""
        log = ROOT / "logs" / "cron.log"
        when = self.cron
        if self.timezone:  # looked at four times an hour: no zone is off by anything else
            minute = int(self.cron.split()[0]) % 15 if self.cron.split()[0].isdigit() else None
            when = "* * * * *" if minute is None else f"{minute}-59/15 * * * *"
        script = ROOT / "scripts" / "run_schedule.py"
        command = " ".join(shlex.quote(str(p)) for p in (sys.executable, script, self.name))
        return f"{when} {command} >> {shlex.quote(str(log))} 2>&1".replace("%", r"\%")


def schedules():
    """Every schedule by name; PipelineError where the file is wrong."""
    try:
        entries = yaml.safe_load(FILE.read_text())
        return {name: Schedule(name, **entry) for name, entry in entries.items()}
    except (yaml.YAMLError, TypeError, AttributeError) as error:
        raise PipelineError(f"{FILE} can't be read: {error}".replace("\n", " ")) from error


def named(name):
    found = schedules()
    if name not in found:
        raise PipelineError(f"there is no schedule {name}; choose from {', '.join(found)}")
    return found[name]


def ahead_of(schedule, now):
    """The name of another one that is on, due in the same minute, and stands before it in the file:
    that one runs. None where it may run itself."""
    try:
        on = enabled()
    except PipelineError:  # no cron here
        return None
    for other in schedules().values():
        if other.name == schedule.name:
            return None
        if other.name in on and other.is_due(now):
            return other.name
    return None


def crontab():
    """The user's crontab as lines; [] where there is none."""
    try:
        listed = subprocess.run(["crontab", "-l"], capture_output=True, text=True)
    except FileNotFoundError as error:
        raise PipelineError(
            "there is no cron here (no command 'crontab'): install it, or use systemd timers as "
            "docs/unattended.md shows"
        ) from error
    if listed.returncode and "no crontab" not in listed.stderr:
        raise PipelineError(f"crontab -l: {listed.stderr.strip()}")
    return listed.stdout.splitlines() if not listed.returncode else []


def split(lines):
    """(the lines before our block, those in it, those behind it)."""
    if BEGIN not in lines:
        return lines, [], []
    start = lines.index(BEGIN)
    end = lines.index(END, start) if END in lines[start:] else start
    return lines[:start], lines[start + 1 : end], lines[end + 1 :]


def enabled():
    """Names of the schedules that are switched on."""
    inside = split(crontab())[1]
    return {s.name for s in schedules().values() if any(f" {s.name} >>" in line for line in inside)}


def switch(name, on):
    """Switch a schedule on or off; returns what was done, in words."""
    schedule = named(name)
    wanted = (enabled() | {name}) if on else (enabled() - {name})
    before, _, behind = split(crontab())
    lines = [s.line for s in schedules().values() if s.name in wanted]
    block = [BEGIN, *lines, END] if lines else []
    (ROOT / "logs").mkdir(exist_ok=True)
    text = "".join(f"{line}\n" for line in (*before, *block, *behind))
    done = subprocess.run(["crontab", "-"], input=text, text=True, capture_output=True)
    if done.returncode:
        raise PipelineError(f"crontab refuses it: {done.stderr.strip()}")
    if not on:
        return f"{name} is off; {len(lines)} of {len(schedules())} schedules are on"
    now = datetime.now().astimezone()
    return f"{name} is on: {schedule.line}\nnext at {schedule.following(now):%Y-%m-%d %H:%M %Z}"
