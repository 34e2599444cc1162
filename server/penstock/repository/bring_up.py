# SPDX-License-Identifier: Apache-2.0
"""Brings one model to what its configuration wants, or takes it out of service.

Lives on the control thread; the caller holds the model's record. What blocks runs in two pools:
loads in one, unloads in the other, for they wait until accepted requests are answered.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import TypeVar, TypeVarTuple

from penstock.engine import Engine
from penstock.errors import EngineError
from penstock.repository.changes import versions_to_load, versions_to_unload
from penstock.repository.layout import FoundModel
from penstock.repository.loader import LOAD_ERRORS, LOADING, Examined, LoadReport, ModelLoader
from penstock.repository.override import Override
from penstock.repository.records import ModelRecord
from penstock.repository.snapshot import take_snapshot

__all__ = ["ModelLifts"]

T = TypeVar("T")
Args = TypeVarTuple("Args")


class ModelLifts:
    """Loads into `engine` with `loader`, on `threads` threads, and as many for unloads."""

    def __init__(self, engine: Engine, loader: ModelLoader, threads: int) -> None:
        self._engine = engine
        self._loader = loader
        self._loads = ThreadPoolExecutor(threads, "penstock-load")
        self._unloads = ThreadPoolExecutor(threads, "penstock-unload")

    def shut(self) -> None:
        """Begins no further load; one that runs is not waited for."""
        for pool in (self._loads, self._unloads):
            pool.shutdown(wait=False, cancel_futures=True)

    async def bring_up(
        self, record: ModelRecord, model: FoundModel, override: Override | None = None
    ) -> list[LoadReport]:
        """Loads each version that is wanted and not as it should be; then unloads the others.

        A version that fails leaves what was serving as it is.
        """
        before = record.overrides
        try:
            reports = await self._load_all(record, model, override)
        finally:
            await self._drop_unused(record, [*before, *([override] if override else [])])
        return reports

    async def _load_all(
        self, record: ModelRecord, model: FoundModel, override: Override | None
    ) -> list[LoadReport]:
        is_repository = override is None and not record.overrides
        tried = record.tried if is_repository else None
        written = override.written if override else None
        record.is_duplicate = False
        if model.versions and not record.serving:
            # Before it is read: "no such model" would be taken for the caller's own mistake.
            self.begin(record, model.versions[-1])
        # Before anything is read: what changes from now on is found to have changed.
        try:
            snapshot = await _in(self._loads, take_snapshot, model.folder, model.versions)
            record.tried = snapshot if override is None else None
            examined = await _in(self._loads, self._loader.examine, model, snapshot, written)
        except LOAD_ERRORS as error:
            return [self.refuse(record, model.versions, error)]
        wanted = examined.wanted
        numbers = versions_to_load(wanted, record.serving, now=snapshot, tried=tried)
        for number in numbers:
            if not record.version(number).is_serving:
                self.begin(record, number)
        reports = [await self._load_one(record, examined, n, override) for n in numbers]
        gone = versions_to_unload(wanted, record.serving, list(record.versions))
        # A reload left the memory of the version before, too.
        await self.take_down(record, gone, trims=bool(numbers))
        record.forget_gone([*model.versions, *wanted])
        return reports

    def begin(self, record: ModelRecord, number: int) -> None:
        """Whoever asks for the version from now on is told that it is being loaded."""
        record.version(number).loading(LOADING)
        self._engine.set_failed(record.name, number, LOADING)

    async def _load_one(
        self, record: ModelRecord, examined: Examined, number: int, override: Override | None
    ) -> LoadReport:
        version = record.version(number)
        is_serving = version.is_serving
        report = await _in(self._loads, self._load, examined, number, is_serving)
        if report.loaded is None:
            version.failed(report.reason)
        else:
            version.ready(report.config, override)
        return report

    def _load(self, examined: Examined, number: int, is_serving: bool) -> LoadReport:
        return self._loader.load(examined, number, is_serving=is_serving)

    def refuse(
        self, record: ModelRecord, versions: Sequence[int], error: Exception | str
    ) -> LoadReport:
        """A model of which no version can be tried: `error` stands for all it has."""
        number = max(versions, default=1)
        serving = record.serving
        report = self._loader.failed(record.name, number, error, is_serving=bool(serving))
        for each in serving or [number]:
            record.version(each).failed(report.reason)
        return report

    async def take_down(
        self, record: ModelRecord, numbers: Iterable[int], *, trims: bool = False
    ) -> None:
        """Unloads these versions; returns when what they had accepted is answered."""
        going = [number for number in numbers if record.version(number).is_told]
        before = record.overrides
        for number in going:
            record.version(number).unloading()
        await asyncio.gather(
            *(_in(self._unloads, self._unload, record.name, number) for number in going)
        )
        for number in going:
            record.version(number).unloaded()
        if going or trims:
            await _in(self._unloads, self._engine.trim_memory)
        await self._drop_unused(record, before)

    def _unload(self, name: str, number: int) -> None:
        try:
            self._engine.unload(name, number)
        except EngineError as error:
            if error.code != "NOT_FOUND":  # it is what was wanted
                raise

    async def _drop_unused(self, record: ModelRecord, overrides: Iterable[Override]) -> None:
        used = {id(one) for one in record.overrides}
        for one in overrides:
            if id(one) not in used:
                await asyncio.to_thread(one.drop)


async def _in(pool: Executor, work: Callable[[*Args], T], *arguments: *Args) -> T:
    return await asyncio.get_running_loop().run_in_executor(pool, work, *arguments)
