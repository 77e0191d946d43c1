"""Build and test one layer with dbt."""

from pathlib import Path

from f1_pipeline import dbt_layer
from f1_pipeline.jsonfile import write_json
from f1_pipeline.step import step
from f1_pipeline.warehouse import open_warehouse

if __name__ == "__main__":
    with step(snakemake) as metadata:
        layer = snakemake.rule.removeprefix("build_")
        run_results = dbt_layer.build(
            open_warehouse(snakemake.config),
            str(Path(snakemake.input.code[0]).parent),
            layer,
            f"{snakemake.config['paths']['data']}/dbt",
            snakemake.log[0],
            snakemake.config["dbt"]["full_refresh"],
        )
        metadata.update(dbt_layer.summarise(layer, run_results))
        write_json(snakemake.output.run_results, run_results)
