# SPDX-License-Identifier: Apache-2.0
"""Rollouts of models of a registry: by which policy they go, and what the registry hears of them.

Lives on the control thread. `follower` brings versions here and begins their rollouts; how one ends
is written into the registry by `promoted` and `rolled_back`. While a rollout goes on, and until its
end has been told, nobody else of this server moves the model's aliases.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from penstock.errors import RegistryError
from penstock.registry.entries import LookedModel
from penstock.registry.following import Plan, RolloutEnd, plan_of
from penstock.registry.kept import KeptVersions
from penstock.registry.policy import policy_of
from penstock.registry.process import RegistryProcess
from penstock.rollout.record import Record
from penstock.rollout.spec import RolloutSpec
from penstock.rollout.standing import Standing

__all__ = ["FollowedRollouts", "LoadedModels", "Rollouts"]

log = logging.getLogger(__name__)


class Rollouts(Protocol):
    """The rollouts of the server: `RolloutController`."""

    def unsettled(self, model: str) -> Record | None:
        """The rollout that goes on, or whose end the registry has not heard of."""

    async def start(
        self,
        model: str,
        candidate: int,
        spec: RolloutSpec | None = None,
        *,
        stable: int | None = None,
        allows_signature_change: bool = False,
    ) -> object:
        """See RolloutControl."""

    async def promote(self, model: str, *, by: str, why: str) -> object:
        """See RolloutControl."""

    async def roll_back(self, model: str, *, reason: str, by: str) -> object:
        """See RolloutControl."""


class LoadedModels(Protocol):
    """The models that the server has."""

    def loaded_versions(self, model: str) -> Sequence[int]:
        """Those that requests reach, ascending."""

    def rollout_spec(self, model: str) -> RolloutSpec | None:
        """What stands in rollout.toml next to a model; None: nothing. Raises RolloutError."""


class FollowedRollouts:
    """`records`: the rollouts that an earlier process has left, oldest first. Until `go_on` no
    rollout is begun or ended.
    """

    def __init__(
        self,
        process: RegistryProcess,
        kept: KeptVersions,
        models: LoadedModels,
        standing: Standing,
        records: Iterable[Record] = (),
    ) -> None:
        self._process = process
        self._kept = kept
        self._models = models
        self._standing = standing
        self._left = {one.model: one for one in records if one.goes_on or not one.is_told}
        self._rollouts: Rollouts | None = None
        self._policies: dict[str, tuple[str, RolloutSpec | RegistryError | None]] = {}
        self._followed: set[str] = set()
        #: How often the registry was told of an end: a look that began before it is out of date.
        self.told = 0

    def stand_as_kept(self) -> None:
        """Before anything is loaded: of what was kept the champion answers, and no candidate."""
        for name in self._kept.names:
            versions, marked = self._kept.versions(name), self._kept.candidate(name)
            pinned = self._standing.pinned(name)
            others = [one for one in versions if one != marked]
            champion = pinned if pinned in versions else max(others, default=marked)
            self.follow(name, champion, marked if marked != champion else None)

    def go_on(self, rollouts: Rollouts) -> None:
        """What an earlier process has left goes on in `rollouts`."""
        self._rollouts = rollouts
        self._left.clear()

    @property
    def has_begun(self) -> bool:
        """Whether rollouts may be begun and ended."""
        return self._rollouts is not None

    def unsettled(self, name: str) -> Record | None:
        """The rollout that goes on, or whose end the registry has not heard of."""
        return self._rollouts.unsettled(name) if self._rollouts else self._left.get(name)

    def is_ending(self, name: str) -> bool:
        """Whether the registry has still to hear how a rollout has ended."""
        record = self.unsettled(name)
        return record is not None and not record.goes_on and self.has_begun

    # --- policies ---

    def take_policies(self, looked: Mapping[str, LookedModel]) -> list[str]:
        """What the registry says now; the models of which it says something else than before."""
        policies: dict[str, tuple[str, RolloutSpec | RegistryError | None]] = {}
        changed: list[str] = []
        for name, one in looked.items():
            before = self._policies.get(name)
            if before is not None and before[0] == one.policy:
                policies[name] = before
                continue
            changed.append(name)
            try:
                policies[name] = (one.policy, policy_of(one.policy, name))
            except RegistryError as error:
                policies[name] = (one.policy, error)
                log.error("registry_policy_refused", extra={"model": name, "reason": str(error)})
        self._policies = policies  # at once, for other threads read it
        return changed

    def policy(self, name: str) -> RolloutSpec | None:
        """The policy of a model; None: it has none. Raises RegistryError for what is none."""
        _, found = self._policies.get(name, ("", None))
        if isinstance(found, RegistryError):
            raise found
        return found

    def rollout_spec(self, model: str) -> RolloutSpec | None:
        """Of a model of the registry its policy, else what stands in rollout.toml next to a model;
        None: nothing. Raises RegistryError or RolloutError. Any thread may call it.
        """
        return self.policy(model) or self._models.rollout_spec(model)

    # --- what is to be done ---

    def plan(self, name: str, looked: LookedModel, *, is_orphan: bool) -> Plan:
        """What is to be true of a model, by what the registry says of it."""
        record = self.unsettled(name)
        ongoing = (record.stable, record.candidate) if record and record.goes_on else None
        named = looked.candidate.version if looked.candidate else None
        is_policy = isinstance(self._policies.get(name, ("", None))[1], RolloutSpec)
        return plan_of(
            looked,
            has_policy=is_policy,
            ongoing=ongoing,
            is_new=is_orphan or set(self._kept.versions(name)) <= {named},
        )

    def follow(self, name: str, champion: int | None, candidate: int | None) -> None:
        """Which version answers, and which does not by itself."""
        self._followed.add(name)
        if name not in self._left or self._left[name].goes_on:
            self._standing.follow(name, champion, candidate, self._models.loaded_versions(name))

    def leave(self, name: str) -> None:
        """The registry decides over the model no more."""
        self._standing.leave(name)

    async def begin(self, name: str, *, stable: int, candidate: int, allows_change: bool) -> None:
        """Begins the rollout of a loaded candidate. Raises PenstockError if it cannot be."""
        if self._rollouts is not None:
            await self._rollouts.start(
                name,
                candidate,
                self.policy(name),
                stable=stable,
                allows_signature_change=allows_change,
            )

    async def end(self, name: str, end: RolloutEnd) -> None:
        """Ends the rollout that goes on, for the registry says so. Raises PenstockError."""
        record = self.unsettled(name)
        if record is None or not record.goes_on:
            return
        if self._rollouts is None:
            if not end.is_live:
                self._standing.was_rolled_back(name, record.candidate)
        elif end.is_live:
            await self._rollouts.promote(name, by="registry", why=end.why)
        else:
            await self._rollouts.roll_back(name, reason=end.why, by="registry")

    async def promote_first(self, name: str, version: int) -> None:
        """Lets a candidate be the champion of a model that has none. Raises RegistryError."""
        left = await self._process.advance(name, version, None)
        self.told += 1
        if left:
            log.warning("registry_decided_otherwise", extra={"model": name, "reason": left})
        else:
            log.info("registry_first_version_promoted", extra={"model": name, "version": version})

    # --- ports.Champion ---

    async def promoted(self, model: str, version: int) -> None:
        """The champion is moved to what went live, from what was stable. Raises RegistryError."""
        record = self.unsettled(model)
        before = record.stable if record else None
        if model in self._followed:
            left = await self._process.advance(model, version, before)
            self._was_told(model, left)

    async def rolled_back(self, model: str, version: int, reason: str) -> None:
        """The version is tagged, and the candidate no more. Raises RegistryError."""
        if model in self._followed:
            left = await self._process.roll_back(model, version, reason)
            self._was_told(model, left)

    def _was_told(self, model: str, left: str) -> None:
        self.told += 1
        if left:
            log.warning("registry_decided_otherwise", extra={"model": model, "reason": left})
