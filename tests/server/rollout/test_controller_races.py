# SPDX-License-Identifier: Apache-2.0
"""What comes while the controller waits for its store: verdicts, cancellations, early calls."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.server.rollout.test_controller import NO_SHADOW, House, refusal, run

from penstock.rollout.evidence import BadEvent, NativeVerdict
from penstock.rollout.record import Record
from penstock.rollout.store import SqliteStore

CUT = NativeVerdict(
    rolls_back=True, cause="non_finite", guardrail="errors", log_e=0.0, log_limit=5.0, wall_ms=1
)


class InterruptedStore(SqliteStore):
    """Does `meanwhile`, in the thread that saves, before each save."""

    def __init__(self, folder: Path | None = None) -> None:
        super().__init__(folder)
        self.meanwhile: Callable[[Record], None] = lambda record: None

    def save(self, record: Record, events: Sequence[BadEvent] = ()) -> None:
        self.meanwhile(record)
        super().save(record, events)


def interrupted() -> tuple[House, InterruptedStore]:
    house, store = House(), InterruptedStore()
    house.store = store
    house.rollouts = house.controller()
    return house, store


def test_nothing_goes_live_that_the_core_cut_while_that_was_written_down() -> None:
    async def story() -> None:
        house, store = interrupted()
        await house.rollouts.start("fraud", 2, NO_SHADOW)

        def decide(record: Record) -> None:
            if record.state == "live":
                house.trial.decide(CUT)

        store.meanwhile = decide
        await house.rollouts.promote("fraud")
        await house.rollouts.idle()
        status = house.rollouts.status("fraud")
        assert [line.state for line in status.log[-2:]] == ["live", "rolled_back"]
        assert (status.log[-1].by, house.trial.is_closed) == ("judge", True)
        assert house.champion.heard == [("rolled_back", "fraud", 2)]
        await house.rollouts.close()

    run(story())


def test_whoever_is_cancelled_while_it_saves_leaves_every_event_kept_once() -> None:
    async def story() -> None:
        house, store = interrupted()
        await house.rollouts.start("fraud", 2, NO_SHADOW)
        house.trial.answer(10_000)
        house.trial.fail("canary")
        saves, may_save = threading.Event(), threading.Event()

        def wait(record: Record) -> None:
            saves.set()
            assert may_save.wait(30)

        store.meanwhile = wait
        looking = asyncio.create_task(house.rollouts.tick())
        await asyncio.to_thread(saves.wait, 30)
        looking.cancel()
        closing = asyncio.create_task(house.rollouts.tick())
        may_save.set()
        await asyncio.gather(looking, closing, return_exceptions=True)
        assert looking.cancelled() and closing.exception() is None
        assert len(store.events("fraud-1")) == 1
        await house.rollouts.close()

    run(story())


def test_a_model_whose_rollout_is_remembered_gets_no_other_before_it_goes_on(
    tmp_path: Path,
) -> None:
    async def story() -> None:
        house = House(tmp_path)
        await house.rollouts.start("fraud", 2, NO_SHADOW)
        await house.rollouts.close()
        house.store = SqliteStore(tmp_path)
        house.rollouts = house.controller()
        await house.rollouts.remember()
        refused = await refusal(house.rollouts.start("fraud", 2, NO_SHADOW))
        assert "has a rollout already" in str(refused)
        house.versions.loaded["iris"] = [1, 2]
        house.versions.served_versions["iris"] = 1
        early = await house.rollouts.start("iris", 2, NO_SHADOW)
        trials = len(house.traffic.trials)
        await house.rollouts.restore()
        # That of fraud went on; that of iris, which had begun by then, was left alone.
        assert len(house.traffic.trials) == trials + 1
        assert house.rollouts.status("iris").log == early.log
        await house.rollouts.close()

    run(story())
