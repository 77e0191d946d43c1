"""Synthetic sessions in the API's shape, for the demo, the tests and the benchmark.

Drivers, teams and circuits are real; every time, speed and position is invented, and so are the
keys (sessions 90001 and up, meetings 9001 and up). The rows carry the dirt that real answers do:
nulls on first laps, garage time in pit-out laps, a lap returned twice, cars that send no position,
stand-ins listed under the regular driver's first name. The same rows come out on every machine.
"""

import math
import random
from datetime import datetime, timedelta

from f1_pipeline.landing import write_rows

# name, team's colour by season, pace: seconds behind the best a lap
TEAMS = {
    "McLaren": ("FF8000", 0.0),
    "Red Bull Racing": ("3671C6", 0.1),
    "Ferrari": ("E80020", 0.2),
    "Mercedes": ("27F4D2", 0.3),
    "Aston Martin": ("229971", 0.8),
    "Alpine": ("0093cc", 1.0),
    "RB": ("6692FF", 0.9),
    "Racing Bulls": ("6692FF", 0.9),
    "Williams": ("64C4FF", 0.9),
    "Haas F1 Team": ("b6babd", 1.1),
    "Kick Sauber": ("52E252", 1.2),
    "Audi": ("F50537", 1.2),
    "Cadillac": ("909090", 1.6),
}
DRIVERS = {
    "VER": "Max VERSTAPPEN", "PER": "Sergio PEREZ", "NOR": "Lando NORRIS", "PIA": "Oscar PIASTRI",
    "LEC": "Charles LECLERC", "SAI": "Carlos SAINZ", "HAM": "Lewis HAMILTON",
    "RUS": "George RUSSELL", "ALO": "Fernando ALONSO", "STR": "Lance STROLL",
    "GAS": "Pierre GASLY", "OCO": "Esteban OCON", "ALB": "Alexander ALBON", "TSU": "Yuki TSUNODA",
    "LAW": "Liam LAWSON", "BOT": "Valtteri BOTTAS", "ZHO": "ZHOU Guanyu",
    "HUL": "Nico HULKENBERG", "MAG": "Kevin MAGNUSSEN", "BEA": "Oliver BEARMAN",
    "ANT": "Kimi ANTONELLI", "HAD": "Isack HADJAR", "RIC": "Daniel RICCIARDO",
    "SAR": "Logan SARGEANT", "DOO": "Jack DOOHAN", "COL": "Franco COLAPINTO",
    "LIN": "Arvid LINDBLAD", "BOR": "Gabriel BORTOLETO",
}  # fmt: skip
GRIDS = {
    2024: {
        "Red Bull Racing": {"VER": 1, "PER": 11}, "McLaren": {"NOR": 4, "PIA": 81},
        "Ferrari": {"LEC": 16, "SAI": 55}, "Mercedes": {"HAM": 44, "RUS": 63},
        "Aston Martin": {"ALO": 14, "STR": 18}, "RB": {"TSU": 22, "RIC": 3},
        "Williams": {"ALB": 23, "SAR": 2},
        "Alpine": {"GAS": 10, "OCO": 31}, "Haas F1 Team": {"MAG": 20, "HUL": 27},
        "Kick Sauber": {"BOT": 77, "ZHO": 24},
    },
    2025: {
        "McLaren": {"NOR": 4, "PIA": 81}, "Red Bull Racing": {"VER": 1, "LAW": 30},
        "Ferrari": {"LEC": 16, "HAM": 44}, "Mercedes": {"RUS": 63, "ANT": 12},
        "Aston Martin": {"ALO": 14, "STR": 18}, "Racing Bulls": {"TSU": 22, "HAD": 6},
        "Williams": {"ALB": 23, "SAI": 55}, "Haas F1 Team": {"OCO": 31, "BEA": 87},
        "Kick Sauber": {"HUL": 27, "BOR": 5}, "Alpine": {"GAS": 10, "DOO": 7},
    },
    2026: {
        "McLaren": {"NOR": 1, "PIA": 81}, "Red Bull Racing": {"VER": 3, "HAD": 6},
        "Ferrari": {"LEC": 16, "HAM": 44}, "Mercedes": {"RUS": 63, "ANT": 12},
        "Aston Martin": {"ALO": 14, "STR": 18}, "Racing Bulls": {"LAW": 30, "LIN": 41},
        "Williams": {"ALB": 23, "SAI": 55}, "Haas F1 Team": {"OCO": 31, "BEA": 87},
        "Audi": {"HUL": 27, "BOR": 5}, "Cadillac": {"PER": 11, "BOT": 77},
        "Alpine": {"GAS": 10, "COL": 43},
    },
}  # fmt: skip
# circuit: key, country code, country, place, offset from UTC, lap time in s
CIRCUITS = {
    "Jeddah": (149, "KSA", "Saudi Arabia", "Jeddah", "03:00:00", 88.0),
    "Shanghai": (49, "CHN", "China", "Shanghai", "08:00:00", 94.0),
    "Melbourne": (10, "AUS", "Australia", "Melbourne", "11:00:00", 77.0),
    "Sakhir": (63, "BRN", "Bahrain", "Sakhir", "03:00:00", 91.0),
    "Miami": (151, "USA", "United States", "Miami", "-04:00:00", 87.0),
    "Suzuka": (46, "JPN", "Japan", "Suzuka", "09:00:00", 89.0),
}
# key, meeting, name, type, circuit, start, minutes, seats that differ from the season's grid
SESSIONS = [
    (90001, 9001, "Practice 3", "Practice", "Jeddah", "2024-03-08T13:30", 60,
     {"SAI": None, "BEA": (38, "Ferrari")}),
    (90002, 9002, "Sprint Qualifying", "Qualifying", "Shanghai", "2024-04-19T07:30", 44, {}),
    (90003, 9002, "Sprint", "Race", "Shanghai", "2024-04-20T03:00", 30, {}),
    (90004, 9003, "Race", "Race", "Melbourne", "2025-03-16T04:00", 120, {}),
    (90005, 9004, "Race", "Race", "Sakhir", "2025-04-13T15:00", 120,
     {"LAW": (30, "Racing Bulls"), "TSU": (22, "Red Bull Racing")}),
    (90006, 9005, "Qualifying", "Qualifying", "Miami", "2025-05-03T20:00", 60,
     {"LAW": (30, "Racing Bulls"), "TSU": (22, "Red Bull Racing")}),
    (90007, 9006, "Day 1", "Practice", "Sakhir", "2026-02-11T07:00", 240, {}),
    (90008, 9007, "Qualifying", "Qualifying", "Suzuka", "2026-03-28T06:00", 60, {}),
    (90009, 9008, "Race", "Race", "Sakhir", "2026-04-12T15:00", 120, {}),
]  # fmt: skip
CANCELLED = 90009
NAMELESS = 90003  # lists every driver without team, colour, first and last name
STAND_IN = (90007, 1, "Alexander DUNNE", "DUN")  # listed with the regular driver's first name
OTHER_SPELLING = (90007, 12, "Andrea Kimi ANTONELLI")
SILENT_CAR = (90006, 63)  # at (0, 0, 0) throughout
SAFETY_CARS = (241, 242)
POSITIONS_PER_LAP = 20


