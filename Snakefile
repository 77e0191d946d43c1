"""OpenF1 API -> catalogue -> landing JSON -> bronze -> silver -> gold core -> gold marts -> report.

Every step leaves a file that says what it did; delete one and its step runs again.
"""

import os
import shlex
import sys
import time
from pathlib import Path

from snakemake.utils import min_version, validate

min_version("9.27")


configfile: f"{workflow.basedir}/config/config.yaml"


validate(config, f"{workflow.basedir}/config/config.schema.yaml")

DATA = config["paths"]["data"]
LANDING = config["paths"].setdefault("landing", f"{DATA}/landing")
config["paths"].setdefault("warehouse", f"{DATA}/warehouse/dev_f1_data_analytics.duckdb")
MARKERS, LOGS, BENCHMARKS = (f"{DATA}/{name}" for name in ("markers", "logs", "benchmarks"))

# Snakemake starts scripts with this path unquoted: a space in it would cut it in two.
sys.executable = shlex.quote(sys.executable)

# The jobs of a run know it by these; dbt's process ends with it.
os.environ.update(F1_RUN_PID=str(os.getpid()), F1_RUN_STARTED=str(time.time()))


onstart:
    begin_run(log)


onsuccess:
    end_run(log, failed=False)


onerror:
    end_run(log, failed=True)


wildcard_constraints:
    asked=r"\d{8}T\d{6}Z-\w+",
    session_key=r"\d+",


include: "rules/inputs.smk"
include: "rules/extract.smk"
include: "rules/bronze.smk"
include: "rules/silver.smk"
include: "rules/gold.smk"
include: "rules/report.smk"
include: "rules/warehouse.smk"


localrules:
    f1_pipeline,
    extraction,
    bronze,
    silver,
    gold,
    report,


# Whatever of these is missing is made again, also where what follows is up to date.
EXTRACTED = FRESH_CATALOGUE, wanted_receipts, rules.mark_extraction.output.marker
LOADED = *EXTRACTED, rules.mark_bronze.input.receipts, rules.mark_bronze.output.marker
CLEAN = *LOADED, rules.build_silver.output
ANSWERS = *CLEAN, rules.build_gold_core.output, rules.build_gold_marts.output


rule f1_pipeline:
    default_target: True
    input:
        *ANSWERS,
    message:
        "The marts are up to date"


rule extraction:
    input:
        *EXTRACTED,
    message:
        "Landing is up to date"


rule bronze:
    input:
        *LOADED,
    message:
        "Bronze is up to date"


rule silver:
    input:
        *CLEAN,
    message:
        "Silver is up to date"


rule gold:
    input:
        *ANSWERS,
    message:
        "Gold is up to date"


rule report:
    input:
        *ANSWERS,
        rules.draw_report.output,
    message:
        "The report is drawn"
