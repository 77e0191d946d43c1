"""All that speaks HTTP to the OpenF1 API: the limits, the retries, and what an answer means.

| answer                                   | means                                             |
|------------------------------------------|---------------------------------------------------|
| 200 with a JSON array                    | the rows                                          |
| 404                                      | no rows (practice has no intervals)               |
| 422                                      | too much asked for: ask for less                  |
| 429, 5xx, a broken body or connection    | may pass: asked again, later each time            |
| 401                                      | a session is live: only paying users are served   |
| anything else                            | an error                                          |

Paying users set OPENF1_TOKEN, or OPENF1_USERNAME and OPENF1_PASSWORD, in the environment.
Source of the limits and answers: https://openf1.org/docs and recorded behaviour.
"""

import os
import tempfile
import time
from pathlib import Path
from urllib.parse import quote, urljoin, urlsplit

import requests
import tenacity
from pyrate_limiter import Limiter, Rate, SQLiteBucket

from f1_pipeline import PipelineError
from f1_pipeline.jsonfile import read_json
from f1_pipeline.reader import count_rows

ATTEMPTS = 10  # with the waits below, about five minutes of trouble are sat out
FIRST_WAIT, LONGEST_WAIT = 1, 60  # seconds
TIMEOUT = (10, 60)  # seconds to connect, and between two bytes of an answer
# The API counts arrivals, we departures, and a busy machine delays one more than the other.
WINDOWS = 2_000, 61_200  # ms, of a second and a minute
CHUNK = 1 << 18  # bytes of an answer held in memory
RENEW_BEFORE = 300  # seconds that a token must still be good for

Filters = list[tuple[str, str, object]]  # (field, one of = >= <= > <, value), all of them ANDed


class TooMuchData(Exception):
    """The API holds more rows than it will send in one answer."""


class LiveSession(PipelineError):
    """A session is under way, during which the API answers paying users only."""


class MayPass(Exception):
    """Trouble that may be gone at the next attempt, not before `wait` seconds have passed."""

    def __init__(self, reason, wait=0):
        super().__init__(reason)
        self.wait = wait


