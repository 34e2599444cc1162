# SPDX-License-Identifier: Apache-2.0
"""Room in memory for a version that is to be loaded, within the budget that all models have.

Lives on the control thread. With a budget, versions are loaded one at a time, so that the growth of
the process meanwhile can be taken for what one needs: all that is known of it is an estimate.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from penstock.engine import Engine
from penstock.errors import EngineError
from penstock.repository.loader import Examined
from penstock.repository.override import Override
from penstock.repository.records import ModelRecord, Records
from penstock.repository.room import Tenant, victims

__all__ = ["ModelMemory", "NoRoomError", "PATIENCE_S"]

#: How long a load waits for models that are in use to be idle for a moment.
PATIENCE_S = 10.0
LOOK_S = 0.02

LayDown = Callable[[ModelRecord, int, Override | None, Examined], Awaitable[None]]


class NoRoomError(EngineError):
    """A version does not fit into the budget."""

    def __init__(self, message: str) -> None:
        super().__init__(message, code="UNAVAILABLE", stage="memory")


class ModelMemory:
    """The memory of all versions in `records`. `lay_down` takes one out of it."""

    def __init__(self, engine: Engine, records: Records, lay_down: LayDown, budget: int) -> None:
        """A `budget` of 0 bounds nothing."""
        self._engine = engine
        self._records = records
        self._lay_down = lay_down
        self._budget = budget
        self._turn = asyncio.Lock()

    @asynccontextmanager
    async def room(self, record: ModelRecord, number: int, source: Examined) -> AsyncIterator[None]:
        """Version `number` of `record` is loaded in here; others are unloaded before, if need be.

        Raises NoRoomError if it cannot fit, or if what is in use leaves no room for PATIENCE_S.
        """
        if not self._budget:
            yield
            return
        version = record.version(number)
        async with self._turn:
            wanted = max(version.memory_bytes, source.file_bytes(number))
            await self._make_room(record, number, wanted)
            before = resident_bytes()
            yield
            if version.is_loaded:
                version.memory_bytes = max(resident_bytes() - before, source.file_bytes(number))

    async def _make_room(self, record: ModelRecord, number: int, wanted: int) -> None:
        if wanted > self._budget:
            raise NoRoomError(
                f"it needs about {wanted} bytes of memory: wanted at most {self._budget}, by "
                "--model-memory-budget."
            )
        patient_until = time.monotonic() + PATIENCE_S
        while True:
            tenants = self._tenants(record, number)
            chosen = victims(tenants, wanted_bytes=wanted, budget=self._budget)
            if chosen:
                # One at a time: whoever comes for a later one meanwhile makes it busy.
                await self._evict(chosen[0], record)
            elif chosen is not None:
                break
            elif time.monotonic() < patient_until:
                await asyncio.sleep(LOOK_S)
            else:
                raise NoRoomError(
                    f"it needs about {wanted} bytes of memory, and the loaded models, which are "
                    f"all in use, leave no room for it in the {self._budget} of "
                    "--model-memory-budget; try again."
                )

    async def _evict(self, one: Tenant, holder: ModelRecord) -> None:
        if one.model == holder.name:
            await self._lay(holder, one.version)
            return
        async with self._records.held(one.model) as other:  # at once, for it was not busy
            await self._lay(other, one.version)

    async def _lay(self, record: ModelRecord, number: int) -> None:
        version = record.version(number)
        if version.source is not None:
            await self._lay_down(record, number, version.override, version.source)

    def _tenants(self, record: ModelRecord, number: int) -> list[Tenant]:
        """All that is loaded. Busy is also what somebody else holds, or waits for."""
        uses = {(use.model, use.version): use for use in self._engine.uses()}
        tenants = []
        for other in self._records:
            for each in other.loaded:
                version, use = other.versions[each], uses.get((other.name, each))
                is_held = each == number if other is record else other.users > 0
                tenants.append(
                    Tenant(
                        model=other.name,
                        version=each,
                        memory_bytes=version.memory_bytes,
                        used_ms=max(version.loaded_ms, use.last_ms if use else 0),
                        is_busy=is_held or use is None or use.calls > 0,
                    )
                )
        return tenants


def resident_bytes() -> int:
    """The memory of this process that is its own: what it has mapped of files is not counted."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    return 0