class SampleApi:
    """Answers as the hosted API's client does, from the sessions above."""

    def get(self, endpoint, filters=()):
        """Rows of `endpoint` whose fields equal the filters' values, (field, "=", value) each."""
        if endpoint == "sessions":
            rows = [session_row(*session) for session in SESSIONS]
        else:
            asked = {value for field, _, value in filters if field == "session_key"}
            rows = [row for key in sorted(asked) for row in session_rows(key).get(endpoint, [])]
        return [row for row in rows if all(row.get(field) == value for field, _, value in filters)]

    def download(self, endpoint, filters, path):
        write_rows(path, self.get(endpoint, filters))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        """Nothing is open."""


def session_rows(key):
    """The rows of one session by endpoint, {} where it is unknown or was cancelled."""
    found = [session for session in SESSIONS if session[0] == key]
    if not found or key == CANCELLED:
        return {}
    _, meeting, _, kind, circuit, start, _, seats = found[0]
    grid = {number: (who, team) for team, s in GRIDS[int(start[:4])].items()
            for who, number in s.items() if who not in seats}  # fmt: skip
    grid |= {seat[0]: (who, seat[1]) for who, seat in seats.items() if seat}
    laps = {"Race": 15, "Qualifying": 9, "Practice": 12}[kind]
    return make(key, meeting, kind, circuit, f"{start}:00+00:00", grid, laps, POSITIONS_PER_LAP)


