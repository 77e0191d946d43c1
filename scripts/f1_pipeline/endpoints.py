"""The endpoints as data: see endpoints.yaml beside this module."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

from f1_pipeline import PipelineError

# The tables the models read: loaded whatever else is.
CORE = ("sessions", "drivers", "laps", "location")

COLUMN_TYPES = {
    "integer": "INTEGER",
    "double": "DOUBLE",
    "string": "VARCHAR",
    "boolean": "BOOLEAN",
    "timestamp": "TIMESTAMPTZ",
    "integer[]": "INTEGER[]",
    "mixed": "VARCHAR",
}
READINGS = {"number": "DOUBLE", "numbers": "DOUBLE[]", "laps": "INTEGER"}  # of a mixed field


@dataclass(frozen=True)
class Endpoint:
    """One endpoint: its name, its bronze table and its fields with their types.

    `listed`: asked for once, for all sessions together, by the catalogue.
    """

    name: str
    table: str
    required: dict[str, str]
    optional: dict[str, str]
    listed: bool = False

    @property
    def fields(self) -> dict[str, str]:
        return self.required | self.optional

    @property
    def columns(self) -> dict[str, str]:
        """The bronze table's columns from the rows, with their SQL types."""
        found = {"session_key": "INTEGER"}
        for name, kind in self.fields.items():
            found[name] = COLUMN_TYPES[kind]
            if kind == "mixed":
                found |= {f"{name}_{reading}": type_ for reading, type_ in READINGS.items()}
        return found

    @property
    def file(self) -> str:
        return f"{self.name}.json"


@cache
def endpoints() -> dict[str, Endpoint]:
    """Every endpoint by name, in the order of the file."""
    table = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text())
    return {name: Endpoint(name, **entry) for name, entry in table.items()}


def extracted(config) -> dict[str, Endpoint]:
    """The endpoints that `extract.endpoints` names, and sessions, without which nothing is read."""
    names = config["extract"]["endpoints"]
    if unknown := sorted(set(names) - endpoints().keys()):
        raise PipelineError(
            f"extract.endpoints: there is no endpoint {', '.join(unknown)}; choose from "
            f"{', '.join(endpoints())}"
        )
    return {name: e for name, e in endpoints().items() if name in {"sessions", *names}}


def loaded(config) -> dict[str, Endpoint]:
    """The endpoints that have a bronze table: the core ones, and what else is extracted."""
    names = {*CORE, *extracted(config)}
    return {name: e for name, e in endpoints().items() if name in names}
