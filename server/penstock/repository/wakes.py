# SPDX-License-Identifier: Apache-2.0
"""Versions that are asleep, and requests that wait for them. Lives on the control thread."""

import logging
from collections.abc import Callable, Coroutine
from typing import Any

from penstock.engine import Engine
from penstock.errors import EngineError
from penstock.repository.bring_up import ModelLifts
from penstock.repository.records import Records

__all__ = ["Wakes"]

log = logging.getLogger(__name__)


class Wakes:
    """Has `lifts` load what requests wait for. `spawn` begins a task."""

    def __init__(
        self,
        engine: Engine,
        lifts: ModelLifts,
        records: Records,
        spawn: Callable[[Coroutine[Any, Any, None]], object],
    ) -> None:
        self._engine = engine
        self._lifts = lifts
        self._records = records
        self._spawn = spawn
        self._waking: dict[tuple[str, int], bool] = {}  # True: asked for again meanwhile

    def take(self) -> None:
        """Requests wait for some versions: the engine says which."""
        for key in self._engine.take_wakes():
            if key in self._waking:
                self._waking[key] = True
            else:
                self._waking[key] = False
                self._spawn(self._wake(*key))

    async def _wake(self, name: str, number: int) -> None:
        try:
            while True:
                self._waking[name, number] = False
                async with self._records.held(name) as record:
                    await self._lifts.wake(record, number)
                # Whoever came after a refusal has not been refused by it.
                if not self._waking[name, number]:
                    return
        except EngineError as error:
            log.error("model_not_woken", extra={"model": name, "reason": str(error)})
        finally:
            del self._waking[name, number]
