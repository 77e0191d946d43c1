"""What the API holds, into landing.

In: the API (or the synthetic sessions), and JSON laid into landing by hand.
Out: <landing>/<session_key>/<endpoint>.json and the marker api_extracted_data.json.
"""

from datetime import timedelta

from f1_pipeline import catalogue
from f1_pipeline.endpoints import endpoints
from f1_pipeline.jsonfile import read_json

ENDPOINTS = endpoints()
CATALOGUE = f"{DATA}/catalogue"
EXTRACTS = config["extract"]["mode"] != "none"
ASKED_AT = catalogue.current(
    CATALOGUE, timedelta(minutes=config["extract"]["catalogue_max_age_minutes"])
)
# Every target asks for it: Snakemake makes no file anew that only a finished step once needed.
FRESH_CATALOGUE = [f"{CATALOGUE}/{ASKED_AT}.json"] if EXTRACTS else []


def lying(endpoint="*"):
    """Files in landing, whoever laid them there."""
    return sorted(map(str, Path(LANDING).glob(f"[0-9]*/{endpoint}.json")))


def wanted_sessions():
    """Keys of the sessions the catalogue wants; known once it has been asked."""
    if not EXTRACTS:
        return set()
    found = read_json(checkpoints.catalogue.get(asked_at=ASKED_AT).output[0])
    return {str(key) for key in found["wanted"]}


def wanted_receipts(wildcards):
    """Receipts of the wanted sessions. One whose files are gone is no receipt."""
    receipts = [
        Path(f"{MARKERS}/extracted/{key}.json") for key in sorted(wanted_sessions())
    ]
    for receipt in receipts:
        if not all(
            Path(LANDING, receipt.stem, e.file).exists() for e in ENDPOINTS.values()
        ):
            receipt.unlink(missing_ok=True)
    return receipts


def other_files(wildcards):
    """Landing files of sessions that no receipt speaks for."""
    wanted = wanted_sessions()
    others = [path for path in lying() if Path(path).parent.name not in wanted]
    if not wanted and not others:
        raise WorkflowError(
            f"No session lies in {LANDING}: choose another extract.mode, or lay "
            "<session_key>/<endpoint>.json into it"
        )
    return others


def landing_files(wildcards):
    """One endpoint's files; known once the extraction has ended."""
    checkpoints.mark_extraction.get()
    return lying(wildcards.endpoint)


checkpoint catalogue:
    output:
        f"{CATALOGUE}/{{asked_at}}.json",
    log:
        f"{LOGS}/catalogue/{{asked_at}}.log",
    benchmark:
        f"{BENCHMARKS}/catalogue/{{asked_at}}.tsv"
    params:
        source=config["source"],
        extract=config["extract"],
        base_url=config["openf1"]["base_url"],
    message:
        "Asking which sessions exist"
    script:
        "../scripts/catalogue.py"


rule extract_session:
    input:
        f"{CATALOGUE}/sessions/{{session_key}}.json",
    output:
        f"{MARKERS}/extracted/{{session_key}}.json",
    log:
        f"{LOGS}/extract_session/{{session_key}}.log",
    benchmark:
        f"{BENCHMARKS}/extract_session/{{session_key}}.tsv"
    params:
        landing=LANDING,
    message:
        "Extracting session {wildcards.session_key}"
    script:
        "../scripts/extract_session.py"


checkpoint mark_extraction:
    input:
        receipts=wanted_receipts,
        others=other_files,
    output:
        # Kept where nothing changed: a step after it runs only if its content did.
        marker=update(f"{MARKERS}/api_extracted_data.json"),
    log:
        f"{LOGS}/mark_extraction.log",
    benchmark:
        f"{BENCHMARKS}/mark_extraction.tsv"
    params:
        mode=config["extract"]["mode"],
        catalogue=lambda wildcards: FRESH_CATALOGUE,
        landing=LANDING,
    message:
        "Listing what lies in landing"
    script:
        "../scripts/mark_extraction.py"
