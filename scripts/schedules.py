"""List the schedules, or switch one on or off: schedules.py [on|off <name>]."""

import sys

from f1_pipeline import PipelineError, clock, history, schedules
from f1_pipeline.unattended import paths_of


def table():
    from rich.table import Table

    found = Table("Schedule", "State", "When", "Next", "Last run", "Result", box=None)
    on, now = schedules.enabled(), clock.now().astimezone()
    for schedule in schedules.schedules().values():
        runs = history.runs(paths_of(schedule.arguments)["data"])
        last = next((run for run in runs if run["trigger"] == schedule.name), None)
        state = "on" if schedule.name in on else "off"
        found.add_row(
            schedule.name,
            state,
            f"{schedule.cron}{' ' + schedule.timezone if schedule.timezone else ''}",
            f"{schedule.following(now):%a %d %b %H:%M %Z}" if state == "on" else "-",
            last["started_at"][:16].replace("T", " ") + " UTC" if last else "never",
            last["result"] if last else "-",
        )
    return found


if __name__ == "__main__":
    try:
        if len(sys.argv) == 3 and sys.argv[1] in ("on", "off"):
            print(schedules.switch(sys.argv[2], on=sys.argv[1] == "on"))
        elif len(sys.argv) == 1:
            from rich.console import Console

            Console(soft_wrap=True).print(table())
        else:
            raise PipelineError("schedules.py lists them; schedules.py on|off <name> switches one")
    except PipelineError as error:
        print(f"ERROR: {error}")
        sys.exit(1)
