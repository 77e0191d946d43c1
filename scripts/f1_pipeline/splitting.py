"""A request that is too large, halved until it passes: by driver, then by time window.

The parts are half-open ranges that together leave nothing out, neither cars that no driver list
names nor moments outside the session. A range is {(field, op): value} with one bound a side, for
the API takes a repeated bound for an 'or'.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from f1_pipeline import PipelineError
from f1_pipeline.openf1 import TooMuchData

NARROWEST = timedelta(milliseconds=100)


@dataclass(frozen=True)
class Range:
    """A part of the whole: its bounds, and the cars and times at which it can be cut further."""

    drivers: tuple[int, ...] = ()
    times: tuple[datetime, datetime] | None = None
    bounds: dict = field(default_factory=dict)

    @property
    def name(self):
        """The bounds as text: what is remembered of a range."""
        return "&".join(f"{name}{op}{value}" for (name, op), value in self.bounds.items())

    def halves(self):
        """Two ranges that share nothing and make up this one; () where it can't be cut."""
        if len(self.drivers) > 1:
            middle = len(self.drivers) // 2
            name, cut = "driver_number", self.drivers[middle]
            parts = [(self.drivers[:middle], self.times), (self.drivers[middle:], self.times)]
        elif self.times and self.times[1] - self.times[0] > NARROWEST:
            low, high = self.times
            at = low + (high - low) // 2
            name, cut = "date", at.strftime("%Y-%m-%dT%H:%M:%S.%f")
            parts = [(self.drivers, (low, at)), (self.drivers, (at, high))]
        else:
            return ()
        return tuple(
            Range(*part, self.bounds | {(name, op): cut})
            for part, op in zip(parts, ("<", ">="), strict=True)
        )


def fetch_in_parts(ask, arrived, whole: Range, cut: set[str]):
    """`ask(range)` for the whole, or for as many parts of it as it takes, in their order.

    `cut` names the ranges that had to be cut the last time, and grows with each one more; one
    whose answer has `arrived(range)` is asked for as it is. Cars send alike, so where half of them
    were too many, halves are not asked for again. Raises PipelineError where a range that can't
    be cut is still too much.
    """
    waiting, answers, too_many = [whole], [], len(whole.drivers) + 1
    while waiting:
        part = waiting.pop()
        halves = part.halves()
        too_much = part.name in cut or len(part.drivers) >= too_many
        if not halves or not too_much or arrived(part):
            try:
                answers.append(ask(part))
                continue
            except TooMuchData as error:
                if not halves:
                    raise PipelineError(
                        f"{error}: the API calls even this too much data at once, and it can't be "
                        "cut further; run again later"
                    ) from error
                if len(part.drivers) > 1:
                    too_many = len(part.drivers)
        cut.add(part.name)
        waiting += reversed(halves)
    return answers
