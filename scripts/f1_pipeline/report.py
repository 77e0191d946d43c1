"""The marts as HTML tables and SVG charts, each file complete in itself."""

import html
import re
from pathlib import Path

import altair

from f1_pipeline.warehouse import schema

LEADERBOARD = {
    "position": "Pos",
    "driver_number": "No",
    "full_name": "Driver",
    "team_name": "Team",
    "fastest_lap_time": "Fastest lap",
    "fastest_lap_number": "On lap",
    "delta_to_fastest": "Gap, s",
    "gap_percentage": "Gap, %",
    "team_position": "In team",
}
SUMMARY = {
    "full_name": "Driver",
    "team_name": "Team",
    "total_laps": "Laps",
    "valid_laps": "Valid",
    "fastest_lap": "Fastest",
    "theoretical_best_lap": "Theoretical",
    "median_lap": "Median",
    "average_lap": "Mean",
    "slowest_lap": "Slowest",
    "lap_standard_deviation": "Std dev",
    "consistency_coefficient": "Consistency",
    "top_speed": "Top speed, km/h",
}
NOTHING = "\N{EN DASH}"
PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
:root {{ color-scheme: light dark }}
body {{ font: 15px/1.5 system-ui, sans-serif; margin: 1.5rem }}
table {{ border-collapse: collapse; font-variant-numeric: tabular-nums }}
th, td {{ padding: .3rem .7rem; border-bottom: 1px solid #8884; text-align: right }}
th.text, td.text {{ text-align: left }}
td {{ white-space: nowrap }}
td.team {{ border-left: .4rem solid var(--team, transparent) }}
.warn {{ color: #b35900 }} .fail, .error {{ color: #c00; font-weight: 600 }}
</style>
<h1>{title}</h1>
{body}
</html>
"""


def session_title(row):
    """Such as '2025 Miami Qualifying'."""
    parts = (row.year, row.circuit_short_name, row.session_name)
    return " ".join(str(part) for part in parts if part == part and part is not None)


def file_name(row):
    """Such as '10029_2025_Miami_Qualifying': the key first, for a name may recur."""
    return re.sub(r"[^\w-]+", "_", f"{row.session_key} {session_title(row)}")


def lap_time(seconds):
    """Seconds as the timing screen has them, 1:27.204; a dash where there is no time."""
    if seconds != seconds or seconds is None:
        return NOTHING
    minutes, rest = divmod(round(seconds * 1000), 60_000)
    return f"{minutes}:{rest // 1000:02d}.{rest % 1000:03d}"


def number(value, digits=3):
    return NOTHING if value != value or value is None else f"{value:.{digits}f}"


TIMES = ("fastest_lap_time", "fastest_lap", "theoretical_best_lap", "median_lap")
TIMES += ("average_lap", "slowest_lap")
DECIMALS = ("delta_to_fastest", "gap_percentage", "lap_standard_deviation")
DECIMALS += ("consistency_coefficient",)
FORMATS = dict.fromkeys(TIMES, lap_time) | dict.fromkeys(DECIMALS, number)


def table(frame, columns):
    """An HTML table of a mart's rows, `columns` being {column: heading}."""
    texts = [name for name in columns if frame[name].map(type).eq(str).any()]
    kind = {name: ' class="text"' if name in texts else "" for name in columns}
    head = "".join(f"<th{kind[name]}>{heading}</th>" for name, heading in columns.items())
    lines = []
    for row in frame.to_dict("records"):
        cells = []
        for name in columns:
            text = FORMATS.get(name, str if name in texts else lambda v: number(v, 0))(row[name])
            attributes = kind[name]
            if name == "team_name" and isinstance(row["team_colour"], str):
                attributes = f' class="text team" style="--team: {row["team_colour"]}"'
            cells.append(f"<td{attributes}>{html.escape(text)}</td>")
        lines.append(f"<tr>{''.join(cells)}</tr>")
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table>"


def chart(frame, title):
    """A bar for each driver: the gap to the session's fastest lap, in the team's colour."""
    frame = frame.assign(colour=frame["team_colour"].fillna("#888888"))
    order = frame["name_acronym"] + " " + frame["driver_number"].astype(str)
    frame = frame.assign(driver=order)
    base = altair.Chart(frame[["driver", "delta_to_fastest", "colour"]], title=title)
    x = altair.X("delta_to_fastest:Q", title="behind the fastest lap, s")
    y = altair.Y("driver:N", sort=list(order), title=None)
    colour = altair.Color("colour:N", scale=None)
    text = altair.Text("delta_to_fastest:Q", format="+.3f")
    bars = base.mark_bar().encode(x, y, colour)
    labels = base.mark_text(align="left", dx=4, fontSize=10).encode(x, y, text)
    return (bars + labels).properties(width=560, height=18 * len(frame))


def draw(warehouse, leaderboards, charts, summaries):
    """Write a leaderboard, its chart and a driver summary for each session with laps."""
    for folder in (leaderboards, charts, summaries):
        Path(folder).mkdir(parents=True)
    marts = schema("default_gold_analytics")
    with warehouse.connect(read_only=True) as connection:
        board = connection.frame(
            f"select * from {marts}.session_leaderboard order by session_key, position"
        )
        drivers = connection.frame(
            f"""select summary.*, sessions.year, sessions.circuit_short_name
                from {marts}.driver_session_summary as summary
                inner join {marts}.dim_sessions as sessions
                    on summary.session_key = sessions.session_key
                order by summary.session_key, fastest_lap nulls last, driver_number"""
        )
    for _, rows in board.groupby("session_key"):
        first = next(rows.itertuples())
        title = session_title(first)
        write_page(leaderboards, first, f"{title}: leaderboard", table(rows, LEADERBOARD))
        chart(rows, title).save(Path(charts, f"{file_name(first)}.svg"))
    for _, rows in drivers.groupby("session_key"):
        first = next(rows.itertuples())
        write_page(summaries, first, f"{session_title(first)}: drivers", table(rows, SUMMARY))
    return board["session_key"].nunique()


def write_page(folder, row, title, body):
    page = PAGE.format(title=html.escape(title), body=body)
    Path(folder, f"{file_name(row)}.html").write_text(page)


def quality_page(bronze, run_results):
    """The page of test outcomes (dbt's run results, one a layer) and incomplete sessions."""
    results = [result for layer in run_results for result in layer["results"]]
    tests = [r for r in results if r["unique_id"].startswith("test.")]
    tests.sort(key=lambda r: (r["status"] == "pass", r["unique_id"]))
    counts = [(s, sum(r["status"] == s for r in tests)) for s in ("pass", "warn", "fail", "error")]
    lines = "".join(
        f'<tr><td class="text">{r["unique_id"].split(".")[2]}</td>'
        f'<td class="{r["status"]}">{r["status"]}</td><td>{r["failures"] or 0}</td></tr>'
        for r in tests
    )
    gaps = "".join(
        f'<tr><td>{key}</td><td class="text">{html.escape("; ".join(reasons))}</td></tr>'
        for key, reasons in bronze["sessions_incomplete"].items()
    )
    unknown = "; ".join(f"{t}: {', '.join(names)}" for t, names in bronze["unknown_fields"].items())
    body = (
        f"<p>{', '.join(f'{count} {status}' for status, count in counts)}. "
        f"Fields the tables do not know: {html.escape(unknown) or 'none'}.</p>"
        '<table><thead><tr><th class="text">Test</th><th>Outcome</th><th>Rows</th></tr></thead>'
        f"<tbody>{lines}</tbody></table>"
        f"<h2>Incomplete sessions</h2>"
        + (f"<table><tbody>{gaps}</tbody></table>" if gaps else "<p>None.</p>")
    )
    return PAGE.format(title="Data quality", body=body)
