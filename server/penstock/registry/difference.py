# SPDX-License-Identifier: Apache-2.0
"""What differs between two versions, as lines that were taken away and lines that were added.

Pure: what was read in, lines out.
"""

import difflib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from penstock.package.signature import ModelSignature
from penstock.registry.spec_text import spec_lines

__all__ = ["Contents", "Part", "differences"]

#: Lines around a difference, of parts whose lines do not say by themselves where they belong.
CONTEXT = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What was read of a version; empty or None: it has not got that."""

    version: int
    spec: Mapping[str, Any] = field(default_factory=dict)
    signature: ModelSignature | None = None
    config: str = ""
    environment: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One part of both versions, by lines."""

    name: str
    a: tuple[str, ...]
    b: tuple[str, ...]
    context: int = 0
    #: What stands between a key and its value in a line; empty: lines have none.
    separator: str = ""

    @property
    def is_same(self) -> bool:
        """Whether nothing differs."""
        return self.a == self.b

    def diff(self, a_label: str, b_label: str) -> list[str]:
        """A unified diff, without ends of lines; empty if nothing differs."""
        labels = f"{self.name}, {a_label}", f"{self.name}, {b_label}"
        return list(difflib.unified_diff(self.a, self.b, *labels, n=self.context, lineterm=""))

    @property
    def changes(self) -> dict[str, tuple[str | None, str | None]]:
        """Of a part with keys: those that differ, with both values. None: it is not there."""
        if not self.separator:
            return {}
        a, b = self._by_key(self.a), self._by_key(self.b)
        keys = sorted(a.keys() | b.keys())
        return {key: (a.get(key), b.get(key)) for key in keys if a.get(key) != b.get(key)}

    def _by_key(self, lines: tuple[str, ...]) -> dict[str, str]:
        parted = (line.partition(self.separator) for line in lines)
        return {key: value for key, found, value in parted if found}


def differences(a: Contents, b: Contents) -> list[Part]:
    """Every part, also those that are the same."""
    return [
        Part(name="spec", a=spec_lines(a.spec), b=spec_lines(b.spec)),
        Part(name="signature", a=_tensors(a.signature), b=_tensors(b.signature)),
        Part(name="columns", a=_columns(a.signature), b=_columns(b.signature), context=1),
        Part(name="config.pbtxt", a=_lines(a.config), b=_lines(b.config), context=CONTEXT),
        Part(
            name="environment.lock",
            a=_lines(a.environment),
            b=_lines(b.environment),
            separator="==",
        ),
        Part(
            name="parameters",
            a=_parameters(a.parameters),
            b=_parameters(b.parameters),
            separator=" = ",
        ),
    ]


def _lines(text: str) -> tuple[str, ...]:
    return tuple(text.splitlines())


def _parameters(parameters: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(f"{key} = {value}" for key, value in sorted(parameters.items()))


def _tensors(signature: ModelSignature | None) -> tuple[str, ...]:
    if signature is None:
        return ()
    sides = (("input", signature.inputs), ("output", signature.outputs))
    return tuple(
        f"{kind} {one.name}: {one.datatype} {list(one.shape)}"
        + (f", classes {json.dumps(one.classes, ensure_ascii=False)}" if one.classes else "")
        for kind, tensors in sides
        for one in tensors
    )


def _columns(signature: ModelSignature | None) -> tuple[str, ...]:
    return tuple(_columns_of(signature)) if signature else ()


def _columns_of(signature: ModelSignature) -> Iterator[str]:
    for one in signature.inputs:
        for column in one.columns or (one.name,):
            mark = ", sensitive" if column in one.sensitive else ""
            yield f"{one.name}: {column}, {one.datatype}{mark}"
