# SPDX-License-Identifier: Apache-2.0
"""The thread for what blocks: counts are taken, encoded and kept on it, one thing at a time."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar, TypeVarTuple

__all__ = ["OwnThread"]

T = TypeVar("T")
Args = TypeVarTuple("Args")


class OwnThread:
    """Used on the control thread's event loop, but for `within`."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1, "penstock-drift")

    async def do(self, work: Callable[[*Args], T], *arguments: *Args) -> T:
        """What `work` gives, once its turn has come."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, work, *arguments)

    def within(self, seconds: float, work: Callable[[*Args], T], *arguments: *Args) -> T:
        """The same from any other thread. Raises TimeoutError where it takes longer; it may go on
        then, and nobody hears what it gives.
        """
        given = self._pool.submit(work, *arguments)
        try:
            return given.result(seconds)
        finally:
            given.cancel()

    def shut(self) -> None:
        """Begins nothing more."""
        self._pool.shutdown(wait=False)
