# SPDX-License-Identifier: Apache-2.0
"""What a registry says of its models and versions."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from penstock.registry.tags import ARCHIVED_TAG, IS_ARCHIVED, REFUSED_TAG, ROLLED_BACK_TAG

__all__ = ["LookedModel", "ModelAlias", "ModelEntry", "VersionEntry"]


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

    @property
    def is_archived(self) -> bool:
        """Whether it is shown and promoted no more."""
        return self.tags.get(ARCHIVED_TAG) == IS_ARCHIVED

    @property
    def refused(self) -> str:
        """Why a server did not serve it; empty: none refused it."""
        return self.tags.get(REFUSED_TAG, "")

    @property
    def rolled_back(self) -> str:
        """When and why a rollout of it was rolled back; empty: none was."""
        return self.tags.get(ROLLED_BACK_TAG, "")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelEntry:
    """A model that has a version."""

    name: str
    #: How many there are.
    versions: int
    #: The highest there is.
    latest: int
    aliases: Mapping[str, int]
    #: Milliseconds since 1970.
    changed_ms: int
    #: The text of the tag that says how candidates are rolled out; empty: they are not.
    policy: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelAlias:
    """The version that an alias of a model names.

    A model that was removed and made anew counts its versions from 1 again: `made_ms`, when the
    model was made, in milliseconds since 1970, tells them apart.
    """

    version: int
    made_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LookedModel:
    """What a look at a registry finds of a model that may be served.

    `served`: what the followed alias names. `candidate`, where that alias is the champion: what
    `candidate` names. `policy` is the text of the model's tag. `rolled_back` and `is_archived` are
    of the candidate, and known where there is a policy.
    """

    served: ModelAlias | None
    candidate: ModelAlias | None = None
    policy: str = ""
    rolled_back: str = ""
    is_archived: bool = False
