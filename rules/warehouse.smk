"""Care of the warehouse. Nothing depends on these: they run when they are asked for, every time."""


rule check_connection:
    log:
        f"{LOGS}/check_connection.log",
    benchmark:
        f"{BENCHMARKS}/check_connection.tsv"
    resources:
        warehouse_writers=1,
    conda:
        "../envs/pipeline.yaml"
    message:
        "Trying the warehouse"
    script:
        "../scripts/check_connection.py"


rule optimize:
    log:
        f"{LOGS}/optimize.log",
    benchmark:
        f"{BENCHMARKS}/optimize.tsv"
    resources:
        warehouse_writers=1,
    conda:
        "../envs/pipeline.yaml"
    message:
        "Compacting the tables"
    script:
        "../scripts/optimize.py"
