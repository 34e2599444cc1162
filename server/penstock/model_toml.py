# SPDX-License-Identifier: Apache-2.0
"""A small TOML file next to a model, read; or one sentence for each thing that is wrong with it."""

import json
import os
import tomllib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from penstock.errors import PenstockError

__all__ = [
    "TOML_BYTES_MAX",
    "checked_tables",
    "sentence_of",
    "tables_at",
    "tables_of",
    "too_large",
]

Spec = TypeVar("Spec", bound=BaseModel)
#: What makes an error of a sentence, and raises nothing.
Fails = Callable[[str], PenstockError]

#: Of such a file: overrides of a route are what makes one long.
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


def tables_at(path: Path, fails: Fails) -> dict[str, Any] | None:
    """The tables of the file at `path`; None: it is not there. Raises what `fails` makes."""
    try:
        # A pipe would be waited for without end; what a link to nothing should say is not known.
        if os.path.lexists(path) and not path.is_file() and not path.is_dir():
            raise fails(f"{path} cannot be read: wanted a file, or a link to one.")
        with path.open("rb") as file:
            read = file.read(TOML_BYTES_MAX + 1)
        if len(read) > TOML_BYTES_MAX:
            raise fails(too_large(str(path), path.stat().st_size))
        text = read.decode()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise fails(f"{path} cannot be read: {reason}.") from None
    return tables_of(text, str(path), fails)


def tables_of(text: str, source: str, fails: Fails) -> dict[str, Any]:
    """The tables of a file's text. Raises what `fails` makes."""
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise fails(f"{source} is not TOML: {error}.") from None


def too_large(source: str, size: int) -> str:
    """The sentence about a file of too many bytes."""
    return f"{source} may have {TOML_BYTES_MAX} bytes, found {size}."


def checked_tables(
    kind: type[Spec], tables: Mapping[str, Any], *, source: str, document: str, fails: Fails
) -> Spec:
    """`tables` as a `kind`. A value has its own type: a number is not a text of one.

    Raises what `fails` makes of a line for each key that is wrong; `document` below docs/ lists
    the keys.
    """
    try:
        # By way of JSON, for what is strict of Python's values takes no list for a tuple.
        text = json.dumps(tables, default=str)
        return kind.model_validate_json(text, strict=True)
    except ValidationError as error:
        told = error.errors(include_url=False)
        details = [one for one in told if not _follows(one, told)]
        lines = [f"{source}: {sentence_of(detail, document)}" for detail in details]
        raise fails("\n".join(dict.fromkeys(lines))) from None
    except (ValueError, RecursionError) as error:
        raise fails(f"{source} cannot be read: {error}.") from None


def _follows(detail: Mapping[str, Any], told: Sequence[Mapping[str, Any]]) -> bool:
    """Whether a list is too short only for what is wrong inside it, which is told already."""
    place = detail["loc"]
    inside = (one["loc"][: len(place)] == place and one is not detail for one in told)
    return detail["type"] == "too_short" and any(inside)


def sentence_of(detail: Mapping[str, Any], document: str) -> str:
    """What one of a ValidationError's details says: what was wanted, and what was found."""
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
