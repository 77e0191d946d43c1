"""Bronze into clean, deduplicated tables: one dbt selection.

In: bronze_tables_loaded.json and the dbt code of the layer.
Out: tables in the schema default_silver_clean and the marker silver_tables_built.json.
"""

DBT = f"{workflow.basedir}/dbt"


def dbt_code(*folders):
    """The files of a layer: its models and tests, and what every layer uses."""
    shared = [f"{DBT}/dbt_project.yml", f"{DBT}/selectors.yml"]
    found = (
        Path(DBT, folder).rglob("*") for folder in ("macros", "tests/generic", *folders)
    )
    return shared + sorted(
        str(path) for paths in found for path in paths if path.is_file()
    )


rule build_silver:
    input:
        upstream=rules.mark_bronze.output.marker,
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
    params:
        selector="silver",
        schema="default_silver_clean",
    message:
        "Building and testing silver"
    script:
        "../scripts/build_layer.py"
