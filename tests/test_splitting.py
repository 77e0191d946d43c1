"""Requests that are too large: whatever the limit and the data, nothing is lost or comes twice."""

import operator
from datetime import UTC, datetime, timedelta

import pytest
from f1_pipeline import PipelineError
from f1_pipeline.openf1 import TooMuchData
from f1_pipeline.splitting import Range, fetch_in_parts
from hypothesis import given, settings
from hypothesis import strategies as st

START = datetime(2025, 5, 4, 18, tzinfo=UTC)
TIMES = (START, START + timedelta(hours=6))
COMPARE = {"<": operator.lt, ">=": operator.ge}

cars = st.integers(1, 99)
moments = st.integers(-3_600_000, 7 * 3_600_000)  # ms since START, also outside the window
rows = st.lists(st.tuples(cars, moments), max_size=60, unique=True)


class Api:
    """Answers from `rows`, (car, ms since START) each; never more than `most` of them."""

    def __init__(self, rows, most):
        self.rows, self.most, self.asked = rows, most, []

    def __call__(self, bounds):
        self.asked.append(bounds)
        found = [row for row in self.rows if all(passes(row, *b) for b in bounds.items())]
        if len(found) > self.most:
            raise TooMuchData("location")
        return found


def passes(row, side, value):
    field, op = side
    if field == "driver_number":
        return COMPARE[op](row[0], value)
    cut = datetime.fromisoformat(value).replace(tzinfo=UTC)
    return COMPARE[op](START + timedelta(milliseconds=row[1]), cut)


def never(_):
    return False


def fetch(api, drivers, cut=()):
    cut = set(cut)
    whole = Range(tuple(sorted(drivers)), TIMES)
    parts = fetch_in_parts(lambda part: api(part.bounds), never, whole, cut)
    return [row for part in parts for row in part], cut


@settings(deadline=None)
@given(rows, st.sets(cars, max_size=8), st.integers(1, 40))
def test_parts_join_to_the_whole_and_the_next_time_none_is_too_large(found, drivers, most):
    api = Api(found, most)
    try:
        joined, cut = fetch(api, drivers)
    except PipelineError:
        outside = sum(not 0 <= ms < 6 * 3_600_000 for _, ms in found)
        crowded = max(sum(abs(ms - other) < 110 for _, other in found) for _, ms in found)
        assert crowded + outside > most, "only what can't be cut is given up"
        return
    assert sorted(joined) == sorted(found), "nothing lost, nothing twice"
    again = Api(found, most)
    assert fetch(again, drivers, cut) == (joined, cut)
    assert len(again.asked) == len(cut) + 1 <= len(api.asked)


def test_halves_as_large_as_one_that_was_too_much_are_not_asked_for():
    api = Api([(car, 1000 * second) for car in range(1, 9) for second in range(10)], 20)
    fetch(api, range(1, 9))
    assert len(api.asked) == 3 + 3, "the whole, a half, a quarter, and the other three quarters"


def test_parts_that_have_arrived_are_asked_for_as_they_are():
    api = Api([(car, 0) for car in range(1, 9)], 8)
    whole = Range(tuple(range(1, 9)), TIMES)
    cut = {"", "driver_number<5", "driver_number>=5"}
    fetch_in_parts(
        lambda part: api(part.bounds), lambda part: part.name == "driver_number<5", whole, cut
    )
    assert api.asked[0] == {("driver_number", "<"): 5} and len(api.asked) == 3


def test_what_can_not_be_cut_is_named():
    with pytest.raises(PipelineError, match="location: the API calls even this too much"):
        fetch_in_parts(lambda part: Api([1, 2], 1)(part.bounds), never, Range(), set())
