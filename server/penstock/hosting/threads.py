# SPDX-License-Identifier: Apache-2.0
"""Threads for handlers that are plain functions."""

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any

__all__ = ["HandlerThreads"]

Work = Callable[[], None]


class HandlerThreads(Executor):
    """At most `count` threads, started as they are needed, that share one line of work.

    Unlike the standard library's pool it lets the process end while a handler does not: the
    interpreter waits for the threads of that one at its exit, for ever if need be.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._work: queue.SimpleQueue[Work | None] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._idle = threading.Semaphore(0)

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Has a thread do `fn(*args, **kwargs)`. A future that is cancelled before is not begun."""
        future: Future[Any] = Future()

        def run() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                future.set_result(fn(*args, **kwargs))
            except BaseException as error:
                future.set_exception(error)

        self._work.put(run)
        if not self._idle.acquire(blocking=False) and len(self._threads) < self._count:
            thread = threading.Thread(target=self._serve, name="penstock-service", daemon=True)
            self._threads.append(thread)
            thread.start()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Ends each thread behind the work that is in line."""
        for _ in self._threads:
            self._work.put(None)
        for thread in self._threads if wait else ():
            thread.join()

    def _serve(self) -> None:
        while (work := self._work.get()) is not None:
            work()
            self._idle.release()
