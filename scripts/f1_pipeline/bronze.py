"""Loading landing files into a bronze table: a file's content decides, a session is replaced whole.

Which content a session was loaded from stands in its rows (`_file_digest`), so a run killed
between the load and the receipt repeats nothing and loses nothing.
"""

import time

from f1_pipeline.reader import LandingFile
from f1_pipeline.row_checks import unknown_fields
from f1_pipeline.warehouse import BRONZE

BATCH = 64  # files a transaction: a first load of many seasons is kept in pieces


def load_table(connection, endpoint, paths, last_receipt=None, anew=False):
    """Bring one bronze table of an open warehouse to the content of the landing files `paths`.

    Returns the receipt {table, rows, sessions: {session_key: {file, digest, rows,
    unknown_fields}}}. It depends on the files' content alone, so loading the same content again
    gives the same receipt; `anew` loads also what is loaded; `last_receipt` only saves looking for
    unknown fields twice.
    """
    started = time.time()
    files = [LandingFile(path) for path in paths]
    loaded = connection.loaded(endpoint)
    changed = [f for f in files if is_changed(f, None if anew else loaded.get(f.session_key))]
    gone = sorted(loaded.keys() - {file.session_key for file in files})
    unknown = {}
    for start in range(0, max(len(changed), 1), BATCH):
        batch = changed[start : start + BATCH]
        unknown |= connection.replace_sessions(endpoint, batch, gone, started)
    if changed or gone:
        loaded = connection.loaded(endpoint)
    sessions = {}
    known = (last_receipt or {}).get("sessions", {})
    for file in files:
        digest, rows, _ = loaded.get(file.session_key, (None, 0, None))
        before = known.get(str(file.session_key), {})
        if file in changed:
            fields = unknown.get(file.session_key, {})
        elif before.get("digest") == digest:
            fields = before["unknown_fields"]
        else:
            fields = unknown_fields(endpoint, file)
        sessions[str(file.session_key)] = {
            "file": file.path,
            "digest": digest,
            "rows": rows,
            "unknown_fields": fields,
        }
    total = sum(session["rows"] for session in sessions.values())
    return {"table": endpoint.table, "rows": total, "sessions": sessions}


def is_changed(file, state):
    """Whether the file differs from what is loaded; read only where its time leaves a doubt."""
    if state is None:
        file.scan()
        return True
    digest, _, loaded_at = state
    return file.scan().digest != digest if file.modified >= loaded_at or not digest else False


def summarise(receipts):
    """The asset's metadata from the tables' receipts, with each incomplete session's reasons."""
    keys = sorted({key for receipt in receipts for key in receipt["sessions"]}, key=int)
    incomplete = {}
    for key in keys:
        reasons = []
        for receipt in receipts:
            session = receipt["sessions"].get(key)
            if session is None:
                reasons.append(f"{receipt['table']}: no file")
            elif not session["rows"]:
                reasons.append(f"{receipt['table']}: no rows in {session['file']}")
        if reasons:
            incomplete[key] = reasons
    return {
        "tables_count": len(receipts),
        "schema": BRONZE,
        "rows": {receipt["table"]: receipt["rows"] for receipt in receipts},
        "rows_total": sum(receipt["rows"] for receipt in receipts),
        "sessions_count": len(keys),
        "unknown_fields": {
            receipt["table"]: fields for receipt in receipts if (fields := all_unknown(receipt))
        },
        "sessions_incomplete": incomplete,
    }


def all_unknown(receipt):
    return sorted({name for s in receipt["sessions"].values() for name in s["unknown_fields"]})
