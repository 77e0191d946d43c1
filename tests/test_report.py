"""The report: what it shows equals the marts, and the one file needs no network."""

import re


def test_report_shows_the_marts_in_one_file(project):
    assert project.run("report").jobs == {"draw_report": 1}
    drawn = project.data / "report"
    sessions = {90001: "2024_Jeddah_Practice_3", 90002: "2024_Shanghai_Sprint_Qualifying"}
    for key, session in sessions.items():
        page = (drawn / "leaderboards" / f"{key}_{session}.html").read_text()
        shown = re.findall(r"<td>(\d+)</td><td>(\d+)</td>.*?<td>(\d):(\d\d\.\d{3})</td>", page)
        assert [
            (int(position), int(number), round(int(minutes) * 60 + float(seconds), 3))
            for position, number, minutes, seconds in shown
        ] == project.query(
            f"""select position, driver_number, fastest_lap_time
                from default_gold_analytics.session_leaderboard
                where session_key = {key} order by position"""
        )
        assert "<svg" in (drawn / "charts" / f"{key}_{session}.svg").read_text()
        assert (drawn / "summaries" / f"{key}_{session}.html").exists()
    quality = (drawn / "data_quality.html").read_text()
    assert "leaderboard_has_no_gaps" in quality and "0 fail" in quality
    project.run("report", "--report", "report.html")
    report = (project.folder / "report.html").read_text()
    assert "90001_2024_Jeddah_Practice_3" in report and "Data quality" in report
    loaded = re.findall(r"<(?:script|link|img)[^>]+(?:src|href)=\"(https?:[^\"]+)", report)
    assert not loaded
