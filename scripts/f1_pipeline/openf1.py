"""All that speaks HTTP to the OpenF1 API: the limits, the retries, and what an answer means.

| answer                                   | means                                             |
|------------------------------------------|---------------------------------------------------|
| 200 with a JSON array                    | the rows                                          |
| 404                                      | no rows (practice has no intervals)               |
| 422                                      | too much asked for: ask for less                  |
| 429, 5xx, a broken body or connection    | may pass: asked again, later each time            |
| 401                                      | a session is live: only paying users are served   |
| anything else                            | an error                                          |

Source of the limits and answers: https://openf1.org/docs and recorded behaviour.
"""

import contextlib
from pathlib import Path
from urllib.parse import quote

import requests
import tenacity
from pyrate_limiter import Limiter, Rate, SQLiteBucket

from f1_pipeline import PipelineError

ATTEMPTS = 8  # with the waits below, about four minutes of trouble are sat out
FIRST_WAIT, LONGEST_WAIT = 1, 60  # seconds
TIMEOUT = (10, 120)  # seconds to connect, and between two bytes of an answer
MARGIN = 1.02  # the API counts arrivals, we departures: its windows, and a little more

Filters = list[tuple[str, str, object]]  # (field, one of = >= <= > <, value), all of them ANDed


class TooMuchData(Exception):
    """The API holds more rows than it will send in one answer."""


class LiveSession(PipelineError):
    """A session is under way, during which the API answers paying users only."""


class MayPass(Exception):
    """Trouble that may be gone at the next attempt."""


class OpenF1:
    """A client whose request limits hold over all processes that share `limits_file`."""

    def __init__(self, base_url, requests_per_second, requests_per_minute, limits_file):
        self.base_url = base_url.rstrip("/")
        self.session = requests.Session()
        Path(limits_file).parent.mkdir(parents=True, exist_ok=True)
        rates = binding_rates(requests_per_second, requests_per_minute)
        bucket = SQLiteBucket.init_from_file(rates, db_path=str(limits_file), use_file_lock=True)
        self.limiter = Limiter(bucket)

    def get(self, endpoint, filters: Filters = ()):
        """The rows of `endpoint` that pass all `filters`, [] where there are none.

        Raises TooMuchData, LiveSession, or PipelineError with the endpoint and the last answer.
        """
        query = "&".join(
            f"{name}{quote(op, safe='=')}{quote(str(value))}" for name, op, value in filters
        )
        url = f"{self.base_url}/{endpoint}" + (f"?{query}" if query else "")
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(MayPass),
            wait=tenacity.wait_random_exponential(FIRST_WAIT, LONGEST_WAIT),
            stop=tenacity.stop_after_attempt(ATTEMPTS),
            reraise=True,
        )
        try:
            return retrying(self._ask, url)
        except MayPass as error:
            raise PipelineError(
                f"{url}: no good answer in {ATTEMPTS} attempts, the last one: {error}. Run again "
                "later: what has arrived is kept"
            ) from error

    def _ask(self, url):
        self.limiter.try_acquire("openf1")
        try:
            answer = self.session.get(url, timeout=TIMEOUT)
            if answer.status_code == 200:
                return self._rows(answer)
        except requests.RequestException as error:
            raise MayPass(f"{type(error).__name__}: {error}") from error
        if answer.status_code == 404:
            return []
        if answer.status_code == 422:
            raise TooMuchData(url)
        if answer.status_code == 401:
            raise LiveSession(
                f"{url}: 401, a session is live and the API answers paying users only until about "
                "half an hour after it. Run again later: what has arrived is kept"
            )
        if answer.status_code == 429 or answer.status_code >= 500:
            raise MayPass(f"status {answer.status_code}, {answer.text:.80}")
        raise PipelineError(f"{url}: status {answer.status_code}, {answer.text:.200}")

    @staticmethod
    def _rows(answer):
        with contextlib.suppress(ValueError):
            rows = answer.json()
            if isinstance(rows, list):
                return rows
        raise MayPass(f"status 200 without a JSON array, {answer.text:.80}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.session.close()
        self.limiter.close()


def binding_rates(per_second, per_minute):
    """The limits that can be reached: the limiter takes no limit that another one implies."""
    second = Rate(per_second, int(1_000 * MARGIN) + 130)
    minute = Rate(per_minute, int(60_000 * MARGIN))
    if per_minute <= per_second:
        return [minute]
    implied = per_minute * second.interval >= per_second * minute.interval
    return [second] if implied else [second, minute]
