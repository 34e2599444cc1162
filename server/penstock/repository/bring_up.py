# SPDX-License-Identifier: Apache-2.0
"""Brings one model to what its configuration wants, or takes it out of service.

Lives on the control thread; the caller holds the model's record. What blocks runs in two pools:
loads in one, unloads in the other, for they wait until accepted requests are answered.
"""

import asyncio
import gc
import logging
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar, TypeVarTuple

from penstock.backends.python_class import forget_modules
from penstock.drift.served import EarlyWatch, ServedListener, ServedVersion
from penstock.engine import Engine, LoadedVersion, UnservedVersion
from penstock.errors import EngineError, PenstockError
from penstock.package.signature import sensitive_inputs
from penstock.repository.changes import versions_to_load, versions_to_unload
from penstock.repository.layout import FoundModel
from penstock.repository.loader import LOAD_ERRORS, LOADING, Examined, LoadReport, ModelLoader
from penstock.repository.memory import ModelMemory, NoRoomError
from penstock.repository.override import Override
from penstock.repository.records import ModelRecord, Records
from penstock.repository.snapshot import take_snapshot
from penstock.rollout.read import route_of_folder
from penstock.rollout.spec import RouteFileSpec
from penstock.rollout.standing import Standing

__all__ = ["ModelLifts"]

log = logging.getLogger(__name__)

T = TypeVar("T")
Args = TypeVarTuple("Args")


