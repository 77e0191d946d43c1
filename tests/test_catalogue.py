"""Which sessions are wanted, when they are fetched again, and when the API is asked anew."""

from datetime import UTC, datetime, timedelta

import pytest
from f1_pipeline import PipelineError, catalogue
from f1_pipeline.jsonfile import read_json
from f1_pipeline.selection import seasons, select

NOW = datetime(2025, 6, 1, 12, tzinfo=UTC)
EXTRACT = {
    "mode": "latest",
    "num_sessions": 2,
    "year": 2025,
    "session_keys": [],
    "filters": {"session_type": [], "country": [], "circuit": [], "meeting": []},
    "endpoints": ["sessions", "drivers", "laps", "location"],
    "revision_hours": [1, 6, 48],
    "ask_api": True,
    "catalogue_max_age_minutes": 30,
}


def session(key, start, **more):
    return {
        "session_key": key,
        "meeting_key": 100 + key,
        "date_start": start.isoformat(),
        "date_end": (start + timedelta(hours=1)).isoformat(),
        "year": start.year,
    } | more


SESSIONS = [
    session(1, datetime(2024, 3, 2, tzinfo=UTC)),
    session(2, datetime(2025, 3, 16, tzinfo=UTC)),
    session(2, datetime(2025, 3, 16, tzinfo=UTC)),
    session(3, datetime(2025, 4, 13, tzinfo=UTC), is_cancelled=True),
    session(4, NOW - timedelta(hours=4)),
    session(5, NOW + timedelta(hours=4)),
]


@pytest.mark.parametrize(
    ("wish", "wanted", "skipped"),
    [
        ({"mode": "latest"}, [2, 4], {}),
        ({"mode": "oldest"}, [1, 2], {}),
        ({"mode": "oldest", "num_sessions": 99}, [1, 2, 4], {}),
        (
            {"mode": "year", "year": [2024, "2025-2026"]},
            [1, 2, 4],
            {3: "cancelled", 5: "not started"},
        ),
        ({"mode": "year"}, [2, 4], {3: "cancelled", 5: "not started"}),
        ({"mode": "sessions", "session_keys": [4, 1, 3]}, [1, 4], {3: "cancelled"}),
    ],
)
def test_modes(wish, wanted, skipped):
    rows, others = select(SESSIONS, [], EXTRACT | wish, NOW)
    assert [row["session_key"] for row in rows] == wanted
    assert others == skipped


@pytest.mark.parametrize(
    ("wish", "told"),
    [
        ({"mode": "year", "year": 2019}, "5 sessions of 2024, 2025, from 1 (2024-03-02) to 5"),
        ({"mode": "sessions", "session_keys": [4, 77]}, "knows no session [77]"),
        ({"mode": "sessions"}, "finds no session"),
    ],
)
def test_wish_for_nothing_says_what_exists(wish, told):
    with pytest.raises(PipelineError) as error:
        select(SESSIONS, [], EXTRACT | wish, NOW)
    assert told in str(error.value)


GRANDS_PRIX = [
    session(1, datetime(2024, 3, 2, tzinfo=UTC), meeting_key=1, session_type="Race",
            session_name="Race", country_name="Bahrain", country_code="BRN", circuit_key=63,
            circuit_short_name="Sakhir"),
    session(2, datetime(2024, 9, 1, tzinfo=UTC), meeting_key=2, session_type="Race",
            session_name="Race", country_name="Italy", country_code="ITA", circuit_key=39,
            circuit_short_name="Monza"),
    session(3, datetime(2025, 5, 17, tzinfo=UTC), meeting_key=3, session_type="Practice",
            session_name="Practice 3", country_name="Italy", country_code="ITA", circuit_key=6,
            circuit_short_name="Imola"),
    session(4, datetime(2025, 5, 18, tzinfo=UTC), meeting_key=3, session_type="Race",
            session_name="Sprint", country_name="Italy", country_code="ITA", circuit_key=6,
            circuit_short_name="Imola"),
]  # fmt: skip
MEETINGS = [
    {"meeting_key": 2, "meeting_name": "Italian Grand Prix"},
    {"meeting_key": 3, "meeting_name": "Emilia Romagna Grand Prix"},
]


@pytest.mark.parametrize(
    ("wish", "filters", "wanted"),
    [
        ({"num_sessions": 9}, {"session_type": ["race"]}, [1, 2, 4]),
        ({"num_sessions": 9}, {"session_type": ["Sprint"]}, [4]),
        ({"num_sessions": 9}, {"country": ["ITA", "bahrain"], "session_type": ["Race"]}, [1, 2, 4]),
        ({"num_sessions": 1}, {"country": ["Italy"], "session_type": ["Race"]}, [4]),
        ({"mode": "oldest", "num_sessions": 1}, {"country": ["Italy"]}, [2]),
        ({"mode": "year", "year": 2025}, {"circuit": [6], "session_type": ["Practice"]}, [3]),
        ({"mode": "year", "year": "2024-2025"}, {"circuit": ["Monza", "Imola"]}, [2, 3, 4]),
        ({"num_sessions": 9}, {"meeting": ["italian grand prix", 1]}, [1, 2]),
        ({"mode": "sessions", "session_keys": [1, 3]}, {"meeting": [3]}, [3]),
    ],
)
def test_filters_combine_with_each_other_and_with_modes(wish, filters, wanted):
    extract = EXTRACT | wish | {"filters": EXTRACT["filters"] | filters}
    rows, _ = select(GRANDS_PRIX, MEETINGS, extract, NOW)
    assert [row["session_key"] for row in rows] == wanted


