# SPDX-License-Identifier: Apache-2.0
"""The server around rollouts, as `ports` wants it: its versions, its routes, its clock."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from penstock.errors import EngineError
from penstock.package.signature import ModelSignature, TensorSignature
from penstock.package.signature_change import signature_change
from penstock.rollout.evidence import Role
from penstock.rollout.ports import Champion, Traffic, Trial, TrialWish
from penstock.rollout.standing import Standing
from penstock_client._proto.model_config_pb2 import DataType, ModelConfig, ModelInput, ModelOutput

__all__ = [
    "LoadedModels",
    "ServedChampion",
    "ServedTraffic",
    "ServedVersions",
    "SystemClock",
    "config_signature",
]


class LoadedModels(Protocol):
    """The models that the server has."""

    def loaded_versions(self, model: str) -> Sequence[int]:
        """Those that requests reach, ascending."""

    def config(self, model: str, version: str = "") -> ModelConfig:
        """The completed configuration of a loaded version."""

    def settle(self, model: str) -> None:
        """Unloads what only a rollout held."""

    def sensitive(self, model: str, version: int) -> frozenset[str]:
        """Inputs whose values nobody may see."""


class SystemClock:
    """This machine's."""

    def monotonic_s(self) -> float:
        """See `ports.Clock`."""
        return time.monotonic()

    def wall_ms(self) -> int:
        """See `ports.Clock`."""
        return time.time_ns() // 1_000_000


class ServedVersions:
    """`ports.Versions` over what is loaded."""

    def __init__(
        self, models: LoadedModels, standing: Standing, restarts: Callable[[str, int], int]
    ) -> None:
        self._models = models
        self._standing = standing
        self._restarts = restarts

    def serving(self, model: str) -> Sequence[int]:
        """See `ports.Versions`."""
        return self._models.loaded_versions(model)

    def served(self, model: str) -> int | None:
        """See `ports.Versions`."""
        return self._standing.served(model, self._models.loaded_versions(model))

    def signature_change(self, model: str, stable: int, candidate: int) -> str:
        """See `ports.Versions`."""
        old, new = (
            config_signature(self._models.config(model, str(version)))
            for version in (stable, candidate)
        )
        return signature_change(old, new)

    def crashes(self, model: str, version: int) -> int:
        """See `ports.Versions`."""
        return self._restarts(model, version)


class ServedTraffic:
    """`ports.Traffic`, and whichever version answers meanwhile is told of it."""

    def __init__(self, traffic: Traffic, models: LoadedModels, standing: Standing) -> None:
        self._traffic = traffic
        self._models = models
        self._standing = standing

    def open_trial(self, wish: TrialWish) -> Trial:
        """See `ports.Traffic`. What either version's package calls sensitive is, to the shadow.

        Raises EngineError while one of both is not loaded, as after a restart.
        """
        loaded = self._models.loaded_versions(wish.model)
        missing = [number for number in (wish.stable, wish.candidate) if number not in loaded]
        if missing:
            raise EngineError(
                f"Version {missing[0]} of {wish.model!r} is not loaded.", code="FAILED_PRECONDITION"
            )
        if (shadow := wish.spec.shadow) is not None:
            told = self._models.sensitive(wish.model, wish.stable)
            told |= self._models.sensitive(wish.model, wish.candidate) | {*shadow.sensitive}
            shadow = shadow.model_copy(update={"sensitive": tuple(sorted(told))})
            wish = replace(wish, spec=wish.spec.model_copy(update={"shadow": shadow}))
        return _StandingTrial(self._traffic.open_trial(wish), wish, self._standing)

    def abandon(self, model: str) -> None:
        """See `ports.Traffic`. Whatever was stable still answers."""
        self._standing.abandoned(model)


class _StandingTrial:
    """A trial that stands from its first shares on: a start that is refused by then leaves no
    mark, and who answered before answers on.
    """

    def __init__(self, trial: Trial, wish: TrialWish, standing: Standing) -> None:
        self._trial = trial
        self._wish = wish
        self._standing = standing
        self.replay = trial.replay
        self.evidence = trial.evidence
        self.examples = trial.examples
        self.take_events = trial.take_events
        self.close = trial.close

    def set_shares(self, shares_bp: Mapping[Role, int], *, epoch: int, is_mirrored: bool) -> None:
        """See `ports.Trial`."""
        self._trial.set_shares(shares_bp, epoch=epoch, is_mirrored=is_mirrored)
        self._standing.began(self._wish.model, self._wish.stable, self._wish.candidate)


class ServedChampion:
    """`ports.Champion`: the version that answers changes here, and then in the registry."""

    def __init__(
        self, models: LoadedModels, standing: Standing, registry: Champion | None = None
    ) -> None:
        self._models = models
        self._standing = standing
        self._registry = registry

    async def promoted(self, model: str, version: int) -> None:
        """See `ports.Champion`."""
        if self._registry is not None:
            await self._registry.promoted(model, version)
        self._standing.went_live(model, version, self._models.loaded_versions(model))
        self._models.settle(model)

    async def rolled_back(self, model: str, version: int, reason: str) -> None:
        """See `ports.Champion`."""
        self._standing.was_rolled_back(model, version)
        if self._registry is not None:
            await self._registry.rolled_back(model, version, reason)
        self._models.settle(model)


def config_signature(config: ModelConfig) -> ModelSignature:
    """What clients send and get, by a completed configuration. Pure."""
    rows = (-1,) if config.max_batch_size > 0 else ()

    def tensors(specs: Iterable[ModelInput | ModelOutput]) -> tuple[TensorSignature, ...]:
        return tuple(
            TensorSignature(
                name=one.name, datatype=_datatype(one.data_type), shape=(*rows, *one.dims)
            )
            for one in specs
        )

    return ModelSignature(inputs=tensors(config.input), outputs=tensors(config.output))


def _datatype(number: int) -> str:
    return DataType.Name(number).removeprefix("TYPE_").replace("STRING", "BYTES")
