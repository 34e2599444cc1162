# SPDX-License-Identifier: Apache-2.0
"""Follows a registry: what its alias names is fetched, verified, loaded and served.

Lives on the control thread, whose loop nothing here blocks. Several models change over at a time,
each by itself. A version that cannot be fetched or loaded is refused, and the one before goes on:
the reason stands in the registry, in the log, in the index and in the answers of ModelReady.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol, TypeVar

from penstock.errors import PenstockError, RegistryError
from penstock.package.signature import SIGNATURE_FILE, ModelSignature, read_signature
from penstock.package.signature_change import signature_change
from penstock.registry.entries import ModelAlias
from penstock.registry.following import Refusal, next_try, versions_to_try
from penstock.registry.kept import KeptVersions
from penstock.registry.process import RegistryProcess
from penstock.registry.tags import (
    ARCHIVED_TAG,
    IS_ALLOWED,
    IS_ARCHIVED,
    REFUSED_TAG,
    SIGNATURE_CHANGE_TAG,
)
from penstock.repository.follower_metrics import FollowerMetrics
from penstock.repository.loader import LoadReport

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
        *,
        alias: str,
        seconds: float,
        bytes_max: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._process = process
        self._kept = kept
        self._models = models
        self._alias = alias
        self._seconds = seconds
        self._bytes_max = bytes_max
        self._clock = clock
        self._metrics = FollowerMetrics()
        self._refused: dict[str, Refusal] = {}
        self._untagged: dict[str, ModelAlias] = {}  # no tag of theirs says that they are refused
        self._wanted: Mapping[str, ModelAlias] = {}  # by the last look
        self._orphans: set[str] = set()  # served, and no longer in the registry
        self._busy: set[str] = set()
        self._changes = asyncio.Semaphore(CHANGES_AT_A_TIME)
        self._tasks: set[asyncio.Task[Any]] = set()
        self._first: asyncio.Task[dict[str, ModelAlias]] | None = None
        self._is_up = True

    # --- its life ---

    def begin(self) -> None:
        """Asks for the first time, while the server loads what was kept."""
        self._first = asyncio.ensure_future(self._process.look(self._alias))

    async def follow_first(self) -> list[LoadReport]:
        """Serves what the alias names now; returns when each model was tried, with what was new.

        Raises:
            RegistryError: the registry cannot be used, and nothing of it was kept.
        """
        assert self._first is not None
        try:
            wanted = await self._first
        except RegistryError as error:
            if not self._kept.names:
                raise
            self._went_away(error)
            for name in self._kept.names:
                self._tell_kept(name)
            return []
        self._came_back()
        for name in set(self._kept.names) - set(wanted):
            await self._take_out(name)
        changes = await asyncio.gather(*self._changes_to(wanted))
        return [report for reports in changes for report in reports]

    def start(self) -> None:
        """Follows from now on."""
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
        wanted = await self._process.look(self._alias)
        self._came_back()
        self._changes_to(wanted)
        known = {*await asyncio.to_thread(lambda: self._kept.names), *self._refused}
        for name in known - set(wanted) - self._busy - self._orphans:
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

    def _changes_to(self, wanted: Mapping[str, ModelAlias]) -> list[asyncio.Task[list[LoadReport]]]:
        """Begins what brings each model to its wanted version."""
        self._wanted = wanted
        self._metrics.wanted({name: one.version for name, one in wanted.items()})
        serving = {name: one for name, one in wanted.items() if self._serves(name, one)}
        self._orphans -= set(wanted)
        tried = versions_to_try(wanted, serving, self._refused, now=self._clock())
        tasks = [
            self._spawn(self._alone(name, self._change_over(name, version)))
            for name, version in tried.items()
            if name not in self._busy
        ]
        for name, version in serving.items():
            if name in self._busy:
                continue
            if set(self._kept.versions(name)) != {version.version}:
                tasks.append(self._spawn(self._alone(name, self._settle(name, version))))
            elif self._untagged.get(name) != version:  # kept by a server that ran here before
                self._tell_kept(name)
                self._spawn(self._alone(name, self._untag(name, version)))
        return tasks

    def _tell_kept(self, name: str) -> None:
        """Counts what is served of a model without a change-over."""
        for number in self._kept.versions(name):
            if self._models.serves(name, number):
                self._metrics.serves(name, number)

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

    async def _change_over(self, name: str, version: ModelAlias) -> list[LoadReport]:
        async with self._changes:
            before = self._kept.versions(name)
            try:
                if not await self._fetch(name, version):
                    return []
            except PenstockError as error:
                report = await self._models.refuse_followed(name, version.version, str(error))
                await self._refuse(name, version, str(error))
                return [report]
            reports = await self._models.load_followed(name)
            if not self._models.serves(name, version.version):
                if version.version in before:  # of a model that was made anew
                    await asyncio.to_thread(self._kept.link, name, before[version.version])
                await self._refuse(name, version, _reason(reports, version.version))
                return reports
        # The version before may have long to answer: no other model waits for that.
        await self._settle(name, version)
        return reports

    async def _fetch(self, name: str, version: ModelAlias) -> bool:
        """Fetches a version and puts it among those to be served.

        False: the alias has moved on meanwhile, and this version is not to be served at all.
        """
        if self._wanted.get(name) != version:
            return False
        if await self._models.is_elsewhere(name):
            raise RegistryError(
                f"A model repository has a model {name!r} too: rename one of the two."
            )
        fetched = await asyncio.to_thread(self._kept.begin)
        try:
            room = self._bytes_max - await asyncio.to_thread(lambda: self._kept.size)
            tags = await self._process.fetch(name, version.version, fetched, room)
            if REFUSED_TAG not in tags:
                self._untagged[name] = version
            if tags.get(ARCHIVED_TAG) == IS_ARCHIVED:
                raise RegistryError(
                    f"Version {version.version} of {name!r} is archived: `penstock registry "
                    "archive --undo`, or let the alias name another one."
                )
            if tags.get(SIGNATURE_CHANGE_TAG) != IS_ALLOWED:
                await asyncio.to_thread(self._check_signature, name, version, fetched)
            if self._wanted.get(name) != version:
                return False
            await asyncio.to_thread(self._kept.keep, name, version, fetched)
            await asyncio.to_thread(self._kept.link, name, version)
            return True
        finally:
            await asyncio.to_thread(self._kept.drop, fetched)

    def _check_signature(self, name: str, version: ModelAlias, fetched: Path) -> None:
        """Raises RegistryError if clients of the version that is served would notice."""
        new = _signature(fetched)
        for number, other in self._kept.versions(name).items():
            old = _signature(self._kept.folder(name, other))
            is_compared = self._models.serves(name, number) and number != version.version
            if not is_compared or old is None or new is None:
                continue
            if differs := signature_change(old, new):
                raise RegistryError(
                    f"The signature of version {version.version} of {name!r} is not that of "
                    f"version {number}, which is served: {differs}. Allow it by `penstock registry "
                    "promote --allow-signature-change`."
                )

    async def _settle(self, name: str, version: ModelAlias) -> list[LoadReport]:
        """The wanted version serves: the others go."""
        for number in set(self._kept.versions(name)) - {version.version}:
            await asyncio.to_thread(self._kept.unlink, name, number)
        await self._models.load_followed(name)
        await asyncio.to_thread(self._kept.tidy, name)
        self._refused.pop(name, None)
        self._metrics.served(name, version.version)
        log.info("registry_version_served", extra={"model": name, "version": version.version})
        return await self._untag(name, version)

    async def _untag(self, name: str, version: ModelAlias) -> list[LoadReport]:
        """What serves is not refused, whatever a server that ran before has written there."""
        if self._untagged.get(name) != version:
            with suppress(RegistryError):  # the next look tries it again
                await self._process.note(name, version.version, "")
                self._untagged[name] = version
        return []

    async def _refuse(self, name: str, version: ModelAlias, reason: str) -> None:
        before = self._refused.get(name)
        self._refused[name] = next_try(before, version, reason, now=self._clock())
        self._metrics.refused(name)
        self._untagged.pop(name, None)
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
        served = [one for one in self._kept.versions(name) if self._models.serves(name, one)]
        is_there = [await self._process.has(name, number) for number in served]
        if name in self._wanted:  # again
            return []
        if any(is_there) or not served:
            await self._take_out(name)
        else:
            self._orphans.add(name)
            log.warning("registry_version_removed", extra={"model": name, "serving": "as before"})
        return []

    async def _take_out(self, name: str) -> None:
        log.info("registry_alias_removed", extra={"model": name, "alias": self._alias})
        await asyncio.to_thread(self._kept.remove, name)
        if not await self._models.is_elsewhere(name):
            await self._models.remove_followed(name)
        self._refused.pop(name, None)
        self._untagged.pop(name, None)
        self._metrics.removed(name)

    def _spawn(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def _signature(folder: Path) -> ModelSignature | None:
    path = folder / SIGNATURE_FILE
    return read_signature(path) if path.is_file() else None


def _reason(reports: list[LoadReport], number: int) -> str:
    found = [report.reason for report in reports if report.version == number and report.reason]
    return found[0] if found else "it could not be loaded"
