# SPDX-License-Identifier: Apache-2.0
"""A rollout from its start to its end, over small parts; the clock goes on as a test says."""

import asyncio
import logging
from collections.abc import Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.doubles.rollout_parts import (
    HandClock,
    HearingChampion,
    ListedVersions,
    PuppetTraffic,
    PuppetTrial,
)

from penstock.errors import EngineError, PenstockError, RolloutError, StoreError
from penstock.rollout.controller import RolloutController
from penstock.rollout.evidence import BadEvent, NativeVerdict, ShadowCounts
from penstock.rollout.policy import EPOCHS_MAX
from penstock.rollout.record import Record
from penstock.rollout.spec import RolloutSpec
from penstock.rollout.store import SqliteStore

NO_SHADOW = RolloutSpec(shadow=None)


class House:
    """A controller and its parts; `restart` makes another over the same store."""

    def __init__(self, folder: Path | None = None) -> None:
        self.clock = HandClock()
        self.traffic = PuppetTraffic()
        self.versions = ListedVersions()
        self.champion = HearingChampion()
        self.folder = folder
        self.store: Any = SqliteStore(folder)
        self.specs: dict[str, RolloutSpec] = {}
        self.rollouts = self.controller()

    def controller(self) -> RolloutController:
        return RolloutController(
            traffic=self.traffic,
            versions=self.versions,
            champion=self.champion,
            store=self.store,
            clock=self.clock,
            spec_of=self.specs.get,
        )

    @property
    def trial(self) -> PuppetTrial:
        return self.traffic.trials[-1]

    async def look(self, seconds: float = 1.0) -> None:
        self.clock.pass_by(seconds)
        await self.rollouts.tick()
        await self.rollouts.idle()

    async def restart(self, *, is_killed: bool = False) -> None:
        if is_killed:
            self.store.close()
        else:
            await self.rollouts.close()
        self.store = SqliteStore(self.folder)
        self.clock.now_s = 5.0
        self.clock.wall_s += 60.0
        self.rollouts = self.controller()
        await self.rollouts.remember()
        await self.rollouts.restore()


def run(story: Coroutine[Any, Any, None]) -> None:
    asyncio.run(story)


async def refusal(call: Coroutine[Any, Any, Any]) -> PenstockError:
    with pytest.raises(PenstockError) as caught:
        await call
    return caught.value


def test_a_candidate_without_any_error_goes_all_the_way() -> None:
    async def story() -> None:
        house = House()
        status = await house.rollouts.start("fraud", 2)
        assert (status.state, status.id, status.stable) == ("shadow", "fraud-1", 1)
        assert house.trial.shares == [({"stable": 10_000, "control": 0, "canary": 0}, 0, True)]
        pairs = ShadowCounts(name="shadow", offered=200, compared=200, agreed=200)
        house.trial.beyond = replace(house.trial.beyond, shadows=(pairs,))
        steps = []
        for _ in range(30):
            await house.look(61)
            status = house.rollouts.status("fraud")
            steps.append(status.canary_bp)
            if status.state == "live":
                break
            house.trial.answer(60_000)
        assert (status.state, house.champion.heard) == ("live", [("promoted", "fraud", 2)])
        assert steps == sorted(steps) and steps[0] == 100 and steps[-2] == 5000
        assert house.trial.is_closed and house.trial.shares[-1][0]["canary"] == 10_000
        assert [line.state for line in status.log[:3]] == ["loaded", "shadow", "canary"]
        assert status.guardrails[0].is_passed
        await house.rollouts.close()

    run(story())


def test_what_the_core_decides_is_a_rollback_with_its_evidence() -> None:
    async def story() -> None:
        house = House()
        await house.rollouts.start("fraud", 2, NO_SHADOW)
        house.trial.answer(10_000)
        for _ in range(3):
            house.trial.fail("canary")
        await house.look()
        status = house.rollouts.status("fraud")
        assert (status.state, status.canary_bp, status.log[-1].by) == ("rolled_back", 0, "judge")
        assert "ln E is" in status.why and house.trial.is_closed
        assert house.champion.heard == [("rolled_back", "fraud", 2)]
        explained = await house.rollouts.explain("fraud")
        verdict = explained["verdict"]
        assert isinstance(verdict, dict) and verdict["agrees"] is True
        assert len(explained["events"]) == 2  # type: ignore[arg-type]
        await house.rollouts.close()

    run(story())


