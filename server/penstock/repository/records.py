# SPDX-License-Identifier: Apache-2.0
"""What the server knows of its models: which versions are tried, serving, failed or gone.

Lives on the control thread; nothing here blocks.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import StrEnum

from penstock.control.parts import IndexEntry
from penstock.repository.config_file import ModelConfig
from penstock.repository.loader import Examined
from penstock.repository.override import Override
from penstock.repository.snapshot import ModelSnapshot

__all__ = ["ASLEEP", "DUPLICATE", "ModelRecord", "Records", "State", "UNLOADED", "VersionRecord"]

#: Triton's reasons, for which clients look.
DUPLICATE = "model appears in two or more repositories"
UNLOADED = "unloaded"
#: Ours: a request is answered, and has to wait for the load.
ASLEEP = "asleep until a request asks for it"


class State(StrEnum):
    """Of a version, in the repository index."""

    UNKNOWN = "UNKNOWN"
    READY = "READY"
    UNAVAILABLE = "UNAVAILABLE"
    LOADING = "LOADING"
    UNLOADING = "UNLOADING"


@dataclass(slots=True, kw_only=True)
class VersionRecord:
    """One version. `is_serving`: requests reach it; `is_told`: the engine has an answer for it;
    `is_outdated`: it serves as it was before a reload that failed.

    One that `is_asleep` serves as well: it is loaded when a request asks for it. `config`,
    `override` and `source` are those of what is serving; `config` is completed once it was loaded.
    `memory_bytes` is what it took when it was loaded last, by estimate.
    """

    state: State = State.UNAVAILABLE
    reason: str = ""
    is_serving: bool = False
    is_told: bool = False
    is_outdated: bool = False
    config: ModelConfig | None = None
    override: Override | None = None
    source: Examined | None = None
    is_asleep: bool = False
    memory_bytes: int = 0
    loaded_ms: int = 0

    @property
    def is_loaded(self) -> bool:
        """Whether it serves from memory."""
        return self.is_serving and not self.is_asleep

    def loading(self, reason: str) -> None:
        """It is being loaded for the first time, or again after it failed."""
        self.state, self.reason, self.is_told = State.LOADING, reason, True

    def ready(
        self, config: ModelConfig | None, override: Override | None, source: Examined
    ) -> None:
        """It was loaded, and serves."""
        self.state, self.reason, self.is_asleep = State.READY, "", False
        self.is_serving = self.is_told = True
        self.is_outdated = False
        self.config, self.override, self.source = config, override, source
        self.loaded_ms = time.time_ns() // 1_000_000

    def asleep(self, override: Override | None, source: Examined) -> None:
        """It serves, once a request asks for it."""
        self.ready(self.config or source.written.config, override, source)
        self.reason, self.is_asleep = ASLEEP, True

    def failed(self, reason: str) -> None:
        """It could not be loaded. What served under its number goes on."""
        if self.is_loaded:
            self.reason = f"the last reload failed: {reason}"
            self.is_outdated = True
        else:
            self.state, self.reason, self.is_told = State.UNAVAILABLE, reason, True
            self.is_serving = self.is_asleep = False
            self.config = self.override = self.source = None

    def unloading(self) -> None:
        """It takes no more requests."""
        self.state, self.reason, self.is_serving = State.UNLOADING, "", False

    def unloaded(self) -> None:
        """Its memory is free."""
        self.state, self.reason = State.UNAVAILABLE, UNLOADED
        self.is_serving = self.is_told = self.is_asleep = self.is_outdated = False
        self.config = self.override = self.source = None


@dataclass(slots=True, kw_only=True)
class ModelRecord:
    """One model. Whoever changes it holds `lock`, from the first look at its files to the end.

    `tried` are the files as they were when it was last tried; None: never, or not these files.
    """

    name: str
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    users: int = 0  # hold the lock, or wait for it
    versions: dict[int, VersionRecord] = field(default_factory=dict)
    tried: ModelSnapshot | None = None
    is_duplicate: bool = False

    @property
    def serving(self) -> list[int]:
        """The versions that requests reach, ascending."""
        return sorted(number for number, one in self.versions.items() if one.is_serving)

    @property
    def current(self) -> list[int]:
        """Those of them that the last load of them made."""
        return [number for number in self.serving if not self.versions[number].is_outdated]

    @property
    def overrides(self) -> list[Override]:
        """The overrides that serving versions were loaded with, each once."""
        found = {id(one.override): one.override for one in self.versions.values() if one.override}
        return list(found.values())

    @property
    def loaded(self) -> list[int]:
        """The versions that are in memory, ascending."""
        return sorted(number for number, one in self.versions.items() if one.is_loaded)

    @property
    def unloaded(self) -> list[int]:
        """The versions that were taken out of service, and are still there."""
        return [number for number, one in self.versions.items() if one.reason == UNLOADED]

    @property
    def has_failures(self) -> bool:
        """Whether a version of it was to be loaded and could not be."""
        return any(
            one.state == State.UNAVAILABLE and one.reason != UNLOADED
            for one in self.versions.values()
        )

    def version(self, number: int) -> VersionRecord:
        """The record of version `number`; a new one if there is none."""
        return self.versions.setdefault(number, VersionRecord())

    def forget_gone(self, present: Iterable[int]) -> None:
        """Drops versions that neither serve nor exist any more."""
        keep = set(present)
        self.versions = {
            number: one for number, one in self.versions.items() if one.is_told or number in keep
        }

    def entries(self) -> list[IndexEntry]:
        """Its lines of the repository index."""
        return [
            IndexEntry(name=self.name, version=str(number), state=one.state, reason=one.reason)
            for number, one in sorted(self.versions.items())
        ]


class Records:
    """All models of which something was tried, by name."""

    def __init__(self) -> None:
        self._by_name: dict[str, ModelRecord] = {}

    def __iter__(self) -> Iterator[ModelRecord]:
        return iter(list(self._by_name.values()))

    def get(self, name: str) -> ModelRecord | None:
        """The record of model `name`, to be read."""
        return self._by_name.get(name)

    @asynccontextmanager
    async def held(self, name: str) -> AsyncIterator[ModelRecord]:
        """The record of model `name`, for one user at a time, in the order of asking.

        One that has no version afterwards, and no other user, is forgotten.
        """
        record = self._by_name.setdefault(name, ModelRecord(name=name))
        record.users += 1
        try:
            async with record.lock:
                yield record
        finally:
            record.users -= 1
            if not record.users and not record.versions:
                self._by_name.pop(name, None)
