"""What the API holds, into landing.

In: the API (or the synthetic sessions), and JSON laid into landing by hand.
Out: <landing>/<session_key>/<endpoint>.json and the marker api_extracted_data.json.
"""


checkpoint catalogue:
    output:
        f"{CATALOGUE}/{{asked}}.json",
    log:
        f"{LOGS}/catalogue/{{asked}}.log",
    benchmark:
        f"{BENCHMARKS}/catalogue/{{asked}}.tsv"
    conda:
        "../envs/pipeline.yaml"
    message:
        "Asking which sessions exist"
    script:
        "../scripts/catalogue.py"


rule extract_session:
    input:
        f"{CATALOGUE}/sessions/{{session_key}}.json",
    output:
        f"{MARKERS}/extracted/{{session_key}}.json",
    log:
        f"{LOGS}/extract_session/{{session_key}}.log",
    benchmark:
        f"{BENCHMARKS}/extract_session/{{session_key}}.tsv"
    conda:
        "../envs/pipeline.yaml"
    message:
        "Extracting session {wildcards.session_key}"
    script:
        "../scripts/extract_session.py"


checkpoint mark_extraction:
    input:
        # Named so that this step follows every answer: Snakemake judges anew what comes after it.
        catalogue=FRESH_CATALOGUE,
        receipts=wanted_receipts,
        others=other_files,
    output:
        # Kept where nothing changed: a step after it runs only if its content did.
        marker=update(f"{MARKERS}/api_extracted_data.json"),
    log:
        f"{LOGS}/mark_extraction.log",
    benchmark:
        f"{BENCHMARKS}/mark_extraction.tsv"
    conda:
        "../envs/pipeline.yaml"
    message:
        "Listing what lies in landing"
    script:
        "../scripts/mark_extraction.py"