@pytest.mark.parametrize("is_killed", [False, True])
def test_a_restart_goes_on_with_the_judge_where_it_was(tmp_path: Path, is_killed: bool) -> None:
    async def story() -> None:
        house = House(tmp_path)
        await house.rollouts.start("fraud", 2, NO_SHADOW)
        salt = house.trial.wish.salt
        house.trial.answer(10_000)
        house.trial.fail("canary", key=7)
        house.trial.fail("stable", key=8)
        await house.look()
        evidence = house.trial.judge.log_e("errors")
        await house.restart(is_killed=is_killed)
        assert (house.trial.wish.salt, house.trial.wish.rollout) == (salt, "fraud-1")
        assert house.trial.judge.log_e("errors") == evidence
        house.trial.fail("canary", key=7)  # a repeat, also after the restart
        assert house.trial.judge.log_e("errors") == evidence
        assert house.trial.shares == [({"stable": 9800, "control": 100, "canary": 100}, 1, False)]
        house.trial.fail("canary", key=9)
        house.trial.fail("canary", key=10)
        await house.look()
        status = house.rollouts.status("fraud")
        assert status.state == "rolled_back" and status.clock_jumps == 0
        assert sum(epoch.arms["canary"].requests for epoch in status.evidence.epochs) == 104
        explained = await house.rollouts.explain("fraud")
        assert explained["verdict"]["agrees"] is True  # type: ignore[index]
        await house.rollouts.close()

    run(story())


def test_a_step_begins_anew_after_a_restart(tmp_path: Path) -> None:
    async def story() -> None:
        house = House(tmp_path)
        await house.rollouts.start("fraud", 2, NO_SHADOW)
        house.trial.answer(100_000)
        await house.look(59)
        await house.restart()
        house.trial.answer(100_000)
        await house.look(59)
        assert house.rollouts.status("fraud").canary_bp == 100
        await house.look(2)
        assert house.rollouts.status("fraud").canary_bp > 100
        await house.rollouts.close()

    run(story())


def test_the_champion_is_told_until_it_hears_and_across_restarts(tmp_path: Path) -> None:
    async def story() -> None:
        house = House(tmp_path)
        house.champion.is_deaf = True
        await house.rollouts.start("fraud", 2, NO_SHADOW)
        status = await house.rollouts.promote("fraud")
        assert status.state == "live"
        await house.look()
        assert not house.trial.is_closed  # its shares are what serves the candidate until then
        refused = await refusal(house.rollouts.start("fraud", 1, stable=2))
        assert refused.code == "FAILED_PRECONDITION"
        await house.restart()
        assert house.trial.shares[-1][0]["canary"] == 10_000
        house.champion.is_deaf = False
        await house.look(120)
        assert house.champion.heard == [("promoted", "fraud", 2)] and house.trial.is_closed
        assert house.rollouts.status("fraud").ended_ms == status.ended_ms
        await house.restart()
        await house.look(120)
        assert len(house.champion.heard) == 1
        await house.rollouts.close()

    run(story())


def test_a_pause_keeps_the_share_and_the_judge_goes_on() -> None:
    async def story() -> None:
        house = House()
        await house.rollouts.start("fraud", 2, NO_SHADOW)
        assert (await house.rollouts.pause("fraud")).is_paused
        house.trial.answer(100_000)
        await house.look(48 * 3600)
        status = house.rollouts.status("fraud")
        assert (status.state, status.canary_bp) == ("canary", 100)
        await house.rollouts.pause("fraud", is_paused=False)
        await house.look()
        assert house.rollouts.status("fraud").canary_bp > 100
        await house.rollouts.pause("fraud")
        for _ in range(20):
            house.trial.fail("canary")
        await house.look()
        assert house.rollouts.status("fraud").state == "rolled_back"
        await house.rollouts.close()

    run(story())


def test_what_the_judge_has_cut_is_not_promoted_any_more() -> None:
    async def story() -> None:
        house = House()
        await house.rollouts.start("fraud", 2, NO_SHADOW)
        for _ in range(4):
            house.trial.fail("canary")
        assert "out of traffic" in str(await refusal(house.rollouts.promote("fraud")))
        await house.look()
        assert house.rollouts.status("fraud").state == "rolled_back"
        await house.rollouts.close()

    run(story())


