# SPDX-License-Identifier: Apache-2.0
"""The process of the monitors, and the server's end of it."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest
from tests.doubles.monitor_process import write_entry_point
from tests.doubles.watches import SetClock, small_profile

from penstock.drift import Layout, MonitoringSettings, WatchedColumn
from penstock.drift.codec import layout_digest, layout_of, layout_told, status_of
from penstock.drift.ports import MonitorGone
from penstock.drift.process import COMMAND, MonitorProcess
from penstock.errors import MonitoringError

ROOT = Path(__file__).resolve().parents[2]
LAYOUT = Layout(
    columns=(
        WatchedColumn(name="x", tensor="x", reading="number", edges=(0.5,), minimum=0.0),
        WatchedColumn(name="t", tensor="t", reading="category", categories=("a", 3)),
    )
)
PATIENCE_S = 60.0


@pytest.fixture
def command(tmp_path: Path) -> tuple[str, ...]:
    """Of a process whose monitors are the double's."""
    write_entry_point(tmp_path)
    return ("env", f"PYTHONPATH={tmp_path}:{ROOT}", *COMMAND)


def do(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(work)


async def opened(process: MonitorProcess, key: str = "m/1") -> None:
    await process.ask(
        "open",
        key=key,
        model="m",
        version=1,
        layout=layout_told(LAYOUT),
        profile=small_profile("m", "x").model_dump(mode="json"),
        is_self_reference=False,
        settings=MonitoringSettings().model_dump_json(),
        has_snapshot=False,
    )


async def ended(process: MonitorProcess) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while process.id is not None:
            await asyncio.sleep(0)


def test_a_layout_comes_back_as_it_was_and_has_one_digest() -> None:
    again = layout_of(layout_told(LAYOUT))
    assert again == LAYOUT
    assert layout_digest(again) == layout_digest(LAYOUT)
    assert layout_digest(Layout(columns=LAYOUT.columns[:1])) != layout_digest(LAYOUT)


def test_a_process_that_is_killed_is_started_again_after_a_while(
    command: tuple[str, ...], caplog: pytest.LogCaptureFixture
) -> None:
    async def story() -> None:
        clock = SetClock()
        process = MonitorProcess(clock, command)
        assert await process.started() == 1
        assert process.id is not None
        assert os.getpgid(process.id) == process.id  # no child of a terminal's group
        await opened(process)
        _, (told,) = await process.ask("status", key="m/1", window_s=None, is_short=False)
        assert [one.name for one in status_of(told).columns] == ["x", "t"]
        assert process.memory_bytes > 1 << 20
        _, (snapshot,) = await process.ask("save", key="m/1")
        assert snapshot.startswith(b"{")
        os.kill(process.id, signal.SIGKILL)
        with pytest.raises(MonitorGone):
            await process.ask("status", key="m/1", window_s=None, is_short=False)
        await ended(process)
        assert [one.message for one in caplog.records] == ["monitor_process_ended"]
        with pytest.raises(MonitorGone, match="is started soon"):
            await process.started()
        clock.pass_s(1.5)
        assert await process.started() == 2
        with pytest.raises(MonitoringError, match="m/1 is not watched"):
            await process.ask("status", key="m/1", window_s=None, is_short=False)
        assert process.restarts == 1
        await process.stop()
        assert process.id is None
        with pytest.raises(MonitorGone, match="The server ends"):
            await process.started()

    do(story())


def test_what_a_monitor_fails_at_is_a_sentence_and_the_process_goes_on(
    command: tuple[str, ...],
) -> None:
    async def story() -> None:
        process = MonitorProcess(SetClock(), command)
        await process.started()
        await opened(process)
        for do_what, why in (("dance", "no monitor does 'dance'"), ("take", "cannot be read")):
            with pytest.raises(MonitoringError, match=why):
                await process.ask(do_what, [b"?"], key="m/1")
        await process.ask("status", key="m/1", window_s=None, is_short=False)
        await process.stop()

    do(story())


def test_a_process_that_cannot_be_started_is_tried_ever_more_rarely() -> None:
    async def story() -> None:
        clock = SetClock()
        process = MonitorProcess(clock, (sys.executable, "-c", "raise SystemExit(3)"))
        pauses = []
        for _ in range(8):
            await process.started()
            await ended(process)
            begun = clock.now_s
            while True:
                clock.pass_s(0.5)
                try:
                    await process.started()
                except MonitorGone:
                    continue
                break
            await ended(process)
            pauses.append(clock.now_s - begun)
            clock.pass_s(200.0)
        assert pauses[0] <= 2.0
        assert 30.0 <= pauses[-1] <= 60.5
        await process.stop()

    do(story())


def test_who_leaves_a_monitor_waits_no_more_and_it_is_closed_later(
    command: tuple[str, ...],
) -> None:
    async def story() -> None:
        process = MonitorProcess(SetClock(), command)
        await process.started()
        for key in ("m/1", "m/2"):
            await opened(process, key)
        assert process.id is not None
        os.kill(process.id, signal.SIGSTOP)
        told = [
            asyncio.create_task(process.ask("status", key=key, window_s=None, is_short=True))
            for key in ("m/1", "m/2")
        ]
        await asyncio.sleep(0)
        process.leave("m/1")
        with pytest.raises(MonitorGone, match="waits"):
            await told[0]
        os.kill(process.id, signal.SIGCONT)
        _, (status,) = await told[1]
        assert status_of(status).model == "m"
        with pytest.raises(MonitoringError, match="m/1 is not watched"):
            await process.ask("status", key="m/1", window_s=None, is_short=True)
        await process.stop()

    do(story())


def test_a_process_that_does_not_answer_is_ended(caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> None:
        command = (sys.executable, "-c", "import sys; sys.stdin.buffer.read()")
        process = MonitorProcess(SetClock(), command, answer_s=0.05)
        await process.started()
        with pytest.raises(MonitorGone, match="have not answered"):
            await process.ask("status", key="m/1")
        await ended(process)
        assert [one.message for one in caplog.records] == [
            "monitor_process_hangs",
            "monitor_process_ended",
        ]
        await process.stop()

    do(story())


def test_a_process_ends_with_the_server(command: tuple[str, ...]) -> None:
    async def story() -> None:
        process = MonitorProcess(SetClock(), command)
        await process.started()
        await opened(process)
        running = process._process
        assert running is not None
        assert running.stdin is not None
        running.stdin.close()  # as the system does for a server that was killed
        await ended(process)
        assert running.returncode == 0
        await process.stop()

    do(story())
