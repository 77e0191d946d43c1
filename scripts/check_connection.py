"""Try all that a run asks of the warehouse, and say what is missing."""

from f1_pipeline.step import announce, step
from f1_pipeline.warehouse import open_warehouse

if __name__ == "__main__":
    with step(snakemake):
        for line in open_warehouse(snakemake.config).check():
            announce(f"ok: {line}")