def test_a_held_rollout_waits_for_a_person() -> None:
    async def story() -> None:
        house = House()
        await house.rollouts.start("fraud", 2, NO_SHADOW)
        full = NativeVerdict(
            rolls_back=False, cause="events_full", guardrail="errors", log_e=0.0, log_limit=5.0,
            wall_ms=1,
        )  # fmt: skip
        house.trial.decide(full)
        await house.look()
        assert house.rollouts.status("fraud").state == "held"
        await house.look(7 * 24 * 3600)
        status = house.rollouts.status("fraud")
        assert (status.state, status.canary_bp) == ("held", 0)
        assert (await refusal(house.rollouts.pause("fraud"))).code == "FAILED_PRECONDITION"
        explained = await house.rollouts.explain("fraud")
        assert explained["verdict"]["agrees"] is None  # type: ignore[index]
        assert (await house.rollouts.promote("fraud")).state == "live"
        await house.rollouts.close()

    run(story())


def test_a_candidate_that_dies_or_goes_is_rolled_back_at_once() -> None:
    async def story() -> None:
        house = House()
        await house.rollouts.start("fraud", 2, NO_SHADOW)
        house.versions.crash_count += 1
        await house.look()
        assert "died" in house.rollouts.status("fraud").why
        await house.rollouts.start("fraud", 2, NO_SHADOW)
        house.versions.loaded["fraud"] = [1]
        await house.look()
        assert [line.state for line in house.rollouts.statuses()] == ["rolled_back"] * 2
        await house.rollouts.close()

    run(story())


def test_what_cannot_begin_is_refused_with_a_sentence() -> None:
    async def story() -> None:
        house = House()
        start = house.rollouts.start
        unknown = await refusal(start("nope", 2))
        assert unknown.code == "NOT_FOUND"
        assert (await refusal(start("fraud", 9))).code == "NOT_FOUND"
        assert "Version 9 of 'fraud' is not loaded; these are: 1, 2." in str(
            await refusal(start("fraud", 9))
        )
        assert (await refusal(start("fraud", 2, stable=7))).code == "NOT_FOUND"
        assert "is what is served already" in str(await refusal(start("fraud", 1)))
        house.versions.change = 'input "x" has another shape'
        assert "another shape" in str(await refusal(start("fraud", 2)))
        await start("fraud", 2, allows_signature_change=True)
        second = await refusal(start("fraud", 2, allows_signature_change=True))
        assert second.code == "FAILED_PRECONDITION" and "fraud-1" in str(second)
        await house.rollouts.roll_back("fraud", reason="enough")
        ended = await refusal(house.rollouts.promote("fraud"))
        assert "it is rolled_back" in str(ended)
        assert (await refusal(house.rollouts.promote("nope"))).code == "NOT_FOUND"
        with pytest.raises(RolloutError, match="no rollout"):
            house.rollouts.status("fraud", "fraud-9")
        await house.rollouts.close()

    run(story())


def test_a_refusal_of_the_core_leaves_nothing_behind() -> None:
    async def story() -> None:
        house = House()
        house.traffic.refusal = "no"
        assert isinstance(await refusal(house.rollouts.start("fraud", 2)), EngineError)
        assert house.rollouts.statuses() == []
        house.traffic.refusal = ""
        assert (await house.rollouts.start("fraud", 2)).id == "fraud-2"
        await house.rollouts.close()

    run(story())


def test_another_rollout_of_the_same_pair_has_another_salt() -> None:
    async def story() -> None:
        house = House()
        await house.rollouts.start("fraud", 2)
        await house.rollouts.roll_back("fraud")
        await house.rollouts.start("fraud", 2)
        salts = [trial.wish.salt for trial in house.traffic.trials]
        assert len(set(salts)) == 2 and all(0 <= salt < 2**64 for salt in salts)
        await house.rollouts.close()

    run(story())


def test_the_file_next_to_the_model_is_the_default_spec() -> None:
    async def story() -> None:
        house = House()
        house.specs["fraud"] = RolloutSpec(shadow=None, stages_bp=(700, 10_000))
        assert (await house.rollouts.start("fraud", 2)).canary_bp == 700
        await house.rollouts.close()

    run(story())


def test_a_wall_clock_that_is_set_is_counted_and_changes_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def story() -> None:
        house = House()
        await house.rollouts.start("fraud", 2, NO_SHADOW)
        house.clock.wall_s -= 7200.0
        with caplog.at_level(logging.WARNING):
            await house.look()
        status = house.rollouts.status("fraud")
        assert (status.state, status.canary_bp, status.clock_jumps) == ("canary", 100, 1)
        assert [record.message for record in caplog.records] == ["rollout_clock_jumped"]
        await house.rollouts.close()

    run(story())


class FailingStore(SqliteStore):
    """Refuses to save while it is told to."""

    is_full = False

    def save(self, record: Record, events: Any = ()) -> None:
        if self.is_full:
            raise StoreError("The disk is full.")
        super().save(record, events)


