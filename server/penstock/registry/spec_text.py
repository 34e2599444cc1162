# SPDX-License-Identifier: Apache-2.0
"""A pipeline's file as lines that can be compared: TOML with dotted keys, a line each. Pure.

A line says by itself where it belongs, so that a difference needs no lines around it.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from penstock.config.toml import toml_key, toml_value

__all__ = ["spec_lines"]


def spec_lines(spec: Mapping[str, Any]) -> tuple[str, ...]:
    """The lines, sorted by key; what is None is left out. Lists of tables have a line per table."""
    return tuple(_lines("", spec))


def _lines(prefix: str, table: Mapping[str, Any]) -> Iterator[str]:
    for key, value in sorted(table.items()):
        place = f"{prefix}{toml_key(key)}"
        if isinstance(value, Mapping) and value:
            yield from _lines(f"{place}.", value)
        elif isinstance(value, list) and any(isinstance(one, Mapping) for one in value):
            yield f"{place} = ["
            yield from (f"  {toml_value(one)}," for one in value)
            yield "]"
        elif value is not None:
            yield f"{place} = {toml_value(value)}"
