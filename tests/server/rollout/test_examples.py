# SPDX-License-Identifier: Apache-2.0
"""Pairs that a shadow keeps for a person: when they are written, and when they are gone."""

import asyncio
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

from penstock.errors import RolloutError, StoreError
from penstock.rollout.controller import RolloutController
from penstock.rollout.evidence import ShadowCounts
from penstock.rollout.shadow_example import ShadowExample
from penstock.rollout.spec import RolloutShadowSpec, RolloutSpec
from penstock.rollout.store import SqliteStore

SPEC = RolloutSpec(shadow=RolloutShadowSpec(examples=3, examples_kept_s=3600.0))


class CountingStore(SqliteStore):
    """Counts what it is asked, and refuses examples while it is told to."""

    is_full = False
    saves = 0

    def save_examples(self, *arguments: Any, **options: Any) -> None:
        if self.is_full:
            raise StoreError("The disk is full.")
        self.saves += 1
        super().save_examples(*arguments, **options)


class House:
    """A controller over a store; `pair` is a pair that the shadow keeps now."""

    def __init__(self, folder: Path | None = None) -> None:
        self.clock = HandClock()
        self.traffic = PuppetTraffic()
        self.folder = folder
        self._begin()

    def _begin(self) -> None:
        self.store = CountingStore(self.folder)
        self.rollouts = RolloutController(
            traffic=self.traffic,
            versions=ListedVersions(),
            champion=HearingChampion(),
            store=self.store,
            clock=self.clock,
        )

    @property
    def trial(self) -> PuppetTrial:
        return self.traffic.trials[-1]

    def pair(self, key: int) -> ShadowExample:
        made = ShadowExample(
            shadow="shadow", wall_ms=self.clock.wall_ms(), key_hash=key, pair_json='{"inputs": []}'
        )
        self.trial.pairs.append(made)
        return made

    async def look(self, seconds: float = 1.0) -> None:
        self.clock.pass_by(seconds)
        await self.rollouts.tick()
        await self.rollouts.idle()

    async def restart(self, *, is_loaded: bool = True) -> None:
        await self.rollouts.close()
        self.clock.now_s = 5.0
        self.clock.wall_s += 60.0
        self._begin()
        await self.rollouts.remember()
        if is_loaded:
            await self.rollouts.restore()

    async def found(self) -> list[int]:
        return [one.key_hash for one in (await self.rollouts.examples("fraud"))[1]]

    def kept(self) -> list[int]:
        return [one.key_hash for _, one in self.store.examples("fraud-1")]


def run(story: Coroutine[Any, Any, None]) -> None:
    asyncio.run(story)


def test_examples_are_told_as_they_come_and_written_once_their_stage_has_ended() -> None:
    async def story() -> None:
        house = House()
        await house.rollouts.start("fraud", 2, SPEC)
        house.pair(1)
        await house.look()
        house.pair(2)
        await house.look()
        assert (await house.rollouts.examples("fraud"))[0] == "fraud-1"
        assert (await house.found(), house.store.saves) == ([2, 1], 0)
        counts = ShadowCounts(name="shadow", offered=200, compared=200, agreed=200)
        house.trial.beyond = replace(house.trial.beyond, shadows=(counts,))
        await house.look(61)
        assert house.rollouts.status("fraud").state == "canary"
        assert (house.kept(), house.store.saves) == ([1, 2], 1)
        await house.look()
        assert house.store.saves == 1
        house.pair(3)  # of a copy that was under way
        await house.rollouts.roll_back("fraud")
        await house.look()
        assert (house.kept(), await house.found()) == ([1, 2, 3], [3, 2, 1])
        await house.rollouts.close()

    run(story())


def test_a_rollout_that_wants_no_examples_writes_none() -> None:
    async def story() -> None:
        house = House()
        await house.rollouts.start("fraud", 2)
        await house.rollouts.roll_back("fraud")
        await house.look()
        assert (await house.found(), house.store.saves) == ([], 0)
        with pytest.raises(RolloutError, match="no rollout"):
            await house.rollouts.examples("fraud", "fraud-9")
        await house.rollouts.close()

    run(story())


def test_a_restart_keeps_examples_and_adds_those_that_come_after(tmp_path: Path) -> None:
    async def story() -> None:
        house = House(tmp_path)
        await house.rollouts.start("fraud", 2, SPEC)
        for key in (1, 2):
            house.pair(key)
            house.clock.pass_by(1)
        await house.restart()
        house.pair(3)
        house.clock.pass_by(1)
        house.pair(4)
        assert await house.found() == [4, 3, 2, 1]
        await house.restart()
        assert (await house.found(), house.kept()) == ([4, 3, 2], [2, 3, 4])  # three are wanted
        await house.rollouts.close()

    run(story())


def test_examples_are_told_while_versions_are_loaded_after_a_restart(tmp_path: Path) -> None:
    async def story() -> None:
        house = House(tmp_path)
        await house.rollouts.start("fraud", 2, SPEC)
        house.pair(1)
        await house.restart(is_loaded=False)
        assert await house.found() == [1]
        await house.rollouts.close()
        assert SqliteStore(tmp_path).examples("fraud-1")[0][1].key_hash == 1

    run(story())


@pytest.mark.parametrize("is_restarted", [False, True])
def test_examples_are_forgotten_when_they_are_too_old(tmp_path: Path, is_restarted: bool) -> None:
    async def story() -> None:
        house = House(tmp_path)
        await house.rollouts.start("fraud", 2, SPEC)
        house.pair(1)
        house.clock.pass_by(1800)
        house.pair(2)
        await house.rollouts.roll_back("fraud")
        await house.look()
        assert house.kept() == [1, 2]
        house.clock.pass_by(1801)
        assert (await house.found(), house.kept()) == ([2], [1, 2])  # not told though still there
        if is_restarted:
            await house.restart()
        await house.look()
        assert house.kept() == [2]
        await house.look(1800)
        assert house.kept() == []
        await house.rollouts.close()

    run(story())


def test_examples_that_cannot_be_written_are_written_later() -> None:
    async def story() -> None:
        house = House()
        await house.rollouts.start("fraud", 2, SPEC)
        house.pair(1)
        house.store.is_full = True
        await house.rollouts.roll_back("fraud")
        await house.look()
        assert (house.kept(), await house.found()) == ([], [1])
        house.store.is_full = False
        await house.look()
        assert house.kept() == [1]
        await house.rollouts.close()

    run(story())
