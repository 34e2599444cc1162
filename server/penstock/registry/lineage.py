# SPDX-License-Identifier: Apache-2.0
"""Where a version comes from: its run, spec, data, code and seed, and the version it followed.

Pure: what was read in, one value out.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from penstock.registry.entries import VersionEntry
from penstock.registry.runs import RunEntry

__all__ = ["ParentMark", "VersionOrigin", "origin_of"]

#: Where a run keeps the commit of the code, as MLflow's own pages read it.
_COMMIT_TAG = "mlflow.source.git.commit"


@dataclass(frozen=True, slots=True, kw_only=True)
class ParentMark:
    """A version that another was compared with, by the digest of its package."""

    name: str
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionOrigin:
    """A version, and what it was made of. Empty or None: it is not known."""

    version: VersionEntry
    run_name: str
    spec_digest: str
    data_kind: str
    data_digest: str
    data_rows: int | None
    commit: str
    #: Whether files differed from the commit; None: not known.
    is_dirty: bool | None
    seed: int | None
    #: The version of Penstock that trained it.
    penstock: str
    parent: ParentMark | None

    def told(self) -> dict[str, Any]:
        """As JSON has it, without its parent."""
        version = self.version
        return {
            "name": version.name,
            "version": version.version,
            "digest": version.digest,
            "aliases": list(version.aliases),
            "is_archived": version.is_archived,
            "refused": version.refused,
            "created_ms": version.created_ms,
            "run": {"id": version.run_id, "name": self.run_name},
            "spec_digest": self.spec_digest,
            "data": {
                "kind": self.data_kind,
                "digest": self.data_digest,
                "rows": self.data_rows,
            },
            "code": {"commit": self.commit, "is_dirty": self.is_dirty},
            "seed": self.seed,
            "penstock": self.penstock,
        }


def origin_of(
    version: VersionEntry, run: RunEntry | None, lineage: Mapping[str, Any]
) -> VersionOrigin:
    """`lineage`: what lineage.json holds. What it does not say, the run may."""
    parameters = run.parameters if run else {}
    data, code = _table(lineage, "data"), _table(lineage, "code")
    parent = _table(lineage, "parent")
    is_dirty = code.get("is_dirty")
    return VersionOrigin(
        version=version,
        run_name=run.name if run else "",
        spec_digest=_text(lineage.get("spec_digest") or parameters.get("spec_digest")),
        data_kind=_text(data.get("kind") or parameters.get("data.kind")),
        data_digest=_text(data.get("digest") or parameters.get("data.digest")),
        data_rows=_number(data.get("rows", parameters.get("data.rows"))),
        commit=_text(code.get("commit") or (run.tags.get(_COMMIT_TAG) if run else "")),
        is_dirty=is_dirty if isinstance(is_dirty, bool) else None,
        seed=_number(lineage.get("seed", parameters.get("seed"))),
        penstock=_text(lineage.get("penstock")),
        parent=ParentMark(name=_text(parent.get("name")), digest=_text(parent.get("digest")))
        if parent.get("digest")
        else None,
    )


def _table(told: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = told.get(key)
    return found if isinstance(found, Mapping) else {}


def _text(value: object) -> str:
    return str(value or "")


def _number(value: object) -> int | None:
    try:
        return int(str(value))
    except ValueError:
        return None
