"""Build and test one layer with dbt."""

from f1_pipeline import dbt_layer
from f1_pipeline.jsonfile import write_json
from f1_pipeline.step import step

if __name__ == "__main__":
    with step(snakemake) as metadata:
        layer = snakemake.rule.removeprefix("build_")
        run_results = dbt_layer.build(snakemake.config, layer, snakemake.log[0])
        metadata.update(dbt_layer.summarise(layer, run_results))
        write_json(snakemake.output.run_results, run_results)
