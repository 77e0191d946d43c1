"""What the steps read, where it is not known before the run."""

import atexit
import subprocess
from functools import cache

from f1_pipeline import catalogue, history, later, outcome, progress
from f1_pipeline.endpoints import extracted, loaded
from f1_pipeline.jsonfile import read_json, write_json
from f1_pipeline.landing import finish_all

ENDPOINTS = loaded(config)
DBT = os.path.relpath(f"{workflow.basedir}/dbt")
CATALOGUE = f"{DATA}/catalogue"
ASKS = config["extract"]["ask_api"]
EXTRACTS = config["extract"]["mode"] != "none" and (ASKS or catalogue.last(config) is not None)
# Every target asks for it: Snakemake makes no file anew that only a finished step once needed.
FRESH_CATALOGUE = [catalogue.current(config)] if EXTRACTS else []


def lying(*names):
    """Files of these endpoints in landing, whoever laid them there."""
    return sorted(str(path) for name in names for path in Path(LANDING).glob(f"[0-9]*/{name}.json"))


finish_all(LANDING)
if not EXTRACTS and not lying(*ENDPOINTS):
    raise WorkflowError(
        f"No session lies in {LANDING}: choose another extract.mode, or lay "
        "<session_key>/<endpoint>.json into it"
    )


@cache
def foretell():
    """Tell who asks for a dry run what the extraction would take."""
    known = catalogue.last(config)
    asks = known != FRESH_CATALOGUE[0]
    told = progress.outlook(config, read_json(known)["wanted"]) if known else "what is wanted"
    logger.info(
        f"Extraction: {'1 request to learn which sessions exist, then ' if asks else ''}{told}"
        f"{' by the last answer' if asks and known else ''}"
    )


def wanted_sessions():
    """Keys of the sessions the catalogue wants; known once it has been asked."""
    if not EXTRACTS:
        return set()
    if workflow.dryrun:
        foretell()
    asked = FRESH_CATALOGUE[0].stem
    found = read_json(checkpoints.catalogue.get(asked=asked).output[0])
    return {str(key) for key in found["wanted"] if ASKS or progress.is_fetched(config, key)}


def wanted_receipts(wildcards):
    """Receipts of the wanted sessions. One whose files are gone, or that an earlier run had to
    put off, is no receipt."""
    receipts = [progress.receipt_file(config, key) for key in sorted(wanted_sessions())]
    for receipt in filter(Path.exists, receipts):
        files = (Path(LANDING, receipt.stem, e.file) for e in extracted(config).values())
        put_off = "later" in read_json(receipt) and not later.noted(config)
        if put_off or not all(file.exists() for file in files):
            receipt.unlink()
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


def target():
    return " ".join(workflow.dag_settings.targets) or "f1_pipeline"


def begin_run(log):
    try:
        history.begin(DATA, os.path.relpath(log[0]), target())
    except OSError as error:  # a full disk, say: the steps will tell
        logger.warning(f"The run could not be recorded: {error}")


def end_run(log, failed):
    """Record the run, and end it with the status that means 'later' where the API answers paying
    users only. With nothing in landing there is nothing else to build, and no other way to fail."""
    put_off = later.noted(config) if not failed or not lying(*ENDPOINTS) else None
    result = "later" if put_off else "failed" if failed else "success"
    record_run(log, result, **(outcome.reason_in(log[0]) if failed and not put_off else {}))
    if put_off:
        logger.warning(later.message(put_off))
        raise SystemExit(later.EXIT_STATUS)


@atexit.register
def after_run():
    """Snakemake calls no hook of a run that has nothing to do; and the page is written when it no
    longer holds its lock. The runner of schedules writes it itself."""
    log = workflow.logger_manager.get_logfile() if workflow.executor_plugin else []
    if log and not workflow.dryrun:
        if "Nothing to be done" in Path(log[0]).read_text():
            record_run(log, "nothing")
        elif config["status_page"] and history.trigger() == "by_hand":
            script = f"{workflow.basedir}/scripts/status.py"
            command = [*shlex.split(sys.executable), script, DATA, config["status_page"]]
            subprocess.run(command, stdout=subprocess.DEVNULL)


def record_run(log, result, **reason):
    started = history.run_started()
    as_known = config | {"extract": config["extract"] | {"ask_api": False}}
    try:
        write_json(history.folder_of(DATA) / ".config.json", as_known)
        history.write(
            DATA,
            target=target(),
            started=started,
            result=result,
            steps=outcome.steps_of(DATA, log[0], started, result),
            log=os.path.relpath(log[0]),
            **reason,
        )
    except OSError as error:  # a full disk, say: the run's own error matters more
        logger.warning(f"The run could not be recorded: {error}")
