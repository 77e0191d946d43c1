"""Keep the warehouse's tables compact."""

from f1_pipeline.step import announce, step
from f1_pipeline.warehouse import open_warehouse

if __name__ == "__main__":
    with step(snakemake), open_warehouse(snakemake.config).connect() as connection:
        for line in connection.optimize():
            announce(line)
