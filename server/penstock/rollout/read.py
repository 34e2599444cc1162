# SPDX-License-Identifier: Apache-2.0
"""`rollout.toml` and `route.toml`, read; or one sentence for each thing that is wrong with them."""

import json
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from penstock.errors import RolloutError
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
#: Of a file of either kind: overrides are what makes one long.
TOML_BYTES_MAX = 1 << 20

#: What was wanted, in TOML's words, by pydantic's type of an error. Others say it themselves.
WANTED = {
    "bool_type": "true or false",
    "float_type": "a number",
    "int_from_float": "a whole number",
    "int_type": "a whole number",
    "model_type": "a table",
    "string_pattern_mismatch": "a text that matches {pattern}",
    "string_type": "a text",
    "too_long": "at most {max_length} of them",
    "too_short": "at least {min_length} of them",
    "tuple_type": "a list",
}


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
        raise _too_large(source, size)
    return rollout_of(_tables(text, source), source=source)


def rollout_of(tables: Mapping[str, Any], *, source: str = "spec") -> RolloutSpec:
    """The same from its tables, as plain values of TOML or JSON."""
    if tables.get("shadow") is False:  # TOML has no null
        tables = {**tables, "shadow": None}
    return _checked(RolloutSpec, tables, source=source, document="rollouts.md")


def _tables_at(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            read = file.read(TOML_BYTES_MAX + 1)
        if len(read) > TOML_BYTES_MAX:
            raise _too_large(str(path), path.stat().st_size)
        text = read.decode()
    except FileNotFoundError:
        raise RolloutError(f"{path} is not there.", code="NOT_FOUND") from None
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise RolloutError(f"{path} cannot be read: {reason}.") from None
    return _tables(text, str(path))


def _tables(text: str, source: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise RolloutError(f"{source} is not TOML: {error}.") from None


def _too_large(source: str, size: int) -> RolloutError:
    return RolloutError(f"{source} may have {TOML_BYTES_MAX} bytes, found {size}.")


def _checked(kind: type[Spec], tables: Mapping[str, Any], *, source: str, document: str) -> Spec:
    """`tables` as a `kind`. A value has its own type: a number is not a text of one."""
    try:
        # By way of JSON, for what is strict of Python's values takes no list for a tuple.
        text = json.dumps(tables, default=str)
        return kind.model_validate_json(text, strict=True)
    except ValidationError as error:
        told = error.errors(include_url=False)
        details = [one for one in told if not _follows(one, told)]
        lines = [f"{source}: {_sentence(detail, document)}" for detail in details]
        raise RolloutError("\n".join(dict.fromkeys(lines))) from None
    except (ValueError, RecursionError) as error:
        raise RolloutError(f"{source} cannot be read: {error}.") from None


def _follows(detail: Mapping[str, Any], told: Sequence[Mapping[str, Any]]) -> bool:
    """Whether a list is too short only for what is wrong inside it, which is told already."""
    place = detail["loc"]
    inside = (one["loc"][: len(place)] == place and one is not detail for one in told)
    return detail["type"] == "too_short" and any(inside)


def _sentence(detail: Mapping[str, Any], document: str) -> str:
    kind, message = str(detail["type"]), str(detail["msg"])
    place = _place(detail["loc"])
    where = f"{place}: " if place else ""
    if kind == "extra_forbidden":
        return f"{where}there is no such key; docs/{document} lists them."
    if kind == "missing":
        return f"{where}is missing."
    if kind == "value_error":
        return f"{where}{message.removeprefix('Value error, ').rstrip('.')}."
    wanted = message.removeprefix("Input should be ").partition(", unable to")[0]
    if kind in WANTED:
        wanted = WANTED[kind].format(**detail.get("ctx", {}))
    if wanted.startswith(("less", "greater")):
        wanted = f"a number {wanted}"
    return f"{where}wanted {wanted}, found {_shown(detail['input'])}."


def _place(location: Sequence[str | int]) -> str:
    """As TOML writes a key's path: guardrails.latency.slo_ms, overrides[1].sha256."""
    path = ""
    for part in location:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else part
    return path


def _shown(value: Any) -> str:
    """A value as JSON has it, cut where it is long."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 80 else f"{text[:77]}..."
