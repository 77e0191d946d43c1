"""Sum up the bronze tables' receipts, and say which sessions are incomplete and why."""

from f1_pipeline.bronze import summarise
from f1_pipeline.jsonfile import read_json
from f1_pipeline.step import step

if __name__ == "__main__":
    with step(snakemake) as metadata:
        metadata.update(summarise([read_json(path) for path in snakemake.input.receipts]))
        print(f"{metadata['tables_count']} tables, {metadata['rows_total']} rows")
