# SPDX-License-Identifier: Apache-2.0
"""Work that clients ask for: bounded, and done to its end even if who asked has gone."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from penstock.errors import ControlError

__all__ = ["CALLS_MAX", "BoundedCalls"]

#: Loads and unloads that clients ask for, running and waiting.
CALLS_MAX = 64


class BoundedCalls:
    """`spawn` makes a task of work, and keeps it."""

    def __init__(self, spawn: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]]) -> None:
        self._spawn = spawn
        self._calls = 0

    async def do(self, work: Coroutine[Any, Any, None]) -> None:
        """Returns when `work` is done. Raises what it raises, and ControlError beyond the bound."""
        if self._calls >= CALLS_MAX:
            work.close()
            raise ControlError(
                f"{CALLS_MAX} loads and unloads are under way: wanted fewer at a time.",
                code="RESOURCE_EXHAUSTED",
            )
        self._calls += 1
        task = self._spawn(work)
        task.add_done_callback(self._ended)
        await asyncio.shield(task)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._calls -= 1
        if not task.cancelled():
            task.exception()  # looked at here, for the caller may have gone
