"""Run a schedule of config/schedules.yaml, as cron does: run_schedule.py <name>."""

import sys

from f1_pipeline import PipelineError, clock, schedules, unattended

if __name__ == "__main__":
    try:
        schedule = schedules.named(sys.argv[1] if len(sys.argv) == 2 else "")
        if schedule.timezone and not sys.stdin.isatty() and not schedule.is_due(clock.now()):
            sys.exit(0)
        sys.exit(unattended.run(schedule))
    except PipelineError as error:
        print(f"ERROR: {error}")
        sys.exit(1)
