# SPDX-License-Identifier: Apache-2.0
"""The process of the monitors in this one, which a test may end; and its entry point."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.doubles.watches import CountingMonitors

from penstock.drift.frames import message_bytes, read_message
from penstock.drift.ports import MonitorGone
from penstock.drift.worker_main import MonitorDesk, serve
from penstock.errors import MonitoringError


@dataclass
class InlineProcess:
    """`ports.Process`: what is asked travels as messages do. `is_away`: it cannot be started;
    `hangs`: it is there, and answers nothing until it is let go.
    """

    restarts: int = 0
    starts: int = 0
    memory_bytes: int = 1 << 20
    is_away: bool = False
    hangs: bool = False
    waiting: list[tuple[str, bytes, asyncio.Future[bytes]]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    desk: MonitorDesk | None = None

    def kill(self) -> None:
        self.desk = None

    async def started(self) -> int:
        if self.is_away:
            raise MonitorGone("away")
        if self.desk is None:
            self.desk = MonitorDesk(CountingMonitors())
            self.restarts += self.starts > 0
            self.starts += 1
        return self.starts

    async def ask(
        self, do: str, blobs: Sequence[bytes] = (), **asked: Any
    ) -> tuple[Any, Sequence[bytes]]:
        if self.desk is None:
            raise MonitorGone("away")
        self.asked.append(do)
        request = message_bytes({"id": 1, "do": do, **asked}, blobs)
        if self.hangs:
            future: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
            self.waiting.append((asked["key"], request, future))
            answer = await future
        else:
            answer = self._answer(request)
        message = read_message(io.BytesIO(answer))
        assert message is not None
        told, content = message
        if "fails" in told:
            raise MonitoringError(str(told["fails"]), code="INTERNAL")
        return told["is"], content

    def let_go(self) -> None:
        """It answers again, first what was asked meanwhile, whoever still waits for that."""
        self.hangs = False
        for _, request, future in self.waiting:
            answer = self._answer(request)
            if not future.done():
                future.set_result(answer)

    def _answer(self, request: bytes) -> bytes:
        assert self.desk is not None
        answers = io.BytesIO()
        serve(self.desk, io.BytesIO(request), answers)
        return answers.getvalue()

    def leave(self, key: str) -> None:
        for wanted, _, future in self.waiting:
            if wanted == key and not future.done():
                future.set_exception(MonitorGone("left"))

    async def stop(self) -> None:
        self.is_away = True
        self.desk = None


def write_entry_point(folder: Path, target: str = "tests.doubles.watches:monitors") -> None:
    """Makes `folder`, on PYTHONPATH, name the monitors of this process in the place of others."""
    info = folder / "a_double-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: a-double\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[penstock.monitors]\na_double = {target}\n")
