# SPDX-License-Identifier: Apache-2.0
"""`rollout.toml` and `route.toml`, read; or one sentence for each thing that is wrong with them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel

from penstock.errors import RolloutError
from penstock.model_toml import TOML_BYTES_MAX, checked_tables, tables_at, tables_of, too_large
from penstock.rollout.spec import RolloutSpec, RouteFileSpec

__all__ = [
    "ROLLOUT_FILE",
    "ROUTE_FILE",
    "TOML_BYTES_MAX",
    "read_rollout",
    "read_route",
    "rollout_of",
    "rollout_of_folder",
    "rollout_of_toml",
    "route_of_folder",
]

Spec = TypeVar("Spec", bound=BaseModel)

#: Their names in a model's folder.
ROLLOUT_FILE = "rollout.toml"
ROUTE_FILE = "route.toml"


def read_rollout(path: Path) -> RolloutSpec:
    """The rollout.toml at `path`. Raises RolloutError, with a line for each key that is wrong."""
    return rollout_of(_tables_at(path), source=str(path))


def read_route(path: Path) -> RouteFileSpec:
    """The route.toml at `path`. Raises RolloutError, with a line for each key that is wrong."""
    return _checked(RouteFileSpec, _tables_at(path), source=str(path), document="routes.md")


def rollout_of_folder(folder: Path) -> RolloutSpec | None:
    """The rollout.toml of a model's folder; None: it has none. Raises RolloutError."""
    path = folder / ROLLOUT_FILE
    return read_rollout(path) if path.is_file() else None


def route_of_folder(folder: Path) -> RouteFileSpec | None:
    """The route.toml of a model's folder; None: it has none. Raises RolloutError."""
    path = folder / ROUTE_FILE
    return read_route(path) if path.is_file() else None


def rollout_of_toml(text: str, *, source: str = "spec_toml") -> RolloutSpec:
    """The same from the text of a rollout.toml; `source` is what errors call it."""
    size = len(text.encode(errors="replace"))
    if size > TOML_BYTES_MAX:
        raise RolloutError(too_large(source, size))
    return rollout_of(tables_of(text, source, RolloutError), source=source)


def rollout_of(tables: Mapping[str, Any], *, source: str = "spec") -> RolloutSpec:
    """The same from its tables, as plain values of TOML or JSON."""
    if tables.get("shadow") is False:  # TOML has no null
        tables = {**tables, "shadow": None}
    return _checked(RolloutSpec, tables, source=source, document="rollouts.md")


def _tables_at(path: Path) -> dict[str, Any]:
    tables = tables_at(path, RolloutError)
    if tables is None:
        raise RolloutError(f"{path} is not there.", code="NOT_FOUND")
    return tables


def _checked(kind: type[Spec], tables: Mapping[str, Any], *, source: str, document: str) -> Spec:
    return checked_tables(kind, tables, source=source, document=document, fails=RolloutError)
