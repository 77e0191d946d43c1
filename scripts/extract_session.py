"""Fetch one session's endpoints, lay them into landing, and say what came."""

from f1_pipeline import catalogue, extraction, later, progress
from f1_pipeline.jsonfile import read_json, write_json
from f1_pipeline.openf1 import LiveSession
from f1_pipeline.step import announce, step

if __name__ == "__main__":
    with step(snakemake):
        config, key = snakemake.config, snakemake.wildcards.session_key
        entry = read_json(snakemake.input[0])
        file = progress.last_receipt_file(config, key)
        last = read_json(file) if file.exists() else None
        try:
            if later.noted(config):
                raise LiveSession("another job was told that a session is live: not asked")
            with extraction.open_source(config) as api:
                receipt, arrival = extraction.extract(api, config, entry, last)
            write_json(file, receipt)
            write_json(snakemake.output[0], receipt)
            arrival.forget()
            found = {name: end["rows"] for name, end in receipt["endpoints"].items()}
            print(found)
            row, wanted = (
                entry["listed"]["sessions"][0],
                read_json(catalogue.last(config))["wanted"],
            )
            announce(
                f"Session {key}, {row['year']} {row.get('circuit_short_name')} "
                f"{row['session_name']}: {sum(found.values()):,} rows; "
                f"{progress.standing(config, wanted)}"
            )
        except LiveSession as error:
            print(error)
            later.note(config)
            write_json(snakemake.output[0], (last or {"endpoints": {}}) | {"later": True})
