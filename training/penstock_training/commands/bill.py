# SPDX-License-Identifier: Apache-2.0
"""Which libraries a serving image has: those that penstock needs, and what they need in turn."""

import re
from dataclasses import dataclass
from importlib import metadata
from typing import Any

from packaging.requirements import Requirement

__all__ = ["Library", "cyclonedx", "serving_libraries"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Library:
    """An installed distribution."""

    name: str
    version: str
    licence: str


def serving_libraries() -> tuple[Library, ...]:
    """Penstock and its closure without extras, as installed here, by name."""
    found: dict[str, Library] = {}
    waiting = ["penstock"]
    while waiting:
        name = _normal(waiting.pop())
        if name in found:
            continue
        try:
            one = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue  # of another platform
        found[name] = Library(name=name, version=one.version, licence=_licence(one))
        for line in one.requires or ():
            wanted = Requirement(line)
            if wanted.marker is None or wanted.marker.evaluate({"extra": ""}):
                waiting.append(wanted.name)
    return tuple(found[name] for name in sorted(found))


def cyclonedx(libraries: tuple[Library, ...]) -> dict[str, Any]:
    """The list as CycloneDX 1.6 has it. Without a date: the same libraries give the same bytes."""
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "components": [
            {
                "type": "library",
                "name": one.name,
                "version": one.version,
                "purl": f"pkg:pypi/{one.name}@{one.version}",
                **({"licenses": [{"license": {"name": one.licence}}]} if one.licence else {}),
            }
            for one in libraries
        ],
    }


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _licence(one: metadata.Distribution) -> str:
    told = dict(one.metadata.json)
    for key in ("license_expression", "license"):
        said = str(told.get(key) or "")
        if said and "\n" not in said and len(said) < 100:
            return said
    kinds = [
        line.rpartition(" :: ")[2]
        for line in one.metadata.get_all("Classifier", [])
        if line.startswith("License :: ")
    ]
    return ", ".join(kinds)
