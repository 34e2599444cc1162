# SPDX-License-Identifier: Apache-2.0
"""Which libraries a serving image has: those that penstock needs, and what they need in turn."""

import re
from dataclasses import dataclass
from importlib import metadata
from typing import Any

from packaging.requirements import Requirement

from penstock_training.errors import PackageError

__all__ = ["Library", "cyclonedx", "serving_libraries"]

#: Written by installers beside what came from a folder or a file, and not from an index (PEP 610).
_ORIGIN_FILE = "direct_url.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Library:
    """An installed distribution."""

    name: str
    version: str
    #: An SPDX expression where `is_expression`, else words. Empty: its authors say nothing.
    licence: str
    is_expression: bool
    #: Whether it was installed from an index, which an image can do too.
    is_indexed: bool
    #: Names of the libraries that it needs here.
    needs: tuple[str, ...]


def serving_libraries() -> tuple[Library, ...]:
    """Penstock and its closure without extras, as installed here, by name.

    Raises:
        PackageError: one of them is not installed.
    """
    found: dict[str, Library] = {}
    waiting = ["penstock"]
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        try:
            found[name] = _library(name, metadata.distribution(name))
        except metadata.PackageNotFoundError:
            raise PackageError(
                f"{name}, which serving needs, is not installed here: pip install {name}."
            ) from None
        waiting.extend(found[name].needs)
    return tuple(found[name] for name in sorted(found))


def cyclonedx(image: str, libraries: tuple[Library, ...]) -> dict[str, Any]:
    """The libraries of `image` as CycloneDX 1.6 has them.

    Without a date or a serial number: the same libraries give the same bytes.
    """
    marks = {one.name: f"pkg:pypi/{one.name}@{one.version}" for one in libraries}
    needs = {one.name: [marks[name] for name in one.needs] for one in libraries}
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": {"type": "container", "bom-ref": "image", "name": image}},
        "components": [
            {
                "type": "library",
                "bom-ref": marks[one.name],
                "name": one.name,
                "version": one.version,
                "purl": marks[one.name],
                **_licences(one),
            }
            for one in libraries
        ],
        "dependencies": [
            {"ref": "image", "dependsOn": [marks["penstock"]]},
            *({"ref": marks[name], "dependsOn": needs[name]} for name in marks),
        ],
    }


def _library(name: str, one: metadata.Distribution) -> Library:
    wanted = map(Requirement, one.requires or ())
    needs = {
        _normal(line.name)
        for line in wanted
        if line.marker is None or line.marker.evaluate({"extra": ""})
    }
    expression = _told(one, "License-Expression")
    return Library(
        name=name,
        version=one.version,
        licence=expression or _licence_in_words(one),
        is_expression=bool(expression),
        is_indexed=one.read_text(_ORIGIN_FILE) is None,
        needs=tuple(sorted(needs)),
    )


def _licences(one: Library) -> dict[str, Any]:
    if not one.licence:
        return {}
    if one.is_expression:
        return {"licenses": [{"expression": one.licence}]}
    return {"licenses": [{"license": {"name": one.licence}}]}


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _licence_in_words(one: metadata.Distribution) -> str:
    said = _told(one, "License")
    if said and "\n" not in said and len(said) < 100:
        return said
    kinds = [
        line.rpartition(" :: ")[2]
        for line in one.metadata.get_all("Classifier", [])
        if line.startswith("License :: ")
    ]
    return ", ".join(kinds)


def _told(one: metadata.Distribution, field: str) -> str:
    return str(one.metadata[field]) if field in one.metadata else ""
