# SPDX-License-Identifier: Apache-2.0
"""What the control application is made of, as it sees its parts.

Each part is written beside what it controls; `app` hands them over. A refusal is a PenstockError,
whose `code` becomes the gRPC status or the HTTP status.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from penstock.drift.status import DriftStatus
from penstock.rollout.route_status import RouteStatus
from penstock.rollout.shadow_example import ShadowExample
from penstock.rollout.spec import RolloutSpec
from penstock.rollout.status import RolloutStatus
from penstock_client._proto.inference_extensions_pb2 import ModelStatistics
from penstock_client._proto.model_config_pb2 import ModelConfig

__all__ = [
    "DriftControl",
    "IndexEntry",
    "LoadWish",
    "MemoryRegion",
    "RepositoryControl",
    "RolloutControl",
    "RouteControl",
    "SharedMemoryControl",
    "StatisticsSource",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexEntry:
    """A line of the repository index. `state` is Triton's: UNKNOWN, READY, UNAVAILABLE, LOADING,
    UNLOADING; `version` is empty for a model of which nothing was ever tried.
    """

    name: str
    version: str = ""
    state: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadWish:
    """A load that a client asks for.

    `config` replaces the model's configuration (JSON in protobuf's mapping), `files` its files:
    paths below the model's folder, such as "1/model.onnx".
    """

    model: str
    repository: str = ""
    config: str | None = None
    files: Mapping[str, bytes] = field(default_factory=dict)


class RepositoryControl(Protocol):
    """The models that a server has or could have."""

    async def index(self, *, repository: str = "", ready_only: bool = False) -> list[IndexEntry]:
        """All models, by name and version."""

    async def load(self, wish: LoadWish) -> None:
        """Loads or reloads a model; returns when its wanted versions were tried."""

    async def unload(self, model: str, *, unload_dependents: bool = False) -> None:
        """Takes a model out of service; requests already accepted are answered."""

    def config(self, model: str, version: str = "") -> ModelConfig:
        """The completed configuration of a loaded version; empty: the highest one."""


class StatisticsSource(Protocol):
    """What was counted of the models."""

    def statistics(self, model: str = "", version: str = "") -> Sequence[ModelStatistics]:
        """Of one version, of all of a model's, or of all models'."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryRegion:
    """A registered region of system shared memory. Sizes and offsets in bytes."""

    name: str
    key: str
    offset: int
    byte_size: int


class SharedMemoryControl(Protocol):
    """Regions that clients share with the server. An empty name means all of them."""

    def register(self, region: MemoryRegion) -> None:
        """Opens a region of `/dev/shm`."""

    def unregister(self, name: str = "") -> None:
        """Forgets a region; a request that uses it keeps it until it is answered."""

    def regions(self, name: str = "") -> list[MemoryRegion]:
        """What is registered."""

    def register_cuda(self, name: str, raw_handle: bytes, device_id: int, byte_size: int) -> None:
        """Refused on a machine without a GPU."""

    def unregister_cuda(self, name: str = "") -> None:
        """Forgets a region of a GPU's memory."""


class RolloutControl(Protocol):
    """The rollouts of a server. Every refusal is a PenstockError: NOT_FOUND for a model without a
    rollout, FAILED_PRECONDITION for what its state does not allow, INVALID_ARGUMENT.
    """

    async def start(
        self,
        model: str,
        candidate: int,
        spec: RolloutSpec | None = None,
        *,
        stable: int | None = None,
        allows_signature_change: bool = False,
    ) -> RolloutStatus:
        """Begins; returns once the candidate is loaded and the first state reached.

        Without `spec`, what stands in rollout.toml next to the model, else the defaults; without
        `stable`, the version that is served now.
        """

    def status(self, model: str, rollout: str = "") -> RolloutStatus:
        """Of the rollout that goes on or was last, or of the one with this id."""

    def statuses(self, *, model: str = "", ongoing_only: bool = False) -> Sequence[RolloutStatus]:
        """All that are kept, newest first; without evidence and log."""

    async def promote(self, model: str, *, by: str = "operator") -> RolloutStatus:
        """Makes the candidate live now, whatever was shown; also one that is held."""

    async def pause(self, model: str, *, is_paused: bool = True) -> RolloutStatus:
        """Stays at the present share, or goes on; the judge rolls back all the same."""

    async def roll_back(self, model: str, *, reason: str = "") -> RolloutStatus:
        """Takes the candidate out of traffic now."""

    async def explain(self, model: str, rollout: str = "") -> Mapping[str, object]:
        """Every event, count and transition of a rollout, and the verdict computed anew of them:
        plain values for JSON. `penstock.rollout.explain` says which, and recomputes it offline.
        """

    async def examples(self, model: str, rollout: str = "") -> tuple[str, Sequence[ShadowExample]]:
        """Pairs of its shadow that are kept for a person to look at, newest first, and its id."""


class RouteControl(Protocol):
    """The routes of a server. A refusal is a PenstockError: NOT_FOUND for a model without one."""

    def route(self, model: str) -> RouteStatus:
        """How the requests of a model are shared out now."""

    def routes(self) -> Sequence[RouteStatus]:
        """Of all models that have one, by name; of shadows without outputs, slices and times."""

    def examples(self, model: str) -> Sequence[ShadowExample]:
        """Pairs of its shadows that are kept for a person to look at, newest first."""


class DriftControl(Protocol):
    """What a server knows of how live rows stand. A refusal is a PenstockError: NOT_FOUND for a
    version that is not watched, FAILED_PRECONDITION where nothing can judge it.
    """

    async def status(
        self, model: str, version: int | None = None, *, window_s: float | None = None
    ) -> DriftStatus:
        """Of a version, None: the highest one that is watched; of the last `window_s` seconds."""

    def statuses(self) -> Sequence[DriftStatus]:
        """Of all versions that are watched, by model and version, as they were found last."""
