"""Say which sessions lie in landing, whole or not, and which were skipped."""

from pathlib import Path

from f1_pipeline import catalogue
from f1_pipeline.extraction import summarise
from f1_pipeline.jsonfile import read_json
from f1_pipeline.step import step

if __name__ == "__main__":
    with step(snakemake) as metadata:
        config = snakemake.config
        receipts = {Path(path).stem: read_json(path) for path in snakemake.input.receipts}
        metadata["inputs"] = [*map(str, snakemake.input.receipts), *snakemake.input.others]
        metadata["extraction_mode"] = config["extract"]["mode"]
        metadata.update(summarise(config, receipts))
        found = catalogue.last(config)
        metadata["sessions_skipped"] = read_json(found)["skipped"] if found else {}
        print(f"{metadata['files_count']} files of {metadata['sessions_count']} sessions")
