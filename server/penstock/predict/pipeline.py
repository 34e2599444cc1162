# SPDX-License-Identifier: Apache-2.0
"""Reading, answering and writing at the same time, in order, with so much in hand and no more.

    reader thread ─> [chunks ahead] ─> answering threads ─> [answers, in order] ─> caller

One thread reads; `threads` answer, chunk by chunk; the caller takes answers in the order of the
rows. Every list between them is bounded, so whoever is slowest holds up the others.
"""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Generic, TypeVar

__all__ = ["READ_AHEAD", "answered_in_order", "one_behind"]

Item = TypeVar("Item")
Answer = TypeVar("Answer")

#: Chunks that are read before anybody takes them.
READ_AHEAD = 3
#: Chunks that are being answered, or wait for it, for each thread that answers.
ANSWERING_PER_THREAD = 2
#: Parts that wait to be written.
WRITES_WAITING = 2


def answered_in_order(
    items: Iterator[Item], answer: Callable[[Item], Answer], *, threads: int
) -> Iterator[tuple[Item, Answer]]:
    """Each of `items` with what `answer` says of it, in their order. What either raises is raised
    here, once all before it was given; then, or when the caller ends, nothing is begun any more.
    """
    with _threads(1) as reader, _threads(threads) as answering:
        reads: deque[Future[list[Item]]] = deque()
        runs: deque[tuple[Item, Future[Answer]]] = deque()
        has_more = True
        while has_more or runs:
            while has_more and len(reads) < READ_AHEAD:
                reads.append(reader.submit(_next, items))
            while has_more and len(runs) < ANSWERING_PER_THREAD * threads:
                if runs and not reads[0].done() and runs[0][1].done():
                    break  # what is answered need not wait for what is not read
                try:
                    found = reads.popleft().result()
                except BaseException:
                    for item, run in runs:
                        yield item, run.result()
                    raise
                if not found:
                    has_more = False
                    break
                runs.append((found[0], answering.submit(answer, found[0])))
                reads.append(reader.submit(_next, items))
            if runs:
                item, run = runs.popleft()
                yield item, run.result()


def _next(items: Iterator[Item]) -> list[Item]:
    """The next one, or nothing at the end."""
    for item in items:
        return [item]
    return []


class one_behind(Generic[Item]):
    """Does `work` for each item in a thread of its own, one after the other, with at most
    WRITES_WAITING of them waiting. What it raises is raised by the next call.
    """

    def __init__(self, work: Callable[[Item], None]) -> None:
        self._work = work
        self._pool = ThreadPoolExecutor(1)
        self._waiting: deque[Future[None]] = deque()

    def take(self, item: Item) -> None:
        """Hands an item over; waits while too many wait."""
        while self._waiting and (self._waiting[0].done() or len(self._waiting) >= WRITES_WAITING):
            self._waiting.popleft().result()
        self._waiting.append(self._pool.submit(self._work, item))

    def finish(self) -> None:
        """Returns when all is done."""
        while self._waiting:
            self._waiting.popleft().result()

    def __enter__(self) -> "one_behind[Item]":
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)


@contextmanager
def _threads(count: int) -> Iterator[ThreadPoolExecutor]:
    pool = ThreadPoolExecutor(count)
    try:
        yield pool
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
