"""Landing JSON into typed bronze tables, a session replaced whole where its content changed.

In: <landing>/<session_key>/<endpoint>.json.
Out: tables in the schema bronze_raw, a receipt a table and the marker bronze_tables_loaded.json.
"""


rule load_bronze:
    input:
        landing_files,
    output:
        receipt=f"{MARKERS}/bronze/{{endpoint}}.json",
    log:
        f"{LOGS}/load_bronze/{{endpoint}}.log",
    benchmark:
        f"{BENCHMARKS}/load_bronze/{{endpoint}}.tsv"
    resources:
        warehouse_writers=1,
    conda:
        "../envs/pipeline.yaml"
    message:
        "Loading {wildcards.endpoint} into bronze"
    script:
        "../scripts/load_bronze.py"


rule mark_bronze:
    input:
        receipts=expand(rules.load_bronze.output.receipt, endpoint=ENDPOINTS),
        extraction=rules.mark_extraction.output.marker,
    output:
        marker=f"{MARKERS}/bronze_tables_loaded.json",
    log:
        f"{LOGS}/mark_bronze.log",
    benchmark:
        f"{BENCHMARKS}/mark_bronze.tsv"
    conda:
        "../envs/pipeline.yaml"
    message:
        "Summing up bronze"
    script:
        "../scripts/mark_bronze.py"