def race(key=91001, laps=60, location_rows=500_000):
    """One realistic race of 20 cars by endpoint, sized for the benchmark."""
    grid = {number: (who, team) for team, seats in GRIDS[2024].items()
            for who, number in seats.items()}  # fmt: skip
    start, per_lap = "2024-06-22T14:00:00+00:00", location_rows // (20 * laps)
    rows = make(key, 9100, "Race", "Sakhir", start, grid, laps, per_lap)
    return {
        "sessions": [session_row(key, 9100, "Race", "Race", "Sakhir", start[:16], 120, {})],
        **rows,
    }


def session_row(key, meeting, name, kind, circuit, start, minutes, _seats):
    circuit_key, code, country, place, offset, _ = CIRCUITS[circuit]
    begin = datetime.fromisoformat(f"{start}:00+00:00")
    row = {
        "meeting_key": meeting, "session_key": key, "location": place,
        "date_start": stamp(begin), "date_end": stamp(begin + timedelta(minutes=minutes)),
        "session_type": kind, "session_name": name, "country_key": circuit_key % 50,
        "country_code": code, "country_name": country, "circuit_key": circuit_key,
        "circuit_short_name": circuit, "gmt_offset": offset, "year": begin.year,
    }  # fmt: skip
    return row | ({"is_cancelled": key == CANCELLED} if begin.year > 2024 else {})


def make(key, meeting, kind, circuit, start, grid, laps, per_lap):
    """Drivers, laps and location of one session whose cars are {number: (acronym, team)}."""
    chance, begin = random.Random(key), datetime.fromisoformat(start)
    rows = {"drivers": [], "laps": [], "location": []}
    for number, (who, team) in sorted(grid.items()):
        ids = {"meeting_key": meeting, "session_key": key, "driver_number": number}
        rows["drivers"].append(ids | driver(key, number, who, team))
        times = drive(chance, ids, kind, CIRCUITS[circuit][-1] + TEAMS[team][1], laps, begin)
        rows["laps"] += times
        silent = (key, number) == SILENT_CAR
        rows["location"] += positions(ids, circuit, times, begin, per_lap, silent)
    for number in SAFETY_CARS if kind == "Race" and key < 91000 else ():
        parked = {"meeting_key": meeting, "session_key": key, "driver_number": number}
        rows["location"] += [
            parked | {"date": stamp(begin + timedelta(seconds=10 * i)), "x": -900, "y": 40, "z": 7}
            for i in range(50)
        ]
    twice = rows["laps"][5]
    rows["laps"].insert(6, twice | {"i1_speed": None, "segments_sector_1": None})
    rows["location"].sort(key=lambda row: (row["date"], row["driver_number"]))
    return rows


