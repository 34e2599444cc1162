# SPDX-License-Identifier: Apache-2.0
"""A page of metrics that the control thread makes, for the threads that answer scrapes."""

import asyncio
from collections.abc import Callable
from concurrent.futures import TimeoutError as TooLate

__all__ = ["ControlPage"]

#: How long a scrape waits for the control thread. Later it is told what was told before.
PATIENCE_S = 2.0


class ControlPage:
    """Made on the control thread, on whose `loop` alone `look` is called."""

    def __init__(
        self, look: Callable[[], str], loop: asyncio.AbstractEventLoop, *, empty: str
    ) -> None:
        self._look = look
        self._loop = loop
        self._told = empty

    def text(self) -> str:
        """The page, for any other thread; the last one while the control thread is busy, and once
        it has ended.
        """
        looked = self._looked()
        try:
            self._told = asyncio.run_coroutine_threadsafe(looked, self._loop).result(PATIENCE_S)
        except RuntimeError:  # the loop is closed
            looked.close()
        except TooLate:
            pass
        return self._told

    async def _looked(self) -> str:
        return self._look()
