"""Draw what `snakemake --report` shows: the marts of every session, and the data's quality."""

from pathlib import Path

from f1_pipeline import report
from f1_pipeline.jsonfile import read_json
from f1_pipeline.step import step
from f1_pipeline.warehouse import open_warehouse

if __name__ == "__main__":
    with step(snakemake):
        output = snakemake.output
        warehouse = open_warehouse(snakemake.config)
        drawn = report.draw(warehouse, output.leaderboards, output.charts, output.summaries)
        run_results = [read_json(path) for path in snakemake.input.run_results]
        page = report.quality_page(read_json(snakemake.input.bronze), run_results)
        Path(output.quality).write_text(page)
        print(f"{drawn} sessions drawn")
