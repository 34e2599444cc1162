# SPDX-License-Identifier: Apache-2.0
"""Each row that a version answers is counted, from the first one on, however it came to be."""

from __future__ import annotations

import asyncio
import shutil
import threading
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest
from tests.doubles.drift_rig import MODEL, Rig
from tests.doubles.model_files import add_identity
from tests.doubles.watched_house import watched_house
from tests.doubles.watches import small_profile

from penstock.control.parts import LoadWish
from penstock.drift.early import EarlyWatches
from penstock.drift.own_thread import OwnThread
from penstock_monitoring.profile import write_profile


def do(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(work)


def write_model(repository: Path, name: str) -> Path:
    """A model of two columns with a profile; gives its version's folder."""
    add_identity(repository, name, [("x", "TYPE_FP32", [2])], 8)
    folder = repository / name / "1"
    write_profile(small_profile(name, "x[0]", "x[1]"), folder / "profile.json")
    return folder


class Nobody:
    """An Unserved of scripted watches."""

    def open_watch(self, *_: object) -> Any:
        raise AssertionError


def test_rows_of_a_version_that_is_loaded_at_start_under_traffic(tmp_path: Path) -> None:
    write_model(tmp_path, "early")

    async def story() -> None:
        async with watched_house(tmp_path, load_model=["*"]) as house:
            with house.traffic("early") as traffic:
                await house.controller.start()
                await traffic.goes_on()
                await house.begin_to_watch()
                await traffic.goes_on()
            assert await house.totals() == (traffic.answered, 0)
            assert house.seen[0].course.profile is not None

    do(story())


def test_rows_of_a_version_that_is_loaded_again_and_of_a_new_one_under_traffic(
    tmp_path: Path,
) -> None:
    folder = write_model(tmp_path, "early")

    async def story() -> None:
        async with watched_house(tmp_path) as house:
            await house.controller.start()
            await house.controller.load(LoadWish(model="early"))
            with house.traffic("early") as traffic:
                await traffic.goes_on()
                await house.begin_to_watch()
                (folder / "notes").write_text("so that it is loaded again")
                await house.controller.load(LoadWish(model="early"))
                await traffic.goes_on()
                await house.begin_to_watch()
                shutil.copytree(folder, folder.with_name("2"))
                await house.controller.load(LoadWish(model="early"))
                await traffic.goes_on()
                await house.begin_to_watch()
                await house.controller.unload("early")
            await house.begin_to_watch()
            assert len(house.seen) == 3
            assert await house.totals() == (traffic.answered, 0)

    do(story())


def test_rows_of_a_version_that_is_woken_by_them(tmp_path: Path) -> None:
    for name in ("early", "other"):
        folder = write_model(tmp_path, name)
        (folder / "weights").write_bytes(bytes(1 << 20))
    options = {
        "load_model": ["*"],
        "model_load_mode": "lazy",
        "model_memory_budget": (1 << 20) + (1 << 19),
    }

    async def story() -> None:
        async with watched_house(tmp_path, **options) as house:
            await house.controller.start()
            for _ in range(2):
                for name in ("early", "other"):  # each sends the other to sleep
                    await house.ask(name, 5)
                    await house.begin_to_watch()
            assert house.controller.asleep == 1
            assert len(house.seen) == 4
            assert await house.totals() == (20, 0)

    do(story())


def test_rows_of_a_version_without_a_profile(tmp_path: Path) -> None:
    (write_model(tmp_path, "early") / "profile.json").unlink()

    async def story() -> None:
        async with watched_house(tmp_path, load_model=["*"]) as house:
            await house.controller.start()
            await house.ask("early", 20)
            await house.begin_to_watch()
            assert await house.totals() == (20, 0)
            assert house.seen[0].learning is not None

    do(story())


@pytest.mark.parametrize("settings", ['mode = "off"', "share = 7"])
def test_what_is_not_to_be_watched_has_no_watch_before_it_is_served(
    tmp_path: Path, settings: str
) -> None:
    folder = write_model(tmp_path, "early")
    (folder.parent / "monitoring.toml").write_text(settings)

    async def story() -> None:
        async with watched_house(tmp_path, load_model=["*"]) as house:
            await house.controller.start()
            await house.ask("early", 1)
            await house.begin_to_watch()
            assert house.late.has_watch == [False]
            assert house.seen == []

    do(story())


def test_a_plan_that_hangs_holds_up_no_load(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rig, thread, hang = Rig(tmp_path), OwnThread(), threading.Event()
    rig.write()
    early = EarlyWatches(rig.watches, rig.kept, rig.clock, thread, takes_samples=True, seconds=0.02)
    hung = thread._pool.submit(hang.wait, 20)
    assert early.open(rig.version(), Nobody()) is None
    assert "monitoring_is_late" in caplog.messages
    assert rig.watches.open_now == {}
    hang.set()
    assert hung.result(20)
    thread._pool.shutdown()
    assert rig.watches.open_now == {}  # nor is it opened later


def test_what_was_counted_before_a_disk_had_room_is_not_lost(rig: Rig) -> None:
    rig.write()

    async def story() -> None:
        early = await asyncio.to_thread(rig.controller.coming, rig.version(), Nobody())
        assert early is not None
        rig.watch.rows = 40
        rig.kept.is_full = True
        rig.controller.served(rig.version(), early)
        await rig.settled()
        rig.kept.is_full = False
        rig.clock.pass_s(60.0)
        rig.controller._try_again(rig.clock.monotonic_s())
        await rig.settled()
        assert (await rig.look()).rows == 40
        await rig.controller.close()

    do(story())


def test_rows_that_were_counted_by_another_plan_are_in_the_totals(rig: Rig) -> None:
    rig.write(has_profile=False, settings="self_reference_rows = 100")

    async def story() -> None:
        await rig.serve()
        rig.watch.rows = 60
        await rig.look()
        early = await asyncio.to_thread(rig.controller.coming, rig.version(), Nobody())
        assert early is not None
        counting, rig.watch.rows = rig.watch, 7
        rig.controller._watched[MODEL, 1].watch.rows = 60  # type: ignore[attr-defined]
        await rig.look()  # the version before has a reference by now
        rig.controller.served(rig.version(), early)
        await rig.settled()
        (watched,) = rig.controller.watched
        assert watched.course.is_self_reference
        assert watched.watch is not counting
        rig.watch.rows = 5
        await rig.look()
        assert watched.totals.rows == 12
        await rig.controller.close()

    do(story())


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)
