"""Sum up the bronze tables' receipts, and say which sessions are incomplete and why."""

from pathlib import Path

from f1_pipeline.bronze import summarise
from f1_pipeline.jsonfile import read_json
from f1_pipeline.outcome import benchmark_seconds
from f1_pipeline.step import step

if __name__ == "__main__":
    with step(snakemake) as metadata:
        receipts = {Path(path).stem: read_json(path) for path in snakemake.input.receipts}
        metadata.update(summarise(list(receipts.values())))
        loads = Path(snakemake.config["paths"]["data"], "benchmarks", "load_bronze")
        metadata["load_seconds"] = {
            receipt["table"]: benchmark_seconds(loads / f"{name}.tsv")
            for name, receipt in receipts.items()
        }
        for table, rows in metadata["rows"].items():
            print(f"{table}: {rows} rows, loaded in {metadata['load_seconds'][table]} s")
