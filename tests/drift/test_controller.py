# SPDX-License-Identifier: Apache-2.0
"""What the controller does with versions, counts and monitors that a test scripts."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest
from tests.doubles.drift_rig import MODEL, Rig
from tests.doubles.watches import small_profile

from penstock.drift.metrics import drift_metrics_text
from penstock.errors import EngineError, MonitoringError
from penstock_monitoring.profile import write_profile


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)


def do(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(work)


def events(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.message for record in caplog.records]


def test_a_version_with_a_profile_is_watched_with_no_setting(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    rig.write()
    caplog.set_level(logging.INFO)

    async def story() -> None:
        await rig.serve()
        assert [one.name for one in rig.watch.layout.columns] == ["x[0]", "x[1]"]
        (listed,) = rig.controller.statuses()
        assert (listed.reference, listed.rows, listed.ticks) == ("profile", 0, 0)
        assert listed.notes == ("Its monitor has told nothing yet: it is asked once rows come.",)
        assert 'reference="profile"} 1' in drift_metrics_text(rig.controller)
        status = await rig.tick(40)
        assert (status.reference, status.rows, status.ticks) == ("profile", 40, 1)
        assert [one.ends_tick for one in rig.watch.taken] == [False, True]
        assert "monitoring_began" in events(caplog)
        assert "drift_alarm" not in events(caplog)
        await rig.tick(1000)
        assert events(caplog).count("drift_alarm") == 1
        await rig.tick(40)
        assert events(caplog).count("drift_alarm") == 1
        text = drift_metrics_text(rig.controller)
        labels = f'model="{MODEL}",version="1"'
        assert f"penstock_drift_rows_total{{{labels}}} 1080" in text
        assert f'penstock_drift_alarms_total{{{labels},kind="drift"}} 1' in text
        assert f'penstock_drift_reference{{{labels},reference="profile"}} 1' in text
        await rig.controller.close()

    do(story())


def test_a_tick_wants_rows_and_seconds(rig: Rig) -> None:
    rig.write()

    async def story() -> None:
        await rig.serve()
        rig.watch.rows = 31
        await rig.look()
        rig.clock.pass_s(60)
        assert (await rig.look()).ticks == 0
        rig.watch.rows = 1
        await rig.look()
        assert (await rig.look()).ticks == 1
        rig.watch.rows = 1000
        await rig.look()
        assert (await rig.look()).ticks == 1
        await rig.controller.close()

    do(story())


def test_what_a_killed_server_has_kept_is_gone_on_with(rig: Rig) -> None:
    rig.write()

    async def before() -> None:
        await rig.serve()
        for _ in range(3):
            await rig.tick(1000)
        rig.watch.rows = 5  # of a tick that does not end
        assert (await rig.look()).rows == 3005

    async def after() -> None:
        await rig.serve()
        status = await rig.look()
        assert (status.rows, status.ticks, len(status.alarms)) == (3000, 3, 3)
        await rig.controller.close()

    do(before())
    rig.start_again()
    do(after())


def test_an_alarm_that_was_told_outlasts_a_kill_within_its_tick(rig: Rig) -> None:
    rig.write()

    async def story() -> None:
        await rig.serve()
        await rig.tick(50)
        rig.watch.rows = 17
        assert len((await rig.look()).alarms) == 1
        kept = rig.kept.get(MODEL, 1)
        assert kept is not None
        # What a monitor says of counts may depend on when it looked at them.
        assert (kept.snapshot is not None, kept.frames) == (True, ())
        rig.process.kill()
        rig.watch.rows = 2
        status = await rig.look()
        assert (status.rows, len(status.alarms)) == (69, 1)
        await rig.controller.close()

    do(story())


def test_a_server_that_ends_loses_nothing(rig: Rig) -> None:
    rig.write()

    async def before() -> None:
        await rig.serve()
        await rig.tick(50)
        rig.watch.rows = 5
        await rig.controller.close()

    async def after() -> None:
        await rig.serve()
        assert (await rig.look()).rows == 55
        await rig.controller.close()

    do(before())
    rig.start_again()
    do(after())


def test_snapshots_take_the_place_of_ticks(rig: Rig) -> None:
    rig.write()

    async def story() -> None:
        await rig.serve()
        for _ in range(59):
            await rig.tick(40)
        kept = rig.kept.get(MODEL, 1)
        assert kept is not None
        assert (kept.snapshot, len(kept.frames) >= 59) == (None, True)
        await rig.tick(40)
        kept = rig.kept.get(MODEL, 1)
        assert kept is not None
        assert (kept.snapshot is not None, kept.frames) == (True, ())
        rig.process.kill()
        assert (await rig.tick(40)).rows == 61 * 40
        await rig.controller.close()

    do(story())


def test_a_monitor_that_was_killed_goes_on_and_forgets_nothing(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    rig.write()

    async def story() -> None:
        await rig.serve()
        await rig.tick(1000)
        rig.watch.rows = 7
        await rig.look()
        rig.process.kill()
        rig.process.is_away = True
        rig.watch.rows = 8
        with pytest.raises(MonitoringError, match="not known now") as refused:
            await rig.look()
        assert refused.value.code == "UNAVAILABLE"
        rig.process.is_away = False
        rig.watch.rows = 9
        status = await rig.look()
        assert (status.rows, status.ticks, rig.process.restarts) == (1024, 1, 1)
        assert events(caplog).count("drift_alarm") == 1
        await rig.controller.close()

    do(story())


def test_a_monitor_that_fails_is_told_and_tried_again_later(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    rig.write()

    async def story() -> None:
        await rig.serve()
        await rig.tick(40)
        rig.watch.rows = 13
        with pytest.raises(MonitoringError):
            await rig.look()
        assert "monitor_failed" in events(caplog)
        asked = len(rig.process.asked)
        rig.clock.pass_s(0.2)
        with pytest.raises(MonitoringError):
            await rig.controller.status(MODEL)
        assert len(rig.process.asked) == asked  # it is left alone for a while
        rig.clock.pass_s(3.0)
        rig.watch.rows = 9
        assert (await rig.look()).rows == 49  # without what it failed at
        await rig.controller.close()

    do(story())


def test_a_disk_that_is_full_stops_no_alarm_and_is_made_up_for(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    rig.write()

    async def before() -> None:
        await rig.serve()
        rig.kept.is_full = True
        await rig.tick(1000)
        await rig.tick(1000)
        assert events(caplog).count("drift_alarm") == 2
        assert events(caplog).count("drift_not_kept") == 1
        rig.kept.is_full = False
        await rig.tick(1000)

    async def after() -> None:
        await rig.serve()
        status = await rig.look()
        assert (status.rows, status.ticks) == (3000, 3)
        await rig.controller.close()

    do(before())
    rig.start_again()
    do(after())


def test_a_version_that_came_while_the_disk_was_full_is_watched_once_there_is_room(
    rig: Rig,
) -> None:
    rig.write()

    async def one_round(_: float) -> None:
        raise asyncio.CancelledError

    async def looked_at() -> None:
        with pytest.raises(asyncio.CancelledError):
            await rig.controller.run(one_round)
        await rig.settled()

    async def story() -> None:
        rig.kept.is_full = True
        await rig.serve()
        with pytest.raises(MonitoringError, match="The disk is full"):
            await rig.controller.status(MODEL)
        rig.kept.is_full = False
        await looked_at()
        with pytest.raises(MonitoringError, match="The disk is full"):  # it is not always asked
            await rig.controller.status(MODEL)
        rig.clock.pass_s(60.0)
        await looked_at()
        assert (await rig.tick(40)).rows == 40
        await rig.controller.close()

    do(story())


def test_first_live_rows_become_the_reference_where_there_is_none(rig: Rig) -> None:
    rig.write(has_profile=False, settings="self_reference_rows = 100")

    async def story() -> None:
        await rig.serve()
        rig.watch.rows = 60
        status = await rig.look()
        assert (status.reference, status.columns) == ("learning", ())
        assert status.notes[-1] == "60 of 100 rows of a reference are there."
        rig.watch.rows = 60
        await rig.look()
        status = await rig.look()
        assert (status.reference, status.reference_rows, status.rows) == ("self", 100, 0)
        assert [one.edges for one in rig.watch.layout.columns] == [(0.5,)] * 3
        assert (await rig.tick(40)).rows == 40

    async def after() -> None:
        await rig.serve()
        status = await rig.look()
        assert (status.reference, status.rows) == ("self", 40)
        await rig.controller.close()

    do(story())
    rig.start_again()
    do(after())


def test_rows_that_were_gathered_outlast_a_restart(rig: Rig) -> None:
    rig.write(has_profile=False, settings="self_reference_rows = 100")

    async def before() -> None:
        await rig.serve()
        await rig.tick(60)

    async def after() -> None:
        await rig.serve()
        assert (await rig.look()).notes[-1] == "60 of 100 rows of a reference are there."
        await rig.controller.close()

    do(before())
    rig.start_again()
    do(after())


def test_another_profile_begins_anew(rig: Rig) -> None:
    rig.write()

    async def story() -> None:
        await rig.serve()
        await rig.tick(1000)
        write_profile(small_profile(MODEL, "x[0]"), rig.version().files / "profile.json")
        await rig.serve()
        status = await rig.look()
        assert (status.rows, status.alarms) == (0, ())
        assert [one.name for one in rig.watch.layout.columns] == ["x[0]"]
        await rig.serve()  # and the same one goes on
        assert (await rig.tick(40)).rows == 40
        await rig.serve()
        assert (await rig.look()).rows == 40
        await rig.controller.close()

    do(story())


def test_a_version_that_is_unloaded_is_not_watched_and_goes_on_later(rig: Rig) -> None:
    rig.write()

    async def story() -> None:
        await rig.serve()
        await rig.tick(40)
        with pytest.raises(MonitoringError, match=r"version 2 is not .*: watched are versions 1\."):
            await rig.controller.status(MODEL, 2)
        with pytest.raises(MonitoringError, match=r"that is loaded; watched are fraud\.$"):
            await rig.controller.status("fruad")
        rig.controller.unserved(MODEL, 1)
        await rig.settled()
        with pytest.raises(MonitoringError, match=r"wanted a version that is loaded\.$") as refused:
            await rig.controller.status(MODEL)
        assert (refused.value.code, rig.controller.watched) == ("NOT_FOUND", [])
        await rig.serve()
        assert (await rig.look()).rows == 40
        await rig.controller.close()

    do(story())


def test_without_a_judge_counts_go_to_metrics_alone(tmp_path: Path) -> None:
    rig = Rig(tmp_path, has_judge=False)
    rig.write()

    async def story() -> None:
        await rig.serve()
        status = await rig.tick(1000)
        assert (status.rows, status.columns) == (1000, ())
        assert "pip install 'penstock[monitoring]'" in status.notes[-1]
        assert rig.watch.sample_rows == 0
        kept = rig.kept.get(MODEL, 1)
        assert kept is not None
        assert kept.frames == ()
        labels = f'model="{MODEL}",version="1"'
        text = drift_metrics_text(rig.controller)
        assert f"penstock_drift_rows_total{{{labels}}} 1000" in text
        await rig.controller.close()

    do(story())


@pytest.mark.parametrize(
    ("settings", "refuses", "why"),
    [
        ('mode = "off"', None, "mode off"),
        ("share = 7", None, "share: wanted"),
        (
            "",
            EngineError("'x' has no element 1.", code="INVALID_ARGUMENT"),
            "'x' has no element 1.",
        ),
    ],
)
def test_what_cannot_be_watched_says_why(
    rig: Rig, settings: str, refuses: EngineError | None, why: str
) -> None:
    rig.write(settings=settings)
    rig.watches.refuses = refuses

    async def story() -> None:
        await rig.serve()
        with pytest.raises(MonitoringError, match=why) as refused:
            await rig.controller.status(MODEL)
        assert refused.value.code == "NOT_FOUND"
        rig.write()
        rig.watches.refuses = None
        await rig.serve()
        assert (await rig.look()).reference == "profile"
        await rig.controller.close()

    do(story())


def test_a_profile_of_another_schema_is_told_and_rows_are_gathered(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    rig.write()
    other = small_profile(MODEL, "a", "b", "c")
    write_profile(other, rig.version().files / "profile.json")

    async def story() -> None:
        await rig.serve()
        status = await rig.look()
        assert status.reference == "learning"
        assert "the profile is of another schema" in status.notes[0]
        (told,) = [one for one in caplog.records if one.message == "monitoring_note"]
        assert told.levelname == "WARNING"
        await rig.controller.close()

    do(story())


@pytest.mark.parametrize("jump_s", [-86_400.0, 86_400.0])
def test_a_wall_clock_that_is_set_changes_no_tick(rig: Rig, jump_s: float) -> None:
    rig.write()

    async def story() -> None:
        await rig.serve()
        await rig.tick(40)
        rig.clock.wall_s += jump_s
        assert (await rig.tick(40)).ticks == 2
        await rig.controller.close()

    do(story())


def test_an_engine_that_has_ended_is_no_failure(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    rig.write()

    async def story() -> None:
        await rig.serve()
        rig.watch.rows = 5
        await rig.look()
        rig.watch.has_ended = True
        await rig.look()
        await rig.controller.close()
        assert "monitor_failed" not in events(caplog)
        rig.start_again()
        await rig.serve()
        assert (await rig.look()).rows == 5
        await rig.controller.close()

    do(story())


def test_a_tick_of_few_sticky_keys_goes_on_until_it_can_end(rig: Rig) -> None:
    rig.write()

    async def story() -> None:
        await rig.serve()
        status = None
        for _ in range(8):
            # What ten keys may bring, once they are forgotten.
            status = await rig.tick(10)
        assert rig.watch.keys_forgotten >= 8
        assert status is not None
        assert status.ticks == 2
        await rig.controller.close()

    do(story())
