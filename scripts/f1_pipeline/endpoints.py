"""The endpoints as data: see endpoints.yaml beside this module."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml


@dataclass(frozen=True)
class Endpoint:
    """One endpoint: its name, its bronze table and its fields with their types."""

    name: str
    table: str
    required: dict[str, str]
    optional: dict[str, str]

    @property
    def fields(self) -> dict[str, str]:
        return self.required | self.optional

    @property
    def file(self) -> str:
        return f"{self.name}.json"


@cache
def endpoints() -> dict[str, Endpoint]:
    """Every endpoint by name, in the order of the file."""
    table = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text())
    return {name: Endpoint(name, **entry) for name, entry in table.items()}
