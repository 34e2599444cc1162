# SPDX-License-Identifier: Apache-2.0
"""An engine, its models and their monitoring in the test's own process, which begins to watch a
version as late as the test wants.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from penstock.backends.onnxruntime_library import find_machine, find_onnxruntime
from penstock.config import ServerOptions
from penstock.drift.controller import DriftController
from penstock.drift.counting import EngineWatches
from penstock.drift.kept import KeptMonitors
from penstock.drift.ports import Unserved
from penstock.drift.served import EarlyWatch, ServedVersion
from penstock.drift.watched import Watched
from penstock.engine import Engine
from penstock.repository.controller import RepositoryController
from penstock.rollout.surroundings import SystemClock
from penstock_client import Client, PenstockError


@dataclass
class Late:
    """A ServedListener that tells `drift` what is served once it is let."""

    drift: DriftController
    told: list[tuple[ServedVersion, EarlyWatch | None]] = field(default_factory=list)
    has_watch: list[bool] = field(default_factory=list)

    def coming(self, version: ServedVersion, unserved: Unserved) -> EarlyWatch | None:
        early = self.drift.coming(version, unserved)
        self.has_watch.append(early is not None)
        return early

    def served(self, version: ServedVersion, early: EarlyWatch | None = None) -> None:
        self.told.append((version, early))

    def unserved(self, model: str, version: int) -> None:
        self.drift.unserved(model, version)


@dataclass
class WatchedHouse:
    """`seen` is whatever was watched, also what is not any more."""

    engine: Engine
    controller: RepositoryController
    drift: DriftController
    late: Late
    grpc: str
    seen: list[Watched] = field(default_factory=list)

    async def begin_to_watch(self) -> None:
        await self.controller.idle()
        told, self.late.told = self.late.told, []
        for version, early in told:
            self.drift.served(version, early)
        while self.drift._tasks:
            await asyncio.gather(*self.drift._tasks)
        self.seen += [one for one in self.drift.watched if one not in self.seen]

    async def totals(self) -> tuple[int, int]:
        """Rows that were counted of all that was watched; and those that were dropped."""
        for one in self.drift.watched:
            await asyncio.to_thread(one.look, 1.0, 1.0)
        totals = [one.totals for one in self.seen]
        return sum(one.rows for one in totals), sum(one.dropped_rows for one in totals)

    async def ask(self, model: str, requests: int) -> None:
        def asks() -> None:
            with Client(self.grpc) as client:
                for _ in range(requests):
                    client.infer(model, ROW, timeout=20)

        await asyncio.to_thread(asks)

    @contextmanager
    def traffic(self, model: str, threads: int = 2) -> Iterator[Traffic]:
        """Asks on and on, from before the model answers."""
        found = Traffic(self.grpc, model, threads)
        try:
            yield found
        finally:
            found.end()


ROW = {"x": np.ones((1, 2), np.float32)}


class Traffic:
    """Threads that ask for a row each; those that are answered are counted."""

    def __init__(self, address: str, model: str, threads: int) -> None:
        self._address, self._model = address, model
        self._has_ended = threading.Event()
        self._progress = threading.Condition()
        self.answered = 0
        self._threads = [threading.Thread(target=self._ask) for _ in range(threads)]
        for thread in self._threads:
            thread.start()

    def _ask(self) -> None:
        with Client(self._address) as client:
            while not self._has_ended.is_set():
                try:
                    client.infer(self._model, ROW, timeout=20)
                except PenstockError:
                    continue
                with self._progress:
                    self.answered += 1
                    self._progress.notify_all()

    async def goes_on(self, more: int = 30) -> None:
        """Returns once so many more were answered."""

        def wait() -> None:
            with self._progress:
                wanted = self.answered + more
                assert self._progress.wait_for(lambda: self.answered >= wanted, 20)

        await asyncio.to_thread(wait)

    def end(self) -> None:
        self._has_ended.set()
        for thread in self._threads:
            thread.join()


@asynccontextmanager
async def watched_house(repository: Path, **options: object) -> AsyncIterator[WatchedHouse]:
    """Listens, and has loaded nothing; explicit control."""
    library = find_onnxruntime()
    wanted = ServerOptions.model_validate(
        {
            "model_repository": [str(repository)],
            "model_control_mode": "explicit",
            "grpc_address": "127.0.0.1",
            "grpc_port": 0,
            "allow_http": False,
            "grpc_infer_thread_count": 2,
            **options,
        }
    )
    engine = Engine(wanted, library)
    drift = DriftController(
        EngineWatches(engine.drift), KeptMonitors(None), judge=None, clock=SystemClock()
    )
    late = Late(drift)
    controller = RepositoryController(engine, wanted, find_machine(library), None, late)
    try:
        engine.start()
        yield WatchedHouse(
            engine=engine,
            controller=controller,
            drift=drift,
            late=late,
            grpc=f"127.0.0.1:{engine.grpc_port}",
        )
    finally:
        await controller.stop()
        await drift.close()
        engine.stop()
