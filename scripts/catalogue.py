"""Ask the API which sessions exist, and note those that are wanted."""

from f1_pipeline import catalogue
from f1_pipeline.extraction import open_source
from f1_pipeline.step import step

if __name__ == "__main__":
    with step(snakemake):
        sessions = open_source(snakemake.config).get("sessions")
        found = catalogue.write(snakemake.output[0], sessions, snakemake.config["extract"])
        print(f"{len(found['wanted'])} sessions wanted of {found['known']}")
        print(f"skipped: {found['skipped']}")
