# SPDX-License-Identifier: Apache-2.0
"""What comparisons, differences and lineages are made of, read from a registry.

Every function blocks, and raises RegistryError where there is no such version, or the registry or
the store of its files cannot be used. Versions that Penstock did not make lack most of it.
"""

from collections.abc import Callable
from typing import Any

from penstock.errors import RegistryError
from penstock.package.manifest import MANIFEST_FILE
from penstock.registry.comparison import VersionTold
from penstock.registry.difference import Contents
from penstock.registry.entries import VersionEntry
from penstock.registry.lineage import ParentMark, VersionOrigin, origin_of
from penstock.registry.registry import Registry
from penstock.registry.runs import run_of
from penstock.registry.tags import METRIC_TAG
from penstock.registry.version_files import LINEAGE_FILE, VersionFiles

__all__ = ["read_ancestry", "read_contents", "read_told"]

CONFIG_FILE = "config.pbtxt"
ENVIRONMENT_FILE = "environment.lock"
MODEL_FILE = "model.onnx"
#: Ancestors that are followed.
ANCESTORS_MAX = 100


def read_told(registry: Registry, version: VersionEntry) -> VersionTold:
    """For a comparison."""
    run = run_of(registry, version)
    files = VersionFiles(registry, version)
    manifest = files.manifest() if version.digest else None
    if version.digest and manifest is None:
        raise _lost(version, MANIFEST_FILE)
    sizes = {path: mark.bytes for path, mark in manifest.files.items()} if manifest else {}
    parameters = dict(run.parameters) if run else {}
    told_apart = {"spec_digest", "data.digest", "data.kind", "data.rows"}
    return VersionTold(
        version=version.version,
        metrics=run.estimates if run else {},
        parameters={key: one for key, one in parameters.items() if key not in told_apart},
        deciding=version.tags.get(METRIC_TAG, ""),
        size_bytes=sum(sizes.values()) if sizes else None,
        model_bytes=sizes.get(MODEL_FILE),
        data_digest=parameters.get("data.digest", "")
        or version.tags.get("penstock.data.digest", ""),
        data_rows=parameters.get("data.rows", ""),
    )


def read_contents(registry: Registry, version: VersionEntry) -> Contents:
    """For a difference."""
    run = run_of(registry, version)
    files = VersionFiles(registry, version)
    if version.digest and MANIFEST_FILE not in files.sizes:
        raise _lost(version, MANIFEST_FILE)
    spec: Any = files.document(LINEAGE_FILE).get("spec")
    return Contents(
        version=version.version,
        spec=spec if isinstance(spec, dict) else {},
        signature=files.signature(),
        config=files.text(CONFIG_FILE) or "",
        environment=files.text(ENVIRONMENT_FILE) or "",
        parameters=run.parameters if run else {},
    )


def read_ancestry(
    registry: Registry, version: VersionEntry
) -> tuple[list[VersionOrigin], ParentMark | None]:
    """The version and its ancestors, the youngest first; and the parent of the last, which the
    registry has not got, or not any more.
    """
    found: list[VersionOrigin] = []
    seen: set[str] = set()
    current: VersionEntry | None = version
    while current is not None and len(found) < ANCESTORS_MAX:
        seen.add(current.digest)
        origin = _origin(registry, current)
        found.append(origin)
        parent = origin.parent
        if parent is None or parent.digest in seen:
            return found, None
        current = registry.find(parent.name, parent.digest)
    return found, found[-1].parent


def _origin(registry: Registry, version: VersionEntry) -> VersionOrigin:
    run = run_of(registry, version)
    files = VersionFiles(registry, version)
    lineage = _or_nothing(lambda: files.document(LINEAGE_FILE))
    return origin_of(version, run, lineage)


def _or_nothing(read: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """An ancestor's files may be away; its run tells what it can."""
    try:
        return read()
    except RegistryError:
        return {}


def _lost(version: VersionEntry, name: str) -> RegistryError:
    return RegistryError(
        f"Version {version.version} of {version.name!r} has lost its {name}: its files are not "
        "where the registry says."
    )
