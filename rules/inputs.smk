"""What the steps read, where it is not known before the run."""

from f1_pipeline import catalogue
from f1_pipeline.endpoints import endpoints
from f1_pipeline.jsonfile import read_json

ENDPOINTS = endpoints()
DBT = os.path.relpath(f"{workflow.basedir}/dbt")
CATALOGUE = f"{DATA}/catalogue"
EXTRACTS = config["extract"]["mode"] != "none"
# Every target asks for it: Snakemake makes no file anew that only a finished step once needed.
FRESH_CATALOGUE = [catalogue.current(config)] if EXTRACTS else []


def lying(*names):
    """Files of these endpoints in landing, whoever laid them there."""
    return sorted(str(path) for name in names for path in Path(LANDING).glob(f"[0-9]*/{name}.json"))


if not EXTRACTS and not lying(*ENDPOINTS):
    raise WorkflowError(
        f"No session lies in {LANDING}: choose another extract.mode, or lay "
        "<session_key>/<endpoint>.json into it"
    )


def wanted_sessions():
    """Keys of the sessions the catalogue wants; known once it has been asked."""
    if not EXTRACTS:
        return set()
    asked = FRESH_CATALOGUE[0].stem
    found = read_json(checkpoints.catalogue.get(asked=asked).output[0])
    return {str(key) for key in found["wanted"]}


def wanted_receipts(wildcards):
    """Receipts of the wanted sessions. One whose files are gone is no receipt."""
    receipts = [Path(f"{MARKERS}/extracted/{key}.json") for key in sorted(wanted_sessions())]
    for receipt in receipts:
        if not all(Path(LANDING, receipt.stem, e.file).exists() for e in ENDPOINTS.values()):
            receipt.unlink(missing_ok=True)
    return receipts


def other_files(wildcards):
    """Landing files of sessions that no receipt speaks for."""
    wanted = wanted_sessions()
    return [path for path in lying(*ENDPOINTS) if Path(path).parent.name not in wanted]


def landing_files(wildcards):
    """One endpoint's files; known once the extraction has ended."""
    checkpoints.mark_extraction.get()
    return lying(wildcards.endpoint)


def dbt_code(*folders):
    """The files of a layer: its models and tests, and what every layer uses."""
    shared = [f"{DBT}/dbt_project.yml", f"{DBT}/selectors.yml"]
    found = (Path(DBT, folder).rglob("*") for folder in ("macros", "tests/generic", *folders))
    return shared + sorted(str(path) for paths in found for path in paths if path.is_file())
