"""Bring one bronze table to the content of its landing files."""

from pathlib import Path

from f1_pipeline import dbt_layer
from f1_pipeline.bronze import load_table
from f1_pipeline.endpoints import endpoints
from f1_pipeline.jsonfile import read_json, write_json
from f1_pipeline.step import step
from f1_pipeline.warehouse import open_warehouse

if __name__ == "__main__":
    with step(snakemake):
        dbt_layer.warm_up(snakemake.config, snakemake.log[0])
        endpoint = endpoints()[snakemake.wildcards.endpoint]
        receipt_path = Path(snakemake.output.receipt)
        last = receipt_path.with_name(f".{receipt_path.name}")
        known = read_json(last) if last.exists() else None
        with open_warehouse(snakemake.config).connect() as connection:
            anew = snakemake.config["dbt"]["full_refresh"]
            receipt = load_table(connection, endpoint, snakemake.input, known, anew)
        write_json(last, receipt)
        write_json(receipt_path, receipt)
        print(f"{receipt['table']}: {receipt['rows']} rows of {len(receipt['sessions'])} sessions")