@pytest.mark.parametrize(
    ("wish", "filters", "told"),
    [
        ({}, {"country": ["Narnia"]}, "filters.country: the API has no narnia; it has Bahrain, It"),
        ({}, {"session_type": ["Race"], "circuit": ["spa"]}, "no spa; it has Imola, Monza, Sakhir"),
        ({"mode": "year", "year": 2024}, {"circuit": ["Imola"]}, "no session that passes extract."),
    ],
)
def test_filter_for_nothing_says_what_exists(wish, filters, told):
    with pytest.raises(PipelineError) as error:
        extract = EXTRACT | wish | {"filters": EXTRACT["filters"] | filters}
        select(GRANDS_PRIX, MEETINGS, extract, NOW)
    assert told in str(error.value)


def test_seasons():
    assert seasons(2025) == {2025}
    assert seasons("2023-2026") == {2023, 2024, 2025, 2026}
    assert seasons([2019, "2023 - 2024"]) == {2019, 2023, 2024}
    with pytest.raises(PipelineError, match="2026-2023 ends before"):
        seasons("2026-2023")


@pytest.fixture
def config(tmp_path):
    return {
        "source": "openf1",
        "paths": {"data": str(tmp_path)},
        "openf1": {"base_url": "http://x"},
        "extract": EXTRACT,
    }


@pytest.fixture
def ask(config, monkeypatch):
    """Let the clock stand `hours` after NOW, and ask the API what exists; gives the path."""

    def ask(hours, rows=SESSIONS):
        monkeypatch.setenv("F1_CLOCK", (NOW + timedelta(hours=hours)).isoformat())
        path = catalogue.current(config)
        if not path.exists():
            catalogue.write(path, {"sessions": rows}, config)
        return path

    return ask


def test_entry_is_written_only_where_its_content_changes(config, ask):
    entry = catalogue.entry_file(config, 4)
    before = ask(0)
    assert read_json(entry)["revision"] == 2
    first = entry.stat().st_mtime_ns
    ask(1)
    assert entry.stat().st_mtime_ns == first
    assert not before.exists(), "the catalogue before is gone"
    ask(4)
    assert read_json(entry)["revision"] == 3
    ask(30 * 24)
    assert read_json(entry)["revision"] == 4, "the last revision: never fetched again"
    ask(60 * 24, [row | {"session_name": "Race"} for row in SESSIONS])
    assert read_json(entry)["listed"]["sessions"][0]["session_name"] == "Race"


def test_session_that_runs_has_a_revision_of_its_own(config, ask):
    config["extract"] = EXTRACT | {"revision_hours": []}
    ask(-3.5)
    assert read_json(catalogue.entry_file(config, 4))["revision"] == 0
    ask(0)
    assert read_json(catalogue.entry_file(config, 4))["revision"] == 1


def test_api_is_asked_again_when_old_when_the_wish_changed_or_when_an_entry_is_gone(config, ask):
    assert catalogue.last(config) is None
    path = ask(0)
    assert ask(29 / 60) == path
    late = ask(31 / 60)
    assert late != path
    config["extract"] = EXTRACT | {"num_sessions": 3}
    assert ask(32 / 60) != late
    config["extract"] = EXTRACT
    catalogue.entry_file(config, 4).unlink()
    assert ask(33 / 60) != late


def test_live_session_is_told_from_the_last_answer(config, ask, monkeypatch):
    ask(0)
    for hours, until in [(3, None), (3.6, 5.5), (5.4, 5.5), (5.6, None)]:
        monkeypatch.setenv("F1_CLOCK", (NOW + timedelta(hours=hours)).isoformat())
        told = catalogue.live_until(config)
        assert told == (until and NOW + timedelta(hours=until))


def test_answer_put_off_is_asked_for_again(config, ask):
    ask(0)
    path = catalogue.folder_of(config) / "20250601T130000Z-x.json"
    content = catalogue.repeat(path, config, lambda key: key == 4)
    assert (content["wanted"], content["later"]) == ([4], True)
    assert catalogue.current(config) != path


def test_clock_that_is_no_instant(monkeypatch, config):
    monkeypatch.setenv("F1_CLOCK", "noon")
    with pytest.raises(PipelineError, match="F1_CLOCK is no instant"):
        catalogue.current(config)
