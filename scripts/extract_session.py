"""Fetch one session's endpoints, lay them into landing, and say what came."""

from pathlib import Path

from f1_pipeline import extraction
from f1_pipeline.jsonfile import read_json, write_json
from f1_pipeline.step import step

if __name__ == "__main__":
    with step(snakemake):
        session = read_json(snakemake.input[0])["session"]
        api = extraction.open_source(snakemake.config)
        rows = extraction.fetch_session(api, session)
        folder = Path(snakemake.config["paths"]["landing"], snakemake.wildcards.session_key)
        receipt = extraction.land(folder, rows)
        write_json(snakemake.output[0], receipt)
        print({name: found["rows"] for name, found in receipt.items()})
