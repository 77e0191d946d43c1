"""What time it is. F1_CLOCK, an ISO 8601 instant, sets it: for rehearsals of a season."""

import os
from datetime import UTC, datetime

from f1_pipeline import PipelineError


def now() -> datetime:
    """The present instant in UTC; PipelineError where F1_CLOCK is none."""
    told = os.environ.get("F1_CLOCK")
    if not told:
        return datetime.now(UTC)
    try:
        moment = datetime.fromisoformat(told)
    except ValueError as error:
        raise PipelineError(f"F1_CLOCK is no instant ({error}): 2026-06-12T15:00+00:00") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
