"""OpenF1 API -> catalogue -> landing JSON -> bronze -> silver -> gold core -> gold marts -> report.

Every step leaves a file that says what it did; delete one and its step runs again.
"""

import os
from pathlib import Path

from snakemake.utils import min_version, validate

min_version("9.27")


configfile: f"{workflow.basedir}/config/config.yaml"


validate(config, f"{workflow.basedir}/config/config.schema.yaml")

DATA = config["paths"]["data"]
LANDING = config["paths"].setdefault("landing", f"{DATA}/landing")
config["paths"].setdefault("warehouse", f"{DATA}/warehouse/dev_f1_data_analytics.duckdb")
MARKERS, LOGS, BENCHMARKS = (f"{DATA}/{name}" for name in ("markers", "logs", "benchmarks"))

# dbt's process ends with the run that started it.
os.environ.update(F1_RUN_PID=str(os.getpid()))


wildcard_constraints:
    asked=r"\d{8}T\d{6}Z-\w+",
    session_key=r"\d+",


include: "rules/inputs.smk"
include: "rules/extract.smk"
include: "rules/bronze.smk"
include: "rules/silver.smk"
include: "rules/gold.smk"
include: "rules/report.smk"


localrules:
    f1_pipeline,
    extraction,
    bronze,
    silver,
    gold,
    report,


rule f1_pipeline:
    default_target: True
    input:
        FRESH_CATALOGUE,
        rules.build_gold_marts.output.marker,


rule extraction:
    input:
        FRESH_CATALOGUE,
        rules.mark_extraction.output.marker,


rule bronze:
    input:
        FRESH_CATALOGUE,
        rules.mark_bronze.output.marker,


rule silver:
    input:
        FRESH_CATALOGUE,
        rules.build_silver.output.marker,


rule gold:
    input:
        FRESH_CATALOGUE,
        rules.build_gold_marts.output.marker,


rule report:
    input:
        FRESH_CATALOGUE,
        rules.draw_report.output,
