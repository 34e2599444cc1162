# SPDX-License-Identifier: Apache-2.0
"""Loads and unloads models while the server runs: what `RepositoryControl` asks for, and polling.

Lives on the control thread, whose loop nothing here blocks. Loads and unloads of one model follow
one another; those of several go on at a time. A call whose client went away is finished all the
same.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from penstock.config import ServerOptions
from penstock.control.parts import IndexEntry, LoadWish
from penstock.drift.served import NobodyListens, ServedListener
from penstock.engine import Engine
from penstock.errors import ControlError, RepositoryError
from penstock.registry.kept import KeptVersions
from penstock.repository.bounded_calls import BoundedCalls
from penstock.repository.bring_up import ModelLifts
from penstock.repository.changes import QUIET_NS, PollChanges, poll_changes
from penstock.repository.config_file import ModelConfig
from penstock.repository.instances import Machine
from penstock.repository.layout import FoundModel, Survey, survey
from penstock.repository.loader import LoadReport, ModelLoader
from penstock.repository.override import Override, read_override
from penstock.repository.records import DUPLICATE, Records, State
from penstock.repository.snapshot import ModelSnapshot, take_snapshots
from penstock.repository.sources import Sources
from penstock.repository.startup import models_at_start, models_to_fetch
from penstock.repository.wakes import Wakes
from penstock.rollout.standing import Standing

__all__ = ["NOT_EXPLICIT", "RepositoryController"]

log = logging.getLogger(__name__)

T = TypeVar("T")

#: What is said to be loaded of a remote model, until its files are here and tell.
GUESSED_VERSION = 1

#: Triton's words, in both modes that have no such calls.
NOT_EXPLICIT = "explicit model load / unload is not allowed if polling is enabled"
NOT_POLLED = "failed to poll from model repository"


class RepositoryController:
    """The models of the repositories that `options` name, in `engine`.

    Made, started and stopped by `app`. `load_failures` counts the loads that failed.
    """

    def __init__(
        self,
        engine: Engine,
        options: ServerOptions,
        machine: Machine,
        standing: Standing | None = None,
        listener: ServedListener | None = None,
    ) -> None:
        self._options = options
        loader = ModelLoader(engine, options, machine)
        self.load_failures = loader.failures
        self._engine = engine
        self._records = Records()
        self._lifts = ModelLifts(
            engine,
            loader,
            self._records,
            standing or Standing.without_rollouts(),
            listener or NobodyListens(),
            threads=options.model_load_thread_count,
            budget=options.model_memory_budget,
        )
        self._sources = Sources(options)
        self._repositories = self._sources.folders
        self._followed: set[str] = set(self.kept.names if self.kept else ())
        self._tasks: set[asyncio.Task[Any]] = set()
        self._calls = BoundedCalls(self._spawn)
        self._wakes = Wakes(engine, self._lifts, self._records, self._spawn)
        self._looked: dict[str, ModelSnapshot] = {}
        self._announced: tuple[Survey, Sequence[str]] | None = None
        self._note_changed: Callable[[], None] = lambda: None

    # --- the life of the server ---

    async def announce(self) -> None:
        """Finds what start() will load, and says that it is being loaded.

        Before anybody can ask: "no such model" would be taken for the caller's own mistake.
        Raises RepositoryError if a repository cannot be read, OptionsError if flags contradict.
        """
        asyncio.get_running_loop().add_reader(self._engine.wakes_fd, self._wakes.take)
        remote = await self._sources.names_at_start()
        found = await self._survey()
        for folder in found.unnamed:
            log.warning("model_folder_ignored", extra={"folder": folder, "reason": "no UTF-8"})
        names = self._names_at_start(found, remote)
        for name in names:
            if (model := found.models.get(name)) and model.versions:
                version = model.versions[-1]
            elif name in remote:
                version = GUESSED_VERSION
            else:
                continue
            async with self._records.held(name) as record:
                self._lifts.begin(record, version)
        self._announced = found, names

    async def start(self) -> list[LoadReport]:
        """Loads what is to be there from the start; returns when each was tried.

        Raises what announce() does, which need not be called before.
        """
        if self._announced is None:
            await self.announce()
        assert self._announced is not None
        found, names = self._announced
        if self._sources.has_remotes:
            asked = models_to_fetch(self._options.model_control_mode, self._options.load_model)
            await self._sources.fetch_at_start(asked, self._records.held)
            found = await self._survey()
            names = sorted({*names, *self._names_at_start(found, self._sources.unfetched)})
            for name, model in found.models.items():
                await self._correct_guess(name, model)
        tasks = [self._spawn(self._load_found(name, found)) for name in names]
        return [report for reports in await asyncio.gather(*tasks) for report in reports]

    def _names_at_start(self, found: Survey, remote: Iterable[str]) -> list[str]:
        mode, asked = self._options.model_control_mode, self._options.load_model
        names = models_at_start(mode, asked, sorted({*found.names, *remote}))
        return list(dict.fromkeys([*names, *(self.kept.names if self.kept else ())]))

    async def _correct_guess(self, name: str, model: FoundModel) -> None:
        if GUESSED_VERSION not in model.versions and self._records.get(name) is not None:
            async with self._records.held(name) as record:
                if model.versions:
                    self._lifts.begin(record, model.versions[-1])
                await self._lifts.take_down(record, [GUESSED_VERSION])
                record.forget_gone(model.versions)

    @property
    def has_failures(self) -> bool:
        """Whether some version was to be loaded and could not be, and was not unloaded since."""
        return any(record.has_failures for record in self._records)

    @property
    def asleep(self) -> int:
        """How many versions are loaded when a request asks for them, and are not now."""
        return sum(one.is_asleep for record in self._records for one in record.versions.values())

    def when_changed(self, tell: Callable[[], None]) -> None:
        """`tell` is called now, and whenever something was loaded or unloaded or has failed."""
        self._note_changed = tell
        tell()

    def start_polling(self) -> None:
        """From now on changes of the repositories are followed, in the mode that does."""
        if self._options.model_control_mode == "poll" and self._options.repository_poll_secs:
            self._spawn(self._poll_for_ever(self._options.repository_poll_secs))

    async def stop(self) -> None:
        """Begins nothing more; what is being loaded is let go."""
        asyncio.get_running_loop().remove_reader(self._engine.wakes_fd)
        for task in self._tasks:
            task.cancel()
        await self.idle()
        self._lifts.shut()
        for record in self._records:
            for override in record.overrides:
                await asyncio.to_thread(override.drop)
        await asyncio.to_thread(self._sources.close)

    async def idle(self) -> None:
        """Returns when nothing is being loaded or unloaded any more."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    # --- RepositoryControl ---

    async def index(self, *, repository: str = "", ready_only: bool = False) -> list[IndexEntry]:
        """All models, by name and version; with `repository` those of this one."""
        found = await self._survey(repository)
        names = set(found.names)
        if self._options.model_control_mode == "explicit" and not ready_only:
            names |= await self._sources.names(self._folders(repository))
        if not repository:
            names |= {record.name for record in self._records}
        entries: list[IndexEntry] = []
        for name in sorted(names):
            record = self._records.get(name)
            if record is not None and record.versions:
                entries += record.entries()
            elif name in found.duplicates:
                entries.append(IndexEntry(name=name, state=State.UNAVAILABLE, reason=DUPLICATE))
            else:
                entries.append(IndexEntry(name=name))
        return [entry for entry in entries if not ready_only or entry.state == State.READY]

    async def load(self, wish: LoadWish) -> None:
        """Loads a model, or loads it again if it is not as its files are.

        Raises ControlError if that is not allowed here, or if a wanted version fails. What
        was serving goes on in that case.
        """
        self._check_explicit()
        await self._calls.do(self._load_wish(wish))

    async def unload(self, model: str, *, unload_dependents: bool = False) -> None:
        """Takes a model out of service; returns when what it had accepted is answered.

        A model that is not loaded is not loaded afterwards: that is no error. Nothing depends on
        another model yet, so `unload_dependents` changes nothing.
        """
        self._check_explicit()
        await self._calls.do(self._unload_model(model))

    def config(self, model: str, version: str = "") -> ModelConfig:
        """The completed configuration of a loaded version; empty: of the highest one."""
        record = self._records.get(model)
        numbers = [] if record is None else record.serving or sorted(record.versions)
        if version:
            numbers = [n for n in (record.versions if record else ()) if str(n) == version]
        if record is None or not numbers:
            which = f" version {version}" if version else ""
            raise ControlError(
                f"Request for unknown model: '{model}'{which} is not found", code="NOT_FOUND"
            )
        found = record.versions[numbers[-1]]
        if not found.is_serving or found.config is None:
            raise ControlError(
                f"Request for unknown model: '{model}' version {numbers[-1]} is at {found.state} "
                f"state: {found.reason}",
                code="UNAVAILABLE",
            )
        return found.config

    # --- calls ---

    def _check_explicit(self) -> None:
        if self._options.model_control_mode != "explicit":
            raise ControlError(NOT_EXPLICIT, code="UNAVAILABLE")

    async def _load_wish(self, wish: LoadWish) -> None:
        async with self._records.held(wish.model) as record:
            try:
                override = await self._override(wish)
                model = override.model if override else None
                model = model or await self._located(wish.model, wish.repository)
            except RepositoryError as error:
                raise ControlError(
                    f"failed to load '{wish.model}', {NOT_POLLED}: {error}", code=error.code
                ) from None
            reports = await self._lifts.bring_up(record, model, override, is_asked=True)
        told = "; ".join(
            f"version {one.version} is at UNAVAILABLE state: {one.reason}"
            for one in reports
            if one.loaded is None
        )
        if told:
            raise ControlError(
                f"failed to load '{wish.model}', load failed for model '{wish.model}': {told}",
                code="INVALID_ARGUMENT",
            )

    async def _override(self, wish: LoadWish) -> Override | None:
        """What `wish` brings, written down: whoever is cancelled meanwhile leaves no files."""
        reading = asyncio.ensure_future(
            asyncio.to_thread(
                read_override,
                wish,
                allows_files=self._options.allow_model_file_override,
                bytes_max=self._options.model_file_override_bytes_max,
            )
        )
        try:
            return await asyncio.shield(reading)
        except asyncio.CancelledError:
            with suppress(RepositoryError):
                if override := await reading:
                    await asyncio.to_thread(override.drop)
            raise

    async def _located(self, name: str, repository: str) -> FoundModel:
        await self._sources.fetch_model(name, self._folders(repository))
        found = await self._survey(repository)
        if name in found.duplicates:
            raise RepositoryError(f"{DUPLICATE}.")
        if name not in found.models:
            where = f"repository {repository!r}" if repository else "a repository"
            raise ControlError(
                f"failed to load '{name}', {NOT_POLLED}: wanted {where} that has a folder of this "
                "name.",
                code="INTERNAL",
            )
        return found.models[name]

    async def _unload_model(self, name: str) -> None:
        async with self._records.held(name) as record:
            await self._lifts.take_down(record, list(record.versions))
            record.tried = None

    # --- what the repositories hold ---

    async def _survey(self, repository: str = "") -> Survey:
        return await asyncio.to_thread(survey, self._folders(repository))

    def _folders(self, repository: str) -> list[Path]:
        """The folder of the repository of this name: as it was given, or its last part."""
        if not repository:
            return list(self._repositories.values())
        for name, folder in self._repositories.items():
            if repository in (name, Path(name).name):
                return [folder]
        raise ControlError(
            f"there is no repository {repository!r}: wanted one of "
            f"{', '.join(self._repositories)}, or none to mean all of them.",
            code="INVALID_ARGUMENT",
        )

    async def _load_found(
        self, name: str, found: Survey, *, is_asked: bool = False
    ) -> list[LoadReport]:
        async with self._records.held(name) as record:
            if model := found.models.get(name):
                reports = await self._lifts.bring_up(record, model, is_asked=is_asked)
            else:
                await self._lifts.take_down(record, list(record.versions))
                record.versions.clear()
                record.is_duplicate = name in found.duplicates
                same = found.duplicates.get(name, ())
                versions = [number for model in same for number in model.versions]
                reason = self._sources.unfetched.get(name, NOT_POLLED)
                reason = DUPLICATE if record.is_duplicate else reason
                reports = [self._lifts.refuse(record, versions, reason)]
        return reports

    # --- FollowedModels ---

    @property
    def kept(self) -> KeptVersions | None:
        """What is kept of the registry, if one is followed."""
        return self._sources.kept

    async def load_followed(self, name: str) -> list[LoadReport]:
        """Loads what is kept of a model and is not serving; unloads what is not kept."""
        self._followed.add(name)
        found, record = await self._survey(), self._records.get(name)
        # What takes another one's place has to be tried, though its model may be lazy.
        now = set(record.serving if record else ())
        is_asked = bool(now) and name in found.models and not now >= {*found.models[name].versions}
        return await self._spawn(self._load_found(name, found, is_asked=is_asked))

    async def remove_followed(self, name: str) -> None:
        """Takes a model out of service; returns when what it had accepted is answered."""
        self._followed.discard(name)
        await self._spawn(self._remove(name))

    async def refuse_followed(self, name: str, number: int, reason: str) -> LoadReport:
        """Says why a version is not served; what serves goes on."""
        self._followed.add(name)
        async with self._records.held(name) as record:
            report = self._lifts.refuse_version(record, number, reason)
        self._note_changed()
        return report

    async def is_elsewhere(self, name: str) -> bool:
        """Whether another repository than the registry's has a model of this name."""
        own = self.kept.models if self.kept else None
        others = [folder for folder in self._repositories.values() if folder != own]
        return name in (await asyncio.to_thread(survey, others)).names

    # --- rollouts ---

    @property
    def records(self) -> Records:
        """What is known of the models, to be read on the control thread."""
        return self._records

    def settle(self, model: str) -> None:
        """Unloads what only a rollout held."""
        self._spawn(self._settle(model))

    async def _settle(self, name: str) -> None:
        async with self._records.held(name) as record:
            await self._lifts.let_go(record)

    def serves(self, name: str, number: int) -> bool:
        """Whether requests reach this version as it was loaded last, or a client unloaded it."""
        record = self._records.get(name)
        return record is not None and number in (*record.current, *record.unloaded)

    def _is_followed(self, name: str, found: Survey) -> bool:
        """Whether the registry decides over a model, and not what a folder holds."""
        if model := found.models.get(name):
            return self.kept is not None and model.folder.parent == self.kept.models
        return name in self._followed and name not in found.duplicates

    # --- polling ---

    async def _poll_for_ever(self, seconds: float) -> None:
        quiet_s = QUIET_NS / 1e9
        changes = PollChanges()
        while True:
            await asyncio.sleep(min(seconds, quiet_s) if changes.unsettled else seconds)
            try:
                changes = await self.poll(time.time_ns())
            except (RepositoryError, OSError) as error:
                # What serves goes on: a file system that is away for a moment removes no model.
                log.error("repository_not_polled", extra={"reason": str(error)})

    async def poll(self, now_ns: int) -> PollChanges:
        """Looks once at all repositories, and begins what follows from it.

        Models that are being loaded or unloaded are left for the next look, and so are known ones
        whose folders cannot be read. Raises RepositoryError or OSError if a repository cannot be
        read; nothing is done then.
        """
        await self._sources.fetch_changes(self._records.held, self._busy)
        found = await self._survey()
        snapshots, unread = await asyncio.to_thread(take_snapshots, found)
        # One whose first fetch failed has no folder yet, and is not gone.
        busy = self._busy | (set(self._sources.unfetched) - set(found.names))
        busy |= {name for name in {*found.names, *self._followed} if self._is_followed(name, found)}
        for name, reason in unread.items():
            if self._records.get(name) is None:
                snapshots[name] = ModelSnapshot()  # a load will say why
            else:
                busy.add(name)
                log.error("model_not_polled", extra={"model": name, "reason": reason})
        known = {
            record.name: record.tried
            for record in self._records
            if not (record.is_duplicate and record.name in found.duplicates)
        }
        changes = poll_changes(
            {name: tried for name, tried in known.items() if name not in busy},
            {name: now for name, now in snapshots.items() if name not in busy},
            looked=self._looked,
            now_ns=now_ns,
        )
        self._looked = snapshots
        for name in changes.load:
            log.info("model_changed", extra={"model": name})
            self._spawn(self._load_found(name, found))
        new_duplicates = set(found.duplicates) - {record.name for record in self._records}
        for name in sorted({*changes.unload, *new_duplicates} - busy):
            is_removed = name not in found.duplicates
            self._spawn(self._remove(name) if is_removed else self._load_found(name, found))
        return changes

    @property
    def _busy(self) -> set[str]:
        """The models that are being loaded or unloaded."""
        return {record.name for record in self._records if record.users}

    async def _remove(self, name: str) -> None:
        """A model whose folder is gone."""
        log.info("model_removed", extra={"model": name})
        async with self._records.held(name) as record:
            await self._lifts.take_down(record, list(record.versions))
            record.versions.clear()

    def _spawn(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        self._note_changed()
