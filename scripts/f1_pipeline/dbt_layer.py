"""One layer of the dbt project: built and tested, with what dbt's run_results.json says of it."""

import hashlib
import json
from collections import Counter
from pathlib import Path

from f1_pipeline import PipelineError, dbt_process
from f1_pipeline.jsonfile import read_json
from f1_pipeline.warehouse import open_warehouse, schema

PROJECT = Path(__file__).parents[2] / "dbt"
SCHEMAS = {
    "silver": "default_silver_clean",
    "gold_core": "default_gold_analytics",
    "gold_marts": "default_gold_analytics",
}
# What the incremental tables are made by.
CODE = ("dbt_project.yml", "models/silver/**/*.sql", "macros/**/*.sql", "seeds/*.csv")


def warm_up(config, log):
    """Have dbt loaded and the project read by the time the first layer is built."""
    if not dbt_process.is_started():
        environment = open_warehouse(config).dbt_environment
        dbt_process.start(["parse", *options(config)], environment, log)


def build(config, layer, log):
    """Build and test a layer; returns dbt's run results (the content of run_results.json).

    Raises PipelineError that names each model and test that failed.
    """
    command = ["build", "--selector", layer, "--exclude-resource-type", "unit_test"]
    command += ["--full-refresh"] * config["dbt"]["full_refresh"]
    command += options(config)
    results = Path(config["paths"]["data"], "dbt", "run_results.json")
    results.unlink(missing_ok=True)
    success, exception = dbt_process.invoke(command, open_warehouse(config).dbt_environment, log)
    if exception or not results.exists():
        raise PipelineError(f"dbt could not build {layer}: {exception or f'see {log}'}")
    run_results = read_json(results)
    if not success:
        raise PipelineError(f"{layer}: {describe_failures(run_results)}")
    return run_results


def options(config):
    target_path = Path(config["paths"]["data"], "dbt").absolute()
    return [
        *("--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT)),
        *("--target", open_warehouse(config).target, "--target-path", str(target_path)),
        *("--vars", json.dumps({"code_digest": code_digest()}), "--log-level-file", "none"),
    ]


def code_digest():
    """A digest of the code that incremental tables are made by: a change recomputes them."""
    files = sorted(path for pattern in CODE for path in PROJECT.glob(pattern))
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
        "schema": schema(SCHEMAS[layer]),
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
