"""What became of a run, asset by asset, and why it failed: from its log and its markers."""

import re
from pathlib import Path

from f1_pipeline.jsonfile import read_json

REASON = 1_200  # characters

# The five assets in their order: marker, and the rules that make it.
ASSETS = {
    "api_extracted_data": ("catalogue", "extract_session", "mark_extraction"),
    "bronze_tables_loaded": ("load_bronze", "mark_bronze"),
    "silver_tables_built": ("build_silver",),
    "gold_core_tables_built": ("build_gold_core",),
    "gold_mart_tables_built": ("build_gold_marts",),
}


def steps_of(data, log, started, result):
    """What became of each asset in a run, from its log and the markers it left."""
    text = Path(log).read_text(errors="replace") if log and Path(log).exists() else ""
    finished = set(re.findall(r"^Finished jobid: \d+ \(Rule: (\w+)\)", text, re.MULTILINE))
    failed = set(re.findall(r"^Error in rule (\w+):", text, re.MULTILINE))
    steps, stopped = {}, False
    for asset, rules in ASSETS.items():
        marker = Path(data, "markers", f"{asset}.json")
        if failed & set(rules):
            state, stopped = "failed", True
        elif result == "skipped":
            state = "skipped"
        elif stopped or not marker.exists():
            state = "not run"
        elif marker.stat().st_mtime >= started or finished & set(rules[-1:]):
            state = "done"
        else:
            state = "up to date"
        steps[asset] = {"state": state} | (
            figures(data, marker, started) if state == "done" else {}
        )
    return steps


def figures(data, marker, started):
    """A marker's rows and tests, and how long the asset took: with the jobs it sums up."""
    content = read_json(marker)
    jobs = {"api_extracted_data": "extract_session", "bronze_tables_loaded": "load_bronze"}
    took = content["duration_seconds"]
    for path in Path(data, "benchmarks", jobs.get(marker.stem, "-")).glob("*.tsv"):
        if path.stat().st_mtime >= started:
            took += benchmark_seconds(path)
    tests = {k.removeprefix("tests_"): v for k, v in content.items() if k.startswith("tests_")}
    rows = content.get("rows_total")
    found = {"duration_seconds": round(took, 3)}
    return (
        found | ({"rows": rows} if rows is not None else {}) | ({"tests": tests} if tests else {})
    )


def reason_in(log):
    """The failing rule and the last lines that say why, from a run's log."""
    text = Path(log).read_text(errors="replace") if log and Path(log).exists() else ""
    rule = re.search(r"^Error in rule (\w+):", text, re.MULTILINE)
    told = re.findall(r"^(?:ERROR: |\w*(?:Error|Exception): |\w+ in file ).*$", text, re.MULTILINE)
    own = [line for line in told if line.startswith("ERROR: ")] or told or text.splitlines()[-3:]
    logs = re.findall(r"^    log: (\S+)", text, re.MULTILINE)
    return {
        "rule": rule[1] if rule else None,
        "reason": "\n".join(dict.fromkeys(own))[-REASON:],
        "step_log": logs[0] if logs else None,
    }


def benchmark_seconds(path):
    """Wall-clock seconds from a rule's benchmark file, None where there is none."""
    path = Path(path)
    return float(path.read_text().splitlines()[1].split("\t")[0]) if path.exists() else None