def driver(key, number, who, team):
    full_name, acronym = DRIVERS[who], who
    first, last = sorted(full_name.split(), key=str.isupper)
    last = last.title()
    if (key, number) == STAND_IN[:2]:
        full_name, acronym = STAND_IN[2:]
    if (key, number) == OTHER_SPELLING[:2]:
        full_name = OTHER_SPELLING[2]
    named = key != NAMELESS
    surname = next(part for part in full_name.split() if part.isupper())
    given = next(part for part in full_name.split() if not part.isupper())
    return {
        "broadcast_name": f"{given[0]} {surname}", "full_name": full_name,
        "name_acronym": acronym, "team_name": team if named else None,
        "team_colour": TEAMS[team][0] if named else None, "first_name": first if named else None,
        "last_name": last if named else None, "headshot_url": None, "country_code": None,
    }  # fmt: skip


def drive(chance, ids, kind, pace, laps, begin):
    """The laps of one car: out, push and in laps in turn, or a race with a stop half-way."""
    pace += chance.random() * 0.4
    at, rows = begin + timedelta(seconds=3 + chance.random() * 20), []
    for number in range(1, laps + 1):
        stop = number == laps // 2 if kind == "Race" else number % 3 == 1
        slow = 18.0 if stop else 25.0 if kind != "Race" and number % 3 == 0 else 0.0
        garage = 600 * chance.random() if stop and kind != "Race" and number > 1 else 0.0
        time = pace + slow + garage + chance.gauss(0.4, 0.3) - 0.02 * number
        shares = [0.31 + chance.gauss(0, 0.002), 0.38 + chance.gauss(0, 0.002)]
        sectors = [round(time * share, 3) for share in shares]
        sectors.append(round(time - sum(sectors), 3))
        row = ids | {
            "lap_number": number,
            "date_start": stamp(at),
            **{f"duration_sector_{i}": sector for i, sector in enumerate(sectors, 1)},
            "lap_duration": round(time, 3),
            "i1_speed": chance.randint(255, 305),
            "i2_speed": chance.randint(230, 290),
            "st_speed": chance.randint(285, 340),
            "is_pit_out_lap": stop,
            **{f"segments_sector_{i}": segments(chance, slow) for i in (1, 2, 3)},
        }
        if number == 1:
            row |= {"date_start": None, "duration_sector_1": None, "lap_duration": None}
            row["segments_sector_1"] = [None, *row["segments_sector_1"][1:]]
        if chance.random() < 0.01:
            row |= {"duration_sector_2": None, "segments_sector_2": None, "i2_speed": None}
        if chance.random() < 0.01:
            row["lap_duration"] = round(time + 0.25, 3)  # the sectors need not sum to the lap
        rows.append(row)
        at += timedelta(milliseconds=round(time * 1000))
    return rows


def segments(chance, slow):
    codes = [2048] if slow else [2048, 2048, 2049, 2049, 2051]
    return [chance.choice(codes) for _ in range(8)]


def positions(ids, circuit, laps, begin, per_lap, silent):
    """Samples along a closed curve, a lap's worth for each lap; tenths of a metre."""
    shape = random.Random(circuit)
    chance = random.Random(f"{ids} positions")  # its own, so that laps can change without them
    waves = [(shape.randint(300, 4000) / k, shape.random() * 6.3, k) for k in (1, 2, 3)]
    at = begin
    for lap in laps:
        time = lap["lap_duration"] or 95.0
        for sample in range(per_lap):
            angle = 2 * math.pi * sample / per_lap
            x = sum(size * math.cos(k * angle + turn) for size, turn, k in waves)
            y = sum(size * math.sin(k * angle - turn) for size, turn, k in waves)
            point = (0, 0, 0) if silent else (round(x), round(y), chance.randint(0, 30))
            moment = at + timedelta(milliseconds=round(1000 * time * sample / per_lap))
            yield ids | {"date": stamp(moment), **dict(zip("xyz", point, strict=True))}
        at += timedelta(milliseconds=round(time * 1000))


def stamp(moment):
    """As the API writes an instant: milliseconds in six digits, none on a whole second."""
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000).isoformat()
