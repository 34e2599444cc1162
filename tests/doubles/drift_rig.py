# SPDX-License-Identifier: Apache-2.0
"""A controller of monitoring over counts, monitors and clocks that a test scripts."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.doubles.monitor_process import InlineProcess
from tests.doubles.watches import ScriptedWatch, ScriptedWatches, SetClock, small_profile

from penstock.drift.controller import DriftController
from penstock.drift.judge import Judge
from penstock.drift.kept import KeptMonitors
from penstock.drift.served import ServedVersion
from penstock.errors import StoreError
from penstock.repository.plan import TensorPlan
from penstock_monitoring.profile import write_profile

__all__ = ["MODEL", "FullDisk", "Rig"]

MODEL = "fraud"
PATIENCE_S = 60.0


class FullDisk(KeptMonitors):
    """What is kept, on a disk that a test fills."""

    is_full = False

    def add(self, model: str, version: int, frames: Sequence[bytes], now_ms: int) -> None:
        if self.is_full:
            raise StoreError("The disk is full.")
        super().add(model, version, frames, now_ms)

    def begin(
        self, model: str, version: int, identity: str, now_ms: int, *, profile: str = ""
    ) -> None:
        if self.is_full:
            raise StoreError("The disk is full.")
        super().begin(model, version, identity, now_ms, profile=profile)


class Rig:
    """A controller, and all that it is made of. Without `process`, nothing judges."""

    def __init__(self, folder: Path, *, has_judge: bool = True) -> None:
        self.models = folder / "models"
        self.state = folder / "state"
        self.clock = SetClock()
        self.watches = ScriptedWatches()
        self.process = InlineProcess()
        self.has_judge = has_judge
        self.wait_s = PATIENCE_S
        self.kept = FullDisk(self.state)
        self.controller = self._made()

    def _made(self) -> DriftController:
        judge = Judge(self.process) if self.has_judge else None
        return DriftController(
            self.watches, self.kept, judge, self.clock, drop_s=self.wait_s, status_s=2 * self.wait_s
        )

    def start_again(self, kept: FullDisk | None = None) -> None:
        """As a server does after one that was killed. `kept`: elsewhere from now on."""
        with contextlib.suppress(StoreError):
            self.kept.close()
        self.process, self.watches = InlineProcess(), ScriptedWatches()
        self.kept = kept or FullDisk(self.state)
        self.controller = self._made()

    def version(self, number: int = 1, *, dims: tuple[int, ...] = (2,)) -> ServedVersion:
        return ServedVersion(
            model=MODEL,
            version=number,
            folder=self.models / MODEL,
            files=self.models / MODEL / str(number),
            file_bytes=7,
            inputs=(TensorPlan(name="x", datatype="FP32", dims=dims),),
            outputs=(TensorPlan(name="y", datatype="FP32", dims=(1,)),),
            has_batches=True,
        )

    def write(self, *, settings: str = "", has_profile: bool = True) -> None:
        files = self.version().files
        files.mkdir(parents=True, exist_ok=True)
        if has_profile:
            write_profile(small_profile(MODEL, "x[0]", "x[1]"), files / "profile.json")
        (self.models / MODEL / "monitoring.toml").write_text(settings)

    @property
    def watch(self) -> ScriptedWatch:
        return self.watches.open_now[MODEL, 1]

    async def serve(self, number: int = 1) -> None:
        self.controller.served(self.version(number))
        await self.settled()

    async def settled(self) -> None:
        while self.controller._tasks:
            await asyncio.gather(*self.controller._tasks)

    async def look(self) -> Any:
        """A second later."""
        self.clock.pass_s(1.0)
        return await self.controller.status(MODEL)

    async def tick(self, rows: int) -> Any:
        """A whole tick of so many rows."""
        self.watch.rows = rows
        await self.look()
        self.clock.pass_s(10.0)
        return await self.controller.status(MODEL)
