# SPDX-License-Identifier: Apache-2.0
"""What a registry says of its models and versions."""

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["ModelEntry", "VersionEntry"]


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionEntry:
    """A registered version of a model."""

    name: str
    version: int
    #: Of the package; empty: it was not registered by Penstock.
    digest: str
    aliases: tuple[str, ...]
    #: Where its files are, as MLflow names it.
    source: str
    #: The MLflow run that made it; empty: none.
    run_id: str
    #: Milliseconds since 1970.
    created_ms: int
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelEntry:
    """A model that has a version."""

    name: str
    #: The highest there is.
    latest: int
    aliases: Mapping[str, int]
    #: Milliseconds since 1970.
    changed_ms: int
