# SPDX-License-Identifier: Apache-2.0
"""The controller while the process of the monitors is there and answers nothing, or late."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest
from tests.doubles.drift_rig import MODEL, FullDisk, Rig

from penstock.errors import MonitoringError


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    made = Rig(tmp_path)
    made.wait_s = 0.3
    made.start_again()
    return made


async def begun(rig: Rig) -> asyncio.Task[object]:
    """A version whose monitor was opened, and then hangs while it is given 40 rows."""
    rig.write()
    await rig.serve()
    await rig.tick(40)
    rig.process.hangs = True
    rig.watch.rows = 40
    rig.clock.pass_s(1.0)
    asking = asyncio.create_task(rig.controller.status(MODEL))
    while not rig.process.waiting:
        await asyncio.sleep(0)
    return asking


def test_a_status_of_a_monitor_that_hangs_is_refused_after_a_while(rig: Rig) -> None:
    async def story() -> None:
        asking = await begun(rig)
        with pytest.raises(MonitoringError, match=r"has not answered within 0\.6 s\.$") as told:
            await asking
        assert told.value.code == "UNAVAILABLE"
        rig.process.let_go()
        assert (await rig.tick(40)).rows == 120
        await rig.controller.close()

    asyncio.run(story())


def test_a_monitor_that_hangs_holds_up_no_version_that_comes_or_goes(rig: Rig) -> None:
    async def story() -> None:
        asking = await begun(rig)
        rig.watch.rows = 7
        rig.controller.unserved(MODEL, 1)
        rig.controller.served(rig.version(2))
        rig.version(2).files.mkdir()
        await rig.settled()
        assert [one.version for one in rig.controller.watched] == [2]
        with pytest.raises(MonitoringError):
            await asking
        rig.process.let_go()
        rig.controller.unserved(MODEL, 2)
        await rig.serve()
        status = await rig.look()
        assert status.rows == 87, "what was counted until it went is kept"
        await rig.controller.close()

    asyncio.run(story())


def test_a_status_of_a_version_that_goes_meanwhile_says_so(rig: Rig) -> None:
    async def story() -> None:
        rig.write()
        await rig.serve()
        await rig.tick(40)
        rig.process.hangs = True
        asking = asyncio.create_task(rig.controller.status(MODEL))
        while not rig.process.waiting:
            await asyncio.sleep(0)
        rig.controller.unserved(MODEL, 1)
        await rig.settled()
        with pytest.raises(MonitoringError, match="unloaded just now, or loaded again") as told:
            await asking
        assert told.value.code == "UNAVAILABLE"
        await rig.controller.close()

    asyncio.run(story())


class SlowDisk(FullDisk):
    """Says when it has begun to keep, and goes on when it is told to."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.has_begun, self.may_go_on = threading.Event(), threading.Event()

    def add(self, model: str, version: int, frames: Sequence[bytes], now_ms: int) -> None:
        self.has_begun.set()
        assert self.may_go_on.wait(10)
        super().add(model, version, frames, now_ms)


def test_a_caller_that_goes_away_while_counts_are_kept_has_them_kept_once(rig: Rig) -> None:
    disk = SlowDisk(rig.state / "slow")
    rig.start_again(disk)
    rig.write()

    async def story() -> None:
        await rig.serve()
        rig.watch.rows = 40
        await rig.look()
        rig.clock.pass_s(10.0)
        asking = asyncio.create_task(rig.controller.status(MODEL))
        while not disk.has_begun.is_set():
            await asyncio.sleep(0)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        disk.may_go_on.set()
        await rig.controller.close()
        rig.start_again(FullDisk(rig.state / "slow"))
        await rig.serve()
        assert (await rig.look()).rows == 40
        await rig.controller.close()

    asyncio.run(story())
