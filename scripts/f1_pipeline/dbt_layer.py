"""One layer of the dbt project: built and tested, with what dbt's run_results.json says of it."""

import hashlib
import json
from collections import Counter
from pathlib import Path

from f1_pipeline import PipelineError, dbt_process
from f1_pipeline.jsonfile import read_json

SCHEMAS = {
    "silver": "default_silver_clean",
    "gold_core": "default_gold_analytics",
    "gold_marts": "default_gold_analytics",
}
# What the incremental tables are made by.
CODE = ("dbt_project.yml", "models/silver/**/*.sql", "macros/**/*.sql", "seeds/*.csv")


def build(warehouse, project, layer, target_path, log, full_refresh=False):
    """Build and test a layer; returns dbt's run results (the content of run_results.json).

    Raises PipelineError that names each model and test that failed.
    """
    arguments = ["build", "--selector", layer, "--exclude-resource-type", "unit_test"]
    arguments += ["--project-dir", project, "--profiles-dir", project, "--target", warehouse.target]
    arguments += ["--target-path", str(Path(target_path).absolute()), "--log-level-file", "none"]
    arguments += ["--vars", json.dumps({"code_digest": code_digest(project)})]
    arguments += ["--full-refresh"] * full_refresh
    results = Path(target_path, "run_results.json")
    results.unlink(missing_ok=True)
    success, exception = dbt_process.invoke(arguments, warehouse.dbt_environment, log)
    if exception or not results.exists():
        raise PipelineError(f"dbt could not build {layer}: {exception or f'see {log}'}")
    run_results = read_json(results)
    if not success:
        raise PipelineError(f"{layer}: {describe_failures(run_results)}")
    return run_results


def code_digest(project):
    """A digest of the code that incremental tables are made by: a change recomputes them."""
    files = sorted(path for pattern in CODE for path in Path(project).glob(pattern))
    return hashlib.sha256(b"\0".join(path.read_bytes() for path in files)).hexdigest()[:16]


def describe_failures(run_results):
    failed = [r for r in run_results["results"] if r["status"] in ("fail", "error")]
    names = "; ".join(f"{r['unique_id'].split('.')[2]} ({r['message']})" for r in failed)
    return f"{len(failed)} failed: {' '.join(names.split())}"


def summarise(layer, run_results):
    """The asset's metadata from dbt's run results: counts of models and of tests by outcome."""
    kinds = [(r["unique_id"].split(".")[0], r["status"]) for r in run_results["results"]]
    tests = Counter(status for kind, status in kinds if kind == "test")
    return {
        "schema": SCHEMAS[layer],
        "models_count": sum(kind == "model" for kind, _ in kinds),
        "tests_passed": tests["pass"],
        "tests_warned": tests["warn"],
        "tests_failed": tests["fail"] + tests["error"],
        "warnings": {
            r["unique_id"].split(".")[2]: r["failures"]
            for r in run_results["results"]
            if r["status"] == "warn"
        },
    }
