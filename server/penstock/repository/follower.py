# SPDX-License-Identifier: Apache-2.0
"""Follows a registry: what its alias names is fetched, verified, loaded and served.

Lives on the control thread, whose loop nothing here blocks. Several models change over at a time,
each by itself. A version that cannot be fetched or loaded is refused, and the one before goes on:
the reason stands in the registry, in the log, in the index and in the answers of ModelReady.

What `candidate` names, of a model with a rollout policy, goes the same way; it is loaded beside the
champion, and its rollout begins.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import suppress
from typing import Any, Protocol, TypeVar

from penstock.errors import PenstockError, RegistryError
from penstock.registry.entries import LookedModel, ModelAlias
from penstock.registry.following import Plan, Refusal, RolloutEnd, next_try, versions_to_try
from penstock.registry.kept import KeptVersions
from penstock.registry.process import RegistryProcess
from penstock.registry.tags import REFUSED_TAG
from penstock.repository.followed_rollouts import FollowedRollouts, Rollouts
from penstock.repository.follower_metrics import FollowerMetrics
from penstock.repository.loader import LoadReport
from penstock.repository.version_fetches import VersionFetches

__all__ = ["FollowedModels", "RegistryFollower"]

log = logging.getLogger(__name__)

T = TypeVar("T")

#: Models that change over at a time.
CHANGES_AT_A_TIME = 4


class FollowedModels(Protocol):
    """The models that the server has, as far as a registry decides over them."""

    async def load_followed(self, name: str) -> list[LoadReport]:
        """Loads what is kept of a model and is not serving; unloads what is not kept."""

    async def remove_followed(self, name: str) -> None:
        """Takes a model out of service; returns when what it had accepted is answered."""

    async def refuse_followed(self, name: str, number: int, reason: str) -> LoadReport:
        """Says why a version is not served; what serves goes on."""

    async def is_elsewhere(self, name: str) -> bool:
        """Whether another repository has a model of this name."""

    def serves(self, name: str, number: int) -> bool:
        """Whether requests reach this version as it was loaded last, or a client unloaded it."""


class RegistryFollower:
    """Follows `alias` of the registry that `process` asks, every `seconds`.

    `bytes_max` bounds the files that are kept. `clock` tells seconds, for a refused version's wait.
    """

    def __init__(
        self,
        process: RegistryProcess,
        kept: KeptVersions,
        models: FollowedModels,
        rollouts: FollowedRollouts,
        *,
        alias: str,
        seconds: float,
        bytes_max: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._process = process
        self._kept = kept
        self._models = models
        self.rollouts = rollouts
        self._alias = alias
        self._seconds = seconds
        self._fetches = VersionFetches(process, kept, models.serves, bytes_max=bytes_max)
        self._clock = clock
        self._metrics = FollowerMetrics()
        self._refused: dict[str, Refusal] = {}
        self._untagged: dict[str, ModelAlias] = {}  # no tag of theirs says that they are refused
        self._refused_candidates: dict[str, Refusal] = {}
        self._plans: Mapping[str, Plan] = {}  # by the last look
        self._orphans: set[str] = set()  # served, and no longer in the registry
        self._busy: set[str] = set()
        self._changes = asyncio.Semaphore(CHANGES_AT_A_TIME)
        self._tasks: set[asyncio.Task[Any]] = set()
        self._first: asyncio.Task[dict[str, LookedModel]] | None = None
        self._is_up = True

    # --- its life ---

    def begin(self) -> None:
        """Asks for the first time, while the server loads what was kept."""
        self.rollouts.stand_as_kept()
        self._first = asyncio.ensure_future(self._process.look(self._alias))

    async def follow_first(self) -> list[LoadReport]:
        """Serves what the alias names now; returns when each model was tried, with what was new.

        Raises:
            RegistryError: the registry cannot be used, and nothing of it was kept.
        """
        assert self._first is not None
        try:
            looked = await self._first
        except RegistryError as error:
            if not self._kept.names:
                raise
            self._went_away(error)
            for name in self._kept.names:
                self._tell_kept(name)
            return []
        self._came_back()
        tasks = self._changes_to(looked)
        # As while it runs: what a registry has lost altogether, such as an empty one that has taken
        # its place, is served on.
        for name in set(self._kept.names) - set(self._champions):
            await self._alone(name, self._alias_is_gone(name))
        changes = await asyncio.gather(*tasks)
        return [report for reports in changes for report in reports]

    def start(self, rollouts: Rollouts) -> None:
        """Follows from now on, with the rollouts that were begun before."""
        self.rollouts.go_on(rollouts)
        self._spawn(self._follow())

    async def stop(self) -> None:
        """Begins nothing more."""
        tasks = {*self._tasks, *([self._first] if self._first else [])}
        for task in tasks:
            task.cancel()
        await asyncio.to_thread(self._process.close)
        await asyncio.gather(*tasks, return_exceptions=True)

    def metrics_text(self) -> str:
        """What it counts, in Prometheus' text format. Thread-safe."""
        return self._metrics.text()

    async def _follow(self) -> None:
        while True:
            await asyncio.sleep(self._seconds)
            try:
                await self.look()
            except RegistryError as error:
                self._went_away(error)
            except Exception:  # a bug of ours must not end the following
                log.exception("registry_look_failed")

    async def look(self) -> None:
        """Looks once, and begins what follows from it. Raises RegistryError."""
        told = self.rollouts.told
        looked = await self._process.look(self._alias)
        self._came_back()
        if told != self.rollouts.told:
            return  # what was found may be from before
        self._changes_to(looked)
        known = {*await asyncio.to_thread(lambda: self._kept.names), *self._refused}
        for name in known - set(self._champions) - self._busy - self._orphans:
            if not self.rollouts.is_ending(name):
                self._spawn(self._alone(name, self._alias_is_gone(name)))

    # --- the registry itself ---

    def _went_away(self, error: RegistryError) -> None:
        if self._is_up:
            log.error("registry_away", extra={"reason": str(error), "serving": "as before"})
        self._is_up = False
        self._metrics.away()

    def _came_back(self) -> None:
        if not self._is_up:
            log.info("registry_back", extra={"registry": self._process.shown})
        self._is_up = True
        self._metrics.looked(time.time())

    # --- models ---

    def _changes_to(
        self, looked: Mapping[str, LookedModel]
    ) -> list[asyncio.Task[list[LoadReport]]]:
        """Begins what brings each model to what is wanted of it."""
        rollouts = self.rollouts
        for name in rollouts.take_policies(looked):
            self._refused_candidates.pop(name, None)  # by another policy it may begin
        self._plans = plans = {
            name: rollouts.plan(name, one, is_orphan=name in self._orphans)
            for name, one in looked.items()
        }
        self._metrics.wanted({name: one.version for name, one in self._champions.items()})
        self._orphans -= set(self._champions)
        tried, tried_beside = (
            versions_to_try(wanted, self._serving(wanted), refused, now=self._clock())
            for wanted, refused in (
                (self._champions, self._refused),
                (self._candidates, self._refused_candidates),
            )
        )
        tasks = []
        for name, plan in plans.items():
            if name in self._busy or rollouts.is_ending(name):
                continue
            work = self._work(name, plan, tried.get(name), tried_beside.get(name))
            if work is not None:
                tasks.append(self._spawn(self._alone(name, work)))
        return tasks

    @property
    def _champions(self) -> dict[str, ModelAlias]:
        """What is to serve, by model."""
        return {name: one.champion for name, one in self._plans.items() if one.champion}

    @property
    def _candidates(self) -> dict[str, ModelAlias]:
        """What is to be loaded beside it."""
        return {name: one.candidate for name, one in self._plans.items() if one.candidate}

    def _serving(self, wanted: Mapping[str, ModelAlias]) -> dict[str, ModelAlias]:
        return {name: one for name, one in wanted.items() if self._serves(name, one)}

    def _work(
        self, name: str, plan: Plan, tried: ModelAlias | None, tried_beside: ModelAlias | None
    ) -> Coroutine[Any, Any, list[LoadReport]] | None:
        """What is to be done now about a model; None: nothing."""
        if plan.end is not None:
            return self._end(name, plan.end, tried)
        if plan.champion is None:
            return self._bring_candidate(name, tried_beside) if tried_beside else None
        version, candidate = plan.champion, plan.candidate
        self.rollouts.follow(name, version.version, candidate.version if candidate else None)
        if tried is not None:
            return self._bring(name, tried, tried_beside)
        if not self._serves(name, version):
            return None  # it was refused, and waits
        beside = self._refused_candidates.get(name)
        is_left = beside is not None and beside.version != candidate
        linked = set(self._kept.versions(name))
        wanted = {one.version for one in (version, candidate) if one is not None}
        marked = self._marked(name, candidate)
        if is_left or not linked <= wanted or self._kept.candidate(name) != marked:
            return self._settle(name, version)
        if tried_beside is not None:
            return self._bring_candidate(name, tried_beside)
        if plan.is_first:
            return self._promote_first(name, version)
        if candidate is not None and self._is_to_begin(name, candidate):
            return self._begin(name, version, candidate)
        if self._untagged.get(name) != version:  # kept by a server that ran here before
            self._tell_kept(name)
            return self._untag(name, version)
        return None

    def _tell_kept(self, name: str) -> None:
        """Counts what is served of a model without a change-over."""
        candidate = self._kept.candidate(name)
        for number in self._kept.versions(name):
            if number != candidate and self._models.serves(name, number):
                self._metrics.serves(name, number)

    def _marked(self, name: str, candidate: ModelAlias | None) -> int | None:
        """The candidate, if it is kept."""
        if candidate is None or self._kept.versions(name).get(candidate.version) != candidate:
            return None
        return candidate.version

    def _serves(self, name: str, version: ModelAlias) -> bool:
        kept = self._kept.versions(name).get(version.version)
        return kept == version and self._models.serves(name, version.version)

    async def _alone(self, name: str, work: Awaitable[list[LoadReport]]) -> list[LoadReport]:
        self._busy.add(name)
        try:
            return await work
        except (PenstockError, OSError) as error:  # of the cache
            log.error("registry_model_failed", extra={"model": name, "reason": str(error)})
            return []
        finally:
            self._busy.discard(name)

    async def _bring(
        self, name: str, version: ModelAlias, candidate: ModelAlias | None
    ) -> list[LoadReport]:
        """Changes a model over, and then looks for its candidate."""
        reports = await self._change_over(name, version)
        if candidate is not None and self._serves(name, version):
            reports += await self._bring_candidate(name, candidate)
        return reports

    async def _change_over(self, name: str, version: ModelAlias) -> list[LoadReport]:
        async with self._changes:
            before = self._kept.versions(name)
            try:
                if not await self._fetch(name, version):
                    return []
            except PenstockError as error:
                report = await self._models.refuse_followed(name, version.version, str(error))
                await self._refuse(name, version, str(error), self._refused)
                return [report]
            reports = await self._models.load_followed(name)
            if not self._models.serves(name, version.version):
                if version.version in before:  # of a model that was made anew
                    await asyncio.to_thread(self._kept.link, name, before[version.version])
                await self._refuse(name, version, _reason(reports, version.version), self._refused)
                return reports
        # The version before may have long to answer: no other model waits for that.
        await self._settle(name, version)
        return reports

    async def _fetch(self, name: str, version: ModelAlias) -> bool:
        """Puts a version among those to be served; False: it is not to be served any more."""
        if not self._is_named(name, version):
            return False
        if await self._models.is_elsewhere(name):
            raise RegistryError(
                f"A model repository has a model {name!r} too: rename one of the two."
            )
        tags = await self._fetches.fetch(
            name, version, is_named=lambda: self._is_named(name, version)
        )
        if tags is None:
            return False
        if REFUSED_TAG not in tags:
            self._untagged[name] = version
        if self._candidates.get(name) == version:
            await asyncio.to_thread(self._kept.mark_candidate, name, version)
        await asyncio.to_thread(self._kept.link, name, version)
        return True

    def _is_named(self, name: str, version: ModelAlias) -> bool:
        plan = self._plans.get(name)
        return plan is not None and version in (plan.champion, plan.candidate)

    async def _settle(self, name: str, version: ModelAlias) -> list[LoadReport]:
        """The wanted version serves: all go but it and its candidate."""
        candidate = self._candidates.get(name)
        wanted = {one.version for one in (version, candidate) if one is not None}
        for number in set(self._kept.versions(name)) - wanted:
            await asyncio.to_thread(self._kept.unlink, name, number)
        mark = candidate if self._marked(name, candidate) is not None else None
        await asyncio.to_thread(self._kept.mark_candidate, name, mark)
        await self._models.load_followed(name)
        await asyncio.to_thread(self._kept.tidy, name)
        self._refused.pop(name, None)
        if (beside := self._refused_candidates.get(name)) and beside.version != candidate:
            del self._refused_candidates[name]
        if self._metrics.served(name, version.version):
            log.info("registry_version_served", extra={"model": name, "version": version.version})
        return await self._untag(name, version)

    # --- rollouts ---

    async def _bring_candidate(self, name: str, candidate: ModelAlias) -> list[LoadReport]:
        """Loads what is to be rolled out, beside what serves."""
        number = candidate.version
        async with self._changes:
            try:
                self.rollouts.policy(name)
                if not await self._fetch(name, candidate):
                    return []
            except PenstockError as error:
                report = await self._models.refuse_followed(name, number, str(error))
                await self._refuse(name, candidate, str(error), self._refused_candidates)
                return [report]
            reports = await self._models.load_followed(name)
            if not self._models.serves(name, number):
                reason = _reason(reports, number)
                await self._refuse(name, candidate, reason, self._refused_candidates)
                return reports
        log.info("registry_candidate_loaded", extra={"model": name, "version": number})
        champion = self._champions.get(name)  # by now
        if champion is not None and self._is_to_begin(name, candidate):
            await self._begin(name, champion, candidate)
        return reports

    def _is_to_begin(self, name: str, candidate: ModelAlias) -> bool:
        if not self.rollouts.has_begun or self.rollouts.unsettled(name) is not None:
            return False
        wanted, refused = {name: candidate}, self._refused_candidates
        is_due = versions_to_try(wanted, {}, refused, now=self._clock())
        return bool(is_due) and self._serves(name, candidate)

    async def _begin(
        self, name: str, version: ModelAlias, candidate: ModelAlias
    ) -> list[LoadReport]:
        """Begins the rollout of a candidate that is loaded."""
        # What has a signature was compared with the champion's when it was fetched.
        allows_change = await asyncio.to_thread(self._fetches.has_signature, name, candidate)
        try:
            await self.rollouts.begin(
                name,
                stable=version.version,
                candidate=candidate.version,
                allows_change=allows_change,
            )
        except PenstockError as error:
            await self._refuse(name, candidate, str(error), self._refused_candidates)
            return []
        self._refused_candidates.pop(name, None)
        with suppress(RegistryError):  # a reason of before, which the next server takes away
            await self._process.note(name, candidate.version, "")
        return []

    async def _end(self, name: str, end: RolloutEnd, tried: ModelAlias | None) -> list[LoadReport]:
        """The registry wins over a rollout that goes on."""
        await self.rollouts.end(name, end)
        if self.rollouts.has_begun or tried is None:
            return []  # the next look finds the registry told
        self.rollouts.follow(name, tried.version, None)
        return await self._change_over(name, tried)

    async def _promote_first(self, name: str, version: ModelAlias) -> list[LoadReport]:
        """There is nothing to compare the first candidate with."""
        try:
            await self.rollouts.promote_first(name, version.version)
        except RegistryError as error:  # the next look tries it again
            log.warning("registry_not_noted", extra={"model": name, "reason": str(error)})
        return []

    async def _untag(self, name: str, version: ModelAlias) -> list[LoadReport]:
        """What serves is not refused, whatever a server that ran before has written there."""
        if self._untagged.get(name) != version:
            with suppress(RegistryError):  # the next look tries it again
                await self._process.note(name, version.version, "")
                self._untagged[name] = version
        return []

    async def _refuse(
        self, name: str, version: ModelAlias, reason: str, refused: dict[str, Refusal]
    ) -> None:
        before = refused.get(name)
        refused[name] = next_try(before, version, reason, now=self._clock())
        self._metrics.refused(name)
        if self._untagged.get(name) == version:
            del self._untagged[name]
        is_new = before is None or (before.version, before.reason) != (version, reason)
        if is_new:
            log.error(
                "registry_version_refused",
                extra={"model": name, "version": version.version, "reason": reason},
            )
        try:
            # Each time: another server may serve it, and have taken the reason away.
            await self._process.note(name, version.version, reason)
        except RegistryError as error:  # the registry may well be what is away
            if is_new:
                log.warning("registry_not_noted", extra={"model": name, "reason": str(error)})

    # --- models that the alias no longer names ---

    async def _alias_is_gone(self, name: str) -> list[LoadReport]:
        """Somebody took the alias away, or removed its version, which takes the alias along.

        The first is a decision; the second may be a mistake, and its version is served on.
        """
        candidate = self._kept.candidate(name)
        kept = [one for one in self._kept.versions(name) if one != candidate]
        served = [one for one in kept if self._models.serves(name, one)]
        is_there = [await self._process.has(name, number) for number in served]
        if name in self._champions:  # again
            return []
        why = "The alias champion was taken away, or its version."
        await self.rollouts.end(name, RolloutEnd(is_live=False, why=why))
        if any(is_there) or not served:
            await self._take_out(name)
        else:
            self._orphans.add(name)
            if candidate is not None:
                await asyncio.to_thread(self._kept.unlink, name, candidate)
                await self._models.load_followed(name)
            log.warning("registry_version_removed", extra={"model": name, "serving": "as before"})
        return []

    async def _take_out(self, name: str) -> None:
        log.info("registry_alias_removed", extra={"model": name, "alias": self._alias})
        await asyncio.to_thread(self._kept.remove, name)
        self.rollouts.leave(name)
        if not await self._models.is_elsewhere(name):
            await self._models.remove_followed(name)
        self._refused.pop(name, None)
        self._refused_candidates.pop(name, None)
        self._untagged.pop(name, None)
        self._metrics.removed(name)

    def _spawn(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def _reason(reports: list[LoadReport], number: int) -> str:
    found = [report.reason for report in reports if report.version == number and report.reason]
    return found[0] if found else "it could not be loaded"
