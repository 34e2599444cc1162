# SPDX-License-Identifier: Apache-2.0
"""How often the controller looks, and what it starts and forgets meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

import pytest
from tests.doubles.drift_rig import MODEL, Rig

from penstock.drift.watched import IDLE_S_MAX


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)


def test_no_process_is_started_for_a_version_that_nobody_asks(rig: Rig) -> None:
    rig.write()

    async def story() -> None:
        await rig.serve()
        looks = 0

        async def pause(seconds: float) -> None:
            nonlocal looks
            rig.clock.pass_s(seconds)
            looks += 1
            if looks == 30:
                rig.watch.rows = 1
            if looks == 60:
                raise asyncio.CancelledError
            assert rig.process.starts == (rig.controller.watched[0].totals.rows > 0)

        with contextlib.suppress(asyncio.CancelledError):
            await rig.controller.run(pause)
        assert rig.process.starts == 1
        await rig.controller.close()

    asyncio.run(story())


def test_what_nobody_watches_any_more_is_forgotten_while_the_server_runs(rig: Rig) -> None:
    rig.write()
    rig.kept.begin("old", 1, "a", rig.clock.wall_ms())

    async def story() -> None:
        await rig.serve()
        days = 0

        async def pause(seconds: float) -> None:
            nonlocal days
            rig.clock.pass_s(86_400.0)
            rig.watch.rows = 40
            days += 1
            if days == 70:
                raise asyncio.CancelledError
            assert (rig.kept.get("old", 1) is None) == (days > 61), days
            await asyncio.sleep(0)

        with contextlib.suppress(asyncio.CancelledError):
            await rig.controller.run(pause)
        assert rig.kept.get(MODEL, 1) is not None
        await rig.controller.close()

    asyncio.run(story())


def test_a_quiet_version_is_looked_at_rarely(rig: Rig) -> None:
    rig.write()

    async def story() -> None:
        await rig.serve()
        looks = 0

        async def pause(seconds: float) -> None:
            nonlocal looks
            rig.clock.pass_s(seconds)
            looks += 1
            if looks == 100:
                raise asyncio.CancelledError
            await asyncio.sleep(0)

        with contextlib.suppress(asyncio.CancelledError):
            await rig.controller.run(pause)
        assert 100 / IDLE_S_MAX <= len(rig.watch.taken) < 20
        await rig.controller.close()

    asyncio.run(story())
