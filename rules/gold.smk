"""Silver into dimensions and the fact table, and those into the marts: a dbt selection each.

In: silver_tables_built.json and the dbt code of the layers.
Out: tables in the schema default_gold_analytics and the markers gold_core_tables_built.json and
gold_mart_tables_built.json.
"""


rule build_gold_core:
    input:
        upstream=rules.build_silver.output.marker,
        extraction=rules.mark_extraction.output.marker,
        code=dbt_code("models/gold/core", "tests/gold_core"),
    output:
        marker=f"{MARKERS}/gold_core_tables_built.json",
        run_results=f"{MARKERS}/gold_core_tables_built.run_results.json",
    log:
        f"{LOGS}/build_gold_core.log",
    benchmark:
        f"{BENCHMARKS}/build_gold_core.tsv"
    resources:
        warehouse_writers=1,
    conda:
        "../envs/pipeline.yaml"
    message:
        "Building and testing gold core"
    script:
        "../scripts/build_layer.py"


rule build_gold_marts:
    input:
        upstream=rules.build_gold_core.output.marker,
        extraction=rules.mark_extraction.output.marker,
        code=dbt_code("models/gold/marts", "tests/gold_marts"),
    output:
        marker=f"{MARKERS}/gold_mart_tables_built.json",
        run_results=f"{MARKERS}/gold_mart_tables_built.run_results.json",
    log:
        f"{LOGS}/build_gold_marts.log",
    benchmark:
        f"{BENCHMARKS}/build_gold_marts.tsv"
    resources:
        warehouse_writers=1,
    conda:
        "../envs/pipeline.yaml"
    message:
        "Building and testing gold marts"
    script:
        "../scripts/build_layer.py"
