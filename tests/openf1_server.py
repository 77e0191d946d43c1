"""A small HTTP server with the API's behaviour, on loopback, over the synthetic sessions."""

import contextlib
import json
import random
import re
import threading
import time
from collections import defaultdict
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

from f1_pipeline.sample import SampleApi

FILTER = re.compile(r"(\w+)(>=|<=|>|<|=)(.*)")
COMPARE = {
    "=": lambda have, wanted: have == wanted,
    ">": lambda have, wanted: have > wanted,
    "<": lambda have, wanted: have < wanted,
    ">=": lambda have, wanted: have >= wanted,
    "<=": lambda have, wanted: have <= wanted,
}


class OpenF1Server:
    """Serves `rows(endpoint, session_key)`; its attributes may be changed while it runs.

    per_second, per_minute: 429 above, with Retry-After where `retry_after` is set; max_rows: 422
    above; live: 401 without a bearer token of `tokens`, which POST /token gives to `users`
    ({name: password}) for `token_seconds`; faults: the share of answers that go wrong; answers: a
    list of (status, body) to give first; pause_after: the request after so many waits for
    `resume`. `requests` holds (time, path, status) of all that was asked.
    """

    def __init__(self, rows=None, per_second=None, per_minute=None, max_rows=None, faults=0.0):
        self.rows = rows or sample_rows
        self.per_second, self.per_minute = per_second, per_minute
        self.max_rows, self.faults, self.live = max_rows, faults, False
        self.answers, self.requests = [], []
        self.users, self.tokens, self.token_seconds, self.retry_after = {}, set(), 3600, None
        self.pause_after, self.paused, self.resume = None, threading.Event(), threading.Event()
        self.random, self.lock = random.Random(1), threading.Lock()

    def __enter__(self):
        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.api = self
        self.thread = threading.Thread(target=self.http.serve_forever, args=(0.02,))
        self.thread.start()
        self.url = f"http://127.0.0.1:{self.http.server_port}/v1"
        return self

    def __exit__(self, *_):
        self.resume.set()
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()

    def paths(self):
        return [path for _, path, _ in self.requests]

    def sign_in(self, form):
        """(status, body) for a form with a name and a password."""
        name = form.get("username", [""])[0]
        if self.users.get(name, object()) != form.get("password", [""])[0]:
            return 401, {"detail": "Incorrect username or password"}
        self.tokens.add(token := f"token-{len(self.tokens)}")
        return 200, {"access_token": token, "expires_in": self.token_seconds}

    def answer(self, path, bearer=None):
        """(status, body); status 0 drops the connection, a body None with 200 is cut short."""
        now = time.monotonic()
        second = sum(moment > now - 1 for moment, _, _ in self.requests)
        minute = sum(moment > now - 60 for moment, _, _ in self.requests)
        if self.answers:
            return self.answers.pop(0)
        if second >= (self.per_second or 1e9) or minute >= (self.per_minute or 1e9):
            return 429, {"detail": "Rate limit exceeded."}
        if self.live and bearer not in self.tokens:
            return 401, {"detail": "Live F1 session in progress."}
        if self.random.random() < self.faults:
            html = "<html>Just a moment...</html>"
            return self.random.choice([(500, html), (503, html), (200, html), (200, None), (0, "")])
        rows = self.query(path)
        if not rows:
            return 404, {"detail": "No results found."}
        if len(rows) > (self.max_rows or 1e9):
            return 422, {"detail": "You're likely asking for too much data at once."}
        return 200, rows

    def query(self, path):
        url = urlsplit(path)
        wanted = defaultdict(list)
        for part in filter(None, unquote(url.query).split("&")):
            field, op, text = FILTER.fullmatch(part).groups()
            wanted[field, op].append(typed(text))
        keys = wanted.get(("session_key", "="), [None])
        rows = [row for key in keys for row in self.rows(url.path.rsplit("/", 1)[-1], key)]
        return [
            row
            for row in rows
            if all(
                row.get(field) is not None
                and any(COMPARE[op](typed(row[field]), value) for value in values)
                for (field, op), values in wanted.items()
            )
        ]


def sample_rows(endpoint, session_key):
    filters = [("session_key", "=", session_key)] if session_key else []
    return SampleApi().get(endpoint, filters)


def typed(value):
    """A value as the API compares it: a number, a UTC instant or a text."""
    if not isinstance(value, str):
        return value
    try:
        return int(value)
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(value)
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    except ValueError:
        return value


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def handle(self):
        with contextlib.suppress(ConnectionError):  # a client that went away
            super().handle()

    def log_message(self, *_):
        """Silent: the tests read `requests`."""

    def do_POST(self):
        api = self.server.api
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        with api.lock:
            status, body = api.sign_in(form)
            api.requests.append((time.monotonic(), self.path, status))
        self.reply(status, body)

    def do_GET(self):
        api = self.server.api
        if api.pause_after is not None and len(api.requests) >= api.pause_after:
            api.paused.set()
            api.resume.wait()
        bearer = self.headers.get("Authorization", "").removeprefix("Bearer ")
        with api.lock:
            status, body = api.answer(self.path, bearer)
            api.requests.append((time.monotonic(), self.path, status))
        if status:
            self.reply(status, body)
        else:
            self.close_connection = True

    def reply(self, status, body):
        data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        self.send_response(status)
        if status == 429 and self.server.api.retry_after:
            self.send_header("Retry-After", str(self.server.api.retry_after))
        self.send_header("Content-Length", str(len(data) + (100 if body is None else 0)))
        self.end_headers()
        self.wfile.write(data)
        self.close_connection = self.close_connection or body is None
