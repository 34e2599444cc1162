# SPDX-License-Identifier: Apache-2.0
"""The parameters of a REST call's query. A refusal is a ControlError. Pure."""

import math
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from penstock.control.rest import RestCall
from penstock.errors import ControlError

__all__ = ["flag", "number", "read_query", "real"]

FLAGS = {"true": True, "false": False}


def read_query(call: RestCall, *names: str) -> dict[str, str]:
    """The parameters of the query, of which there are no others than `names`."""
    try:
        pairs = parse_qsl(call.query, keep_blank_values=True, errors="strict", max_num_fields=16)
    except ValueError as error:
        raise ControlError(f"the query '{call.query[:80]}' cannot be read: {error}") from None
    asked: dict[str, str] = {}
    for name, value in pairs:
        if name not in names or name in asked:
            times = "twice" if name in asked else f"here: wanted {', '.join(names)}"
            raise ControlError(f"the query has no parameter '{name[:80]}' {times}")
        asked[name] = value
    return asked


def flag(asked: Mapping[str, str], name: str) -> bool:
    """Whether a parameter is true; without it, false."""
    value: Any = FLAGS.get(asked.get(name, "false"))
    if value is None:
        raise ControlError(f"the query's '{name}' is true or false, found '{asked[name][:80]}'")
    return bool(value)


def number(asked: Mapping[str, str], name: str) -> int:
    """A whole number; without it, 0."""
    text = asked.get(name, "0")
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise ControlError(f"the query's '{name}' is a whole number, found '{text[:80]}'")
    return int(text)


def real(asked: Mapping[str, str], name: str) -> float:
    """A number of at least 0; without it, 0."""
    text = asked.get(name, "0")
    try:
        found = float(text) if text.isascii() and len(text) < 32 else math.nan
    except ValueError:
        found = math.nan
    if not (math.isfinite(found) and found >= 0):
        raise ControlError(f"the query's '{name}' is a number, found '{text[:80]}'")
    return found
