# SPDX-License-Identifier: Apache-2.0
"""The tasks that answer calls: each ends with its call, and all of them with the server."""

import asyncio
from collections.abc import Coroutine

from penstock.hosting.call import HostedCall

__all__ = ["CallTasks"]


class CallTasks:
    """Tasks on the running event loop, one for a call."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, call: HostedCall, answering: Coroutine[object, object, None]) -> None:
        """Runs `answering` until it returns, or the call ends."""
        task = asyncio.get_running_loop().create_task(answering)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(lambda _: call.note_handled())
        call.when_ended(task.cancel)

    async def stop(self) -> None:
        """Cancels what still runs, and waits until it has taken notice."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
