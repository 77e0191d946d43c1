"""The marts as pages and charts for `snakemake --report`.

In: gold_mart_tables_built.json, the layers' run results and the bronze marker.
Out: a leaderboard, its chart and a driver summary for each session, and the data's quality.
"""


rule draw_report:
    input:
        marts=rules.build_gold_marts.output.marker,
        extraction=rules.mark_extraction.output.marker,
        bronze=rules.mark_bronze.output.marker,
        run_results=[
            rules.build_silver.output.run_results,
            rules.build_gold_core.output.run_results,
            rules.build_gold_marts.output.run_results,
        ],
    output:
        leaderboards=report(
            directory(f"{DATA}/report/leaderboards"),
            patterns=["{session}.html"],
            caption="captions/leaderboard.rst",
            category="Leaderboards",
            labels={"session": "{session}", "as": "table"},
        ),
        charts=report(
            directory(f"{DATA}/report/charts"),
            patterns=["{session}.svg"],
            caption="captions/chart.rst",
            category="Leaderboards",
            labels={"session": "{session}", "as": "chart"},
        ),
        summaries=report(
            directory(f"{DATA}/report/summaries"),
            patterns=["{session}.html"],
            caption="captions/summary.rst",
            category="Driver summaries",
            labels={"session": "{session}"},
        ),
        quality=report(
            f"{DATA}/report/data_quality.html",
            caption="captions/quality.rst",
            category="Data quality",
            labels={"of": "the last run"},
        ),
    log:
        f"{LOGS}/draw_report.log",
    benchmark:
        f"{BENCHMARKS}/draw_report.tsv"
    conda:
        "../envs/pipeline.yaml"
    message:
        "Drawing the report"
    script:
        "../scripts/draw_report.py"
