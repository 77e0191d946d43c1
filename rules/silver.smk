"""Bronze into clean, deduplicated tables: one dbt selection.

In: bronze_tables_loaded.json and the dbt code of the layer.
The steps from here on also name the extraction's marker, a checkpoint: once it is known what the
extraction changed, Snakemake judges anew whether they must run.
Out: tables in the schema default_silver_clean and the marker silver_tables_built.json.
"""


rule build_silver:
    input:
        upstream=rules.mark_bronze.output.marker,
        extraction=rules.mark_extraction.output.marker,
        code=dbt_code("seeds", "models/silver", "tests/silver"),
    output:
        marker=f"{MARKERS}/silver_tables_built.json",
        run_results=f"{MARKERS}/silver_tables_built.run_results.json",
    log:
        f"{LOGS}/build_silver.log",
    benchmark:
        f"{BENCHMARKS}/build_silver.tsv"
    resources:
        warehouse_writers=1,
    conda:
        "../envs/pipeline.yaml"
    message:
        "Building and testing silver"
    script:
        "../scripts/build_layer.py"
