"""Which sessions are wanted, when they are fetched again, and when the API is asked anew."""

from datetime import UTC, datetime, timedelta

import pytest
from f1_pipeline import PipelineError, catalogue
from f1_pipeline.jsonfile import read_json

NOW = datetime(2025, 6, 1, 12, tzinfo=UTC)
EXTRACT = {
    "mode": "latest",
    "num_sessions": 2,
    "year": 2025,
    "session_keys": [],
    "revision_hours": [1, 6, 48],
    "catalogue_max_age_minutes": 30,
}


def session(key, start, **more):
    return {
        "session_key": key,
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
        ({"mode": "year"}, [2, 4], {3: "cancelled", 5: "not started"}),
        ({"mode": "sessions", "session_keys": [4, 1, 3]}, [1, 4], {3: "cancelled"}),
    ],
)
def test_modes(wish, wanted, skipped):
    rows, others = catalogue.select(SESSIONS, EXTRACT | wish, NOW)
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
        catalogue.select(SESSIONS, EXTRACT | wish, NOW)
    assert told in str(error.value)


def write(path, now, rows=SESSIONS):
    return catalogue.write(path, rows, EXTRACT, now)


def test_entry_is_written_only_where_its_content_changes(tmp_path):
    entry = catalogue.entry_file(tmp_path, 4)
    write(tmp_path / "a.json", NOW)
    assert read_json(entry)["revision"] == 1
    first = entry.stat().st_mtime_ns
    write(tmp_path / "b.json", NOW + timedelta(hours=1))
    assert entry.stat().st_mtime_ns == first
    assert not (tmp_path / "a.json").exists(), "the catalogue before is gone"
    write(tmp_path / "c.json", NOW + timedelta(hours=4))
    assert read_json(entry)["revision"] == 2
    write(tmp_path / "d.json", NOW + timedelta(days=30))
    assert read_json(entry)["revision"] == 3, "the last revision: never fetched again"
    renamed = [row | {"session_name": "Race"} for row in SESSIONS]
    write(tmp_path / "e.json", NOW + timedelta(days=60), renamed)
    assert read_json(entry)["session"]["session_name"] == "Race"


def test_api_is_asked_again_when_old_when_the_wish_changed_or_when_an_entry_is_gone(tmp_path):
    config = {
        "source": "openf1",
        "paths": {"data": str(tmp_path)},
        "openf1": {"base_url": "http://x"},
        "extract": EXTRACT,
    }
    path = catalogue.current(config, NOW)
    assert not path.exists() and catalogue.read(config) == {}
    write(path, NOW)
    soon, late = NOW + timedelta(minutes=29), NOW + timedelta(minutes=31)
    assert catalogue.current(config, soon) == path
    assert catalogue.current(config, late) != path
    other = config | {"extract": EXTRACT | {"num_sessions": 3}}
    assert catalogue.current(other, soon) != path
    catalogue.entry_file(path.parent, 4).unlink()
    assert catalogue.current(config, soon) != path