class OpenF1:
    """A client whose request limits hold over all processes of this user that ask one host."""

    def __init__(self, base_url, requests_per_second, requests_per_minute):
        self.base_url = base_url.rstrip("/")
        self.token = Token(urljoin(self.base_url, "/token"), self._send)
        self.session = requests.Session()
        rates = binding_rates(requests_per_second, requests_per_minute)
        bucket = SQLiteBucket.init_from_file(
            rates, db_path=str(limits_file(self.base_url)), use_file_lock=True
        )
        self.limiter = Limiter(bucket)

    def get(self, endpoint, filters: Filters = ()):
        """The rows of `endpoint` that pass all `filters`, [] where there are none."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, f"{endpoint}.json")
            self.download(endpoint, filters, path)
            return read_json(path)

    def download(self, endpoint, filters: Filters, path):
        """Write those rows to the file `path` as a JSON array, and return their number.

        The answer goes to disk as it comes, never whole into memory; `path` is whole or not there.
        Raises TooMuchData, LiveSession, or PipelineError with the endpoint and the last answer.
        """
        query = "&".join(
            f"{name}{quote(op, safe='=')}{quote(str(value))}" for name, op, value in filters
        )
        url = f"{self.base_url}/{endpoint}" + (f"?{query}" if query else "")
        temporary = path.with_name(f".{path.name[-200:]}.{os.getpid()}")
        try:
            rows = persevering(self._fetch, url, temporary)
            temporary.replace(path)
            return rows
        finally:
            temporary.unlink(missing_ok=True)

    def _fetch(self, url, path):
        with self._send("GET", url, stream=True, headers=self.token.header()) as answer:
            status = answer.status_code
            if status == 200:
                try:
                    with path.open("wb") as stream:
                        for chunk in answer.iter_content(CHUNK):
                            stream.write(chunk)
                    return count_rows(path)
                except requests.RequestException as error:
                    raise MayPass(f"{type(error).__name__}: {error}") from error
                except ValueError as error:
                    start = path.read_bytes()[:80].decode(errors="replace")
                    raise MayPass(f"status 200 without a JSON array, {start}: {error}") from error
            if status == 404:
                path.write_text("[]\n")
                return 0
            if status == 422:
                raise TooMuchData(url)
            if status == 401:
                raise self.token.refused(url)
            raise judged(url, answer)

    def _send(self, method, url, **more):
        """One request, the limits kept."""
        self.limiter.try_acquire("openf1")
        try:
            return self.session.request(method, url, timeout=TIMEOUT, **more)
        except requests.RequestException as error:
            raise MayPass(f"{type(error).__name__}: {error}") from error

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.session.close()
        self.limiter.close()


class Token:
    """The bearer token of a paying user: the environment's, or one that is renewed in time."""

    def __init__(self, url, send):
        self.url, self.send = url, send
        self.value, self.good_until = os.environ.get("OPENF1_TOKEN"), float("inf")
        names = ("OPENF1_USERNAME", "OPENF1_PASSWORD")
        self.form = dict(
            zip(("username", "password"), (os.environ.get(n) for n in names), strict=True)
        )
        if not self.value:
            if sum(map(bool, self.form.values())) == 1:
                raise PipelineError(f"{' and '.join(names)} go together: set both, or neither")
            self.good_until = 0

    def header(self):
        """The header to send, {} for who does not pay."""
        if not self.value and not self.form["username"]:
            return {}
        if time.monotonic() > self.good_until - RENEW_BEFORE:
            persevering(self._renew)
        return {"Authorization": f"Bearer {self.value}"}

    def _renew(self):
        with self.send("POST", self.url, data=self.form) as answer:
            if answer.status_code != 200:
                raise judged(f"{self.url} (OPENF1_USERNAME and OPENF1_PASSWORD)", answer)
            try:
                found = answer.json()
                self.value = found["access_token"]
                self.good_until = time.monotonic() + float(found["expires_in"])
            except (ValueError, KeyError, TypeError) as error:
                raise MayPass(f"{self.url}: no token in the answer") from error

    def refused(self, url):
        """What a 401 means."""
        if self.value:
            return PipelineError(
                f"{url}: 401, the token was refused: look at OPENF1_TOKEN, or OPENF1_USERNAME and "
                "OPENF1_PASSWORD"
            )
        return LiveSession(f"{url}: 401, a session is live and the API answers paying users only")


def persevering(ask, *arguments):
    """What `ask` returns, asked again while it raises MayPass: later each time, not for ever."""
    backoff = tenacity.wait_random_exponential(FIRST_WAIT, LONGEST_WAIT)
    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(MayPass),
        wait=lambda state: max(backoff(state), state.outcome.exception().wait),
        stop=tenacity.stop_after_attempt(ATTEMPTS),
        reraise=True,
    )
    try:
        return retrying(ask, *arguments)
    except MayPass as error:
        asked = f"{arguments[0]}: " if arguments else ""
        raise PipelineError(
            f"{asked}no good answer in {ATTEMPTS} attempts, the last one: {error}. Run again "
            "later: what has arrived is kept"
        ) from error


def judged(url, answer):
    """The exception for an answer that is none."""
    told = f"status {answer.status_code}, {answer.text:.120}"
    if answer.status_code == 429 or answer.status_code >= 500:
        after = answer.headers.get("Retry-After", "")
        return MayPass(told, int(after) if after.isdigit() else 0)
    return PipelineError(f"{url}: {told}")


def limits_file(base_url):
    """Where the requests to a host are counted, whatever folder a run works in.

    The windows last a minute, so nothing is lost with the temporary folder.
    """
    folder = Path(tempfile.gettempdir(), f"f1-openf1-{os.getuid()}")
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder / f"{quote(urlsplit(base_url).netloc, safe='')}.sqlite"


def binding_rates(per_second, per_minute):
    """The limits that can be reached: the limiter takes no limit that another one implies."""
    second, minute = (Rate(n, ms) for n, ms in zip((per_second, per_minute), WINDOWS, strict=True))
    if per_minute <= per_second:
        return [minute]
    implied = per_minute * second.interval >= per_second * minute.interval
    return [second] if implied else [second, minute]