class ModelLifts:
    """Loads into `engine` with `loader`, on `threads` threads, and as many for unloads.

    What `standing` holds stays loaded, and it says which version answers while another one comes.
    `listener` is told which versions are in memory.

    Loaded models take `budget` bytes at most, by estimate; 0 is no bound.
    """

    def __init__(
        self,
        engine: Engine,
        loader: ModelLoader,
        records: Records,
        standing: Standing,
        listener: ServedListener,
        *,
        threads: int,
        budget: int,
    ) -> None:
        self._engine = engine
        self._standing = standing
        self._listener = listener
        self._loader = loader
        self._memory = ModelMemory(engine, records, self.lay_down, budget)
        self._loads = ThreadPoolExecutor(threads, "penstock-load")
        self._unloads = ThreadPoolExecutor(threads, "penstock-unload")

    def shut(self) -> None:
        """Begins no further load; one that runs is not waited for."""
        for pool in (self._loads, self._unloads):
            pool.shutdown(wait=False, cancel_futures=True)

    async def bring_up(
        self,
        record: ModelRecord,
        model: FoundModel,
        override: Override | None = None,
        *,
        is_asked: bool = False,
    ) -> list[LoadReport]:
        """Loads each version that is wanted and not as it should be; then unloads the others.

        A version that fails leaves what was serving as it is. Unless it `is_asked` for, a lazy
        model's versions are only laid down asleep; of these there is no report.
        """
        before = record.overrides
        try:
            reports = await self._load_all(record, model, override, is_asked)
        finally:
            await self._drop_unused(record, [*before, *([override] if override else [])])
        return reports

    async def _load_all(
        self, record: ModelRecord, model: FoundModel, override: Override | None, is_asked: bool
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
        await self._set_route(model)
        wanted = self._wanted(examined)
        before = record.serving
        serving = set(record.loaded if is_asked else record.serving) & set(record.current)
        numbers = versions_to_load(wanted, sorted(serving), now=snapshot, tried=tried)
        new = [number for number in numbers if number not in before]
        rolled = {n for n in new if self._standing.before_load(model.name, n, model.folder, before)}
        if examined.is_lazy and not is_asked:
            for number in [n for n in numbers if not record.version(n).is_loaded]:
                if number not in rolled:
                    numbers.remove(number)
                    await self.lay_down(record, number, override, examined)
        for number in numbers:
            if not record.version(number).is_serving:
                self.begin(record, number)
        reports = [await self._load_one(record, examined, n, override) for n in numbers]
        self._standing.after_loads(model.name, record.serving)
        # A reload left the memory of the version before, too.
        await self.take_down(record, self._unwanted(record, examined), trims=bool(numbers))
        record.forget_gone([*model.versions, *wanted])
        self._standing.after_load(model.name, record.serving)
        return reports

    async def let_go(self, record: ModelRecord) -> None:
        """Unloads what only a rollout held. Loads nothing: nobody asked for it."""
        last = max(record.versions.values(), key=lambda one: one.loaded_ms, default=None)
        if last is not None and last.source is not None:
            await self.take_down(record, self._unwanted(record, last.source))

    def _unwanted(self, record: ModelRecord, examined: Examined) -> list[int]:
        """What a new version is compared with is wanted too, also without its files."""
        held = self._standing.held(record.name) & {*record.serving}
        known = [number for number in record.versions if number not in held]
        return versions_to_unload(self._wanted(examined), record.serving, known)

    def _wanted(self, examined: Examined) -> list[int]:
        held = self._standing.held(examined.model.name) & {*examined.model.versions}
        return sorted({*examined.wanted, *held})

    async def _set_route(self, model: FoundModel) -> None:
        try:
            route = await _in(self._loads, _route_of, model)
        except PenstockError as error:
            log.error("route_refused", extra={"model": model.name, "reason": str(error)})
        else:
            self._standing.set_route(model.name, route)

    def begin(self, record: ModelRecord, number: int) -> None:
        """Whoever asks for the version from now on is told that it is being loaded."""
        record.version(number).loading(LOADING)
        self._engine.set_failed(record.name, number, LOADING)

    async def _load_one(
        self, record: ModelRecord, examined: Examined, number: int, override: Override | None
    ) -> LoadReport:
        version = record.version(number)
        is_serving = version.is_loaded
        try:
            async with self._memory.room(record, number, examined):
                report, early = await _in(self._loads, self._load, examined, number, is_serving)
                if report.loaded is not None:
                    version.ready(report.config, override, examined)
                    self._listener.served(_served(number, examined, report.loaded), early)
        except NoRoomError as error:
            if version.is_asleep:  # as it was before; the requests that wait are refused
                await _in(self._unloads, self._engine.set_asleep, record.name, number, str(error))
                return LoadReport(name=record.name, version=number, seconds=0.0, reason=str(error))
            report = self._loader.failed(record.name, number, error, is_serving=is_serving)
        if report.loaded is None:
            version.failed(report.reason)
        return report

    async def lay_down(
        self, record: ModelRecord, number: int, override: Override | None, source: Examined
    ) -> None:
        """Lets a version sleep: one that is loaded leaves the memory once it has answered."""
        was_loaded = record.version(number).is_loaded
        record.version(number).asleep(override, source)
        log.info("model_asleep", extra={"model": record.name, "version": number})
        await _in(self._unloads, self._engine.set_asleep, record.name, number)
        if was_loaded:
            self._listener.unserved(record.name, number)
            await _in(self._unloads, self._free, [source.model.version_folder(number)])

    async def wake(self, record: ModelRecord, number: int) -> None:
        """Loads a version that is asleep; one that is not stays as it is."""
        version = record.versions.get(number)
        if version is not None and version.is_asleep and version.source is not None:
            before = record.overrides
            await self._load_one(record, version.source, number, version.override)
            await self._drop_unused(record, before)

    def _load(
        self, examined: Examined, number: int, is_serving: bool
    ) -> tuple[LoadReport, EarlyWatch | None]:
        early: EarlyWatch | None = None

        def coming(loaded: LoadedVersion, unserved: UnservedVersion) -> None:
            nonlocal early
            early = self._listener.coming(_served(number, examined, loaded), unserved)

        report = self._loader.load(examined, number, is_serving=is_serving, before_served=coming)
        return report, early

    def refuse(
        self, record: ModelRecord, versions: Sequence[int], error: Exception | str
    ) -> LoadReport:
        """A model of which no version can be tried: `error` stands for all it has."""
        number = max(versions, default=1)
        loaded = record.loaded
        # What is asleep could not be woken: the engine is told, or its requests would wait on.
        refused = [each for each in record.serving if each not in loaded]
        if not loaded and not refused:
            refused = [number]
        reports = [self._loader.failed(record.name, each, error) for each in refused]
        if not reports:
            reports = [self._loader.failed(record.name, number, error, is_serving=True)]
        for each in (*loaded, *refused):
            record.version(each).failed(reports[0].reason)
        return reports[0]

    def refuse_version(self, record: ModelRecord, number: int, reason: str) -> LoadReport:
        """One version that cannot be tried; all others stay as they are."""
        is_serving = record.version(number).is_loaded
        report = self._loader.failed(record.name, number, reason, is_serving=is_serving)
        record.version(number).failed(reason)
        return report

    async def take_down(
        self, record: ModelRecord, numbers: Iterable[int], *, trims: bool = False
    ) -> None:
        """Unloads these versions; returns when what they had accepted is answered."""
        going = [number for number in numbers if record.version(number).is_told]
        before = record.overrides
        folders = [
            source.model.version_folder(number)
            for number in going
            if (source := record.version(number).source)
        ]
        for number in going:
            record.version(number).unloading()
        await asyncio.gather(
            *(_in(self._unloads, self._unload, record.name, number) for number in going)
        )
        for number in going:
            record.version(number).unloaded()
            self._listener.unserved(record.name, number)
        if going or trims:
            await _in(self._unloads, self._free, folders)
        await self._drop_unused(record, before)

    def _free(self, folders: Sequence[Path]) -> None:
        """Gives back what the unloaded versions of these folders leave behind."""
        if sum(map(forget_modules, folders)):
            gc.collect()  # a module and its functions hold one another
        self._engine.trim_memory()

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


def _served(number: int, examined: Examined, loaded: LoadedVersion) -> ServedVersion:
    return ServedVersion(
        model=loaded.name,
        version=number,
        folder=examined.model.folder,
        files=examined.model.version_folder(number),
        file_bytes=examined.file_bytes(number),
        inputs=loaded.inputs,
        outputs=loaded.outputs,
        has_batches=loaded.batch_rows_max > 0,
    )


def _route_of(model: FoundModel) -> RouteFileSpec | None:
    """What route.toml says; what the versions' packages call sensitive is, to its shadows.

    Blocks. Raises PenstockError.
    """
    route = route_of_folder(model.folder)
    if route is None or not route.shadows:
        return route
    told = {n for one in model.versions for n in sensitive_inputs(model.version_folder(one))}
    shadows = tuple(
        one.model_copy(update={"sensitive": tuple(sorted({*one.sensitive, *told}))})
        for one in route.shadows
    )
    return route.model_copy(update={"shadows": shadows})


async def _in(pool: Executor, work: Callable[[*Args], T], *arguments: *Args) -> T:
    return await asyncio.get_running_loop().run_in_executor(pool, work, *arguments)