def test_a_store_that_fails_stops_steps_but_no_rollback() -> None:
    async def story() -> None:
        house = House()
        store = house.store = FailingStore(None)
        house.rollouts = house.controller()
        await house.rollouts.start("fraud", 2, NO_SHADOW)
        store.is_full = True
        house.trial.answer(100_000)
        await house.look(61)
        status = house.rollouts.status("fraud")
        assert status.canary_bp == 100 and "cannot be written down" in status.why
        for _ in range(4):
            house.trial.fail("canary")
        await house.look()
        assert house.trial.is_closed and house.rollouts.status("fraud").state == "rolled_back"
        store.is_full = False
        await house.look()
        (kept,) = store.records()
        assert (kept.state, kept.is_told, len(store.events("fraud-1"))) == ("rolled_back", True, 2)
        await house.rollouts.close()

    run(story())


def test_a_rollout_that_cannot_be_taken_up_again_is_rolled_back_after_a_minute(
    tmp_path: Path,
) -> None:
    async def story() -> None:
        house = House(tmp_path)
        await house.rollouts.start("fraud", 2, NO_SHADOW)
        house.traffic.refusal = "version 2 is not loaded"
        await house.restart()
        await house.look(30)
        assert house.rollouts.status("fraud").state == "canary"
        await house.look(31)
        assert house.rollouts.status("fraud").state == "rolled_back"
        assert house.champion.heard == [("rolled_back", "fraud", 2)]
        await house.rollouts.close()

    run(story())


def test_more_changes_of_the_shares_than_can_be_told_apart_hold_the_rollout(
    tmp_path: Path,
) -> None:
    async def story() -> None:
        house = House(tmp_path)
        await house.rollouts.start("fraud", 2, NO_SHADOW)
        for _ in range(EPOCHS_MAX + 2):
            await house.restart()
        assert house.trial.shares[-1][1] == EPOCHS_MAX - 1
        house.trial.answer(100_000)
        await house.look(61)
        assert house.rollouts.status("fraud").state == "held"
        await house.rollouts.close()

    run(story())


def test_a_storm_of_repeats_is_counted_but_not_kept() -> None:
    async def story() -> None:
        house = House()
        await house.rollouts.start("fraud", 2, NO_SHADOW)
        house.trial.answer(10_000)
        for _ in range(50):
            house.trial.fail("canary", key=1)
        await house.look()
        events: list[BadEvent] = house.store.events("fraud-1")
        assert [event.counts for event in events] == [True]
        counted = house.rollouts.status("fraud").evidence.epochs[-1].arms["canary"]
        assert counted.bad == {"error": 50}
        await house.rollouts.close()

    run(story())


def test_a_verdict_is_acted_on_without_waiting_for_the_next_second() -> None:
    async def story() -> None:
        house = House()
        await house.rollouts.start("fraud", 2, NO_SHADOW)
        task = asyncio.create_task(house.rollouts.run())
        for _ in range(4):
            house.trial.fail("canary")
        house.rollouts.wake()
        async with asyncio.timeout(0.9):
            while house.rollouts.status("fraud").state != "rolled_back":
                await asyncio.sleep(0)
        task.cancel()
        await house.rollouts.close()

    run(story())


def test_a_rollout_whose_route_is_refused_leaves_nothing_behind() -> None:
    async def story() -> None:
        house = House()
        house.traffic.wrong_route = "there is no such arm"
        assert "no such arm" in str(await refusal(house.rollouts.start("fraud", 2)))
        assert house.rollouts.statuses() == [] and house.store.records() == []
        assert house.traffic.abandoned == ["fraud"] and house.trial.is_closed
        house.traffic.wrong_route = ""
        assert (await house.rollouts.start("fraud", 2)).state == "shadow"
        await house.rollouts.close()

    run(story())


def test_a_rollout_that_cannot_be_looked_at_keeps_no_other_one_waiting() -> None:
    async def story() -> None:
        house = House()
        house.versions.loaded["spam"], house.versions.served_versions["spam"] = [1, 2], 1
        await house.rollouts.start("fraud", 2, NO_SHADOW)
        house.trial.answer(100_000)
        house.trial.wrong_route = "no"
        await house.rollouts.start("spam", 2, NO_SHADOW)
        house.trial.answer(100_000)
        await house.look(61)
        assert house.rollouts.status("spam").canary_bp > 100
        await house.rollouts.close()

    run(story())
