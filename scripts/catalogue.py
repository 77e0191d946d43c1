"""Ask the API which sessions exist, and note those that are wanted."""

from pathlib import Path

from f1_pipeline import catalogue, later, progress
from f1_pipeline.extraction import open_source
from f1_pipeline.openf1 import LiveSession
from f1_pipeline.step import announce, step

if __name__ == "__main__":
    with step(snakemake):
        config, path = snakemake.config, snakemake.output[0]
        try:
            found = catalogue.write(path, catalogue.lists(open_source(config), config), config)
            announce(progress.outlook(config, found["wanted"]))
        except LiveSession as error:
            print(error)
            later.note(config)
            if not any(Path(config["paths"]["landing"]).glob("[0-9]*/*.json")):
                raise  # there is nothing to build
            found = catalogue.repeat(
                path, config, lambda key: progress.receipt_file(config, key).exists()
            )
        print(f"{len(found['wanted'])} sessions wanted of {found['known']}")
        print(f"skipped: {found['skipped']}")
