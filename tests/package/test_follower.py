# SPDX-License-Identifier: Apache-2.0
"""The follower by itself, between a registry and models that answer when the test says so."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from penstock.errors import RegistryError
from penstock.registry.entries import LookedModel, ModelAlias
from penstock.registry.following import RETRY_SECONDS
from penstock.registry.kept import KeptVersions
from penstock.registry.place import registry_place
from penstock.registry.process import RegistryProcess
from penstock.registry.tags import REFUSED_TAG
from penstock.repository.followed_rollouts import FollowedRollouts
from penstock.repository.follower import CHANGES_AT_A_TIME, RegistryFollower
from penstock.repository.loader import LoadReport
from penstock.rollout.spec import RolloutSpec
from penstock.rollout.standing import Standing

PATIENCE_S = 30.0
ONE, TWO = (ModelAlias(version=number, made_ms=7) for number in (1, 2))


class HeldRegistry(RegistryProcess):
    """Names what `wanted` holds; a fetch ends once `gates` has its version's gate open."""

    def __init__(self) -> None:
        super().__init__(registry_place("sqlite:///none.db", folder=Path("/")))
        self.wanted: dict[str, ModelAlias] = {}
        self.looked: dict[str, LookedModel] = {}  # of models that have a candidate as well
        self.gates: dict[tuple[str, int], asyncio.Event] = {}
        self.fetched: list[tuple[str, int]] = []
        self.fetching = self.fetching_most = 0
        self.tags: dict[tuple[str, int], dict[str, str]] = {}
        self.failures: dict[tuple[str, int], str] = {}
        self.notes: list[tuple[str, int, str]] = []
        self.takes_notes = True

    async def look(self, alias: str) -> dict[str, LookedModel]:
        return {name: LookedModel(served=one) for name, one in self.wanted.items()} | self.looked

    async def has(self, name: str, version: int) -> bool:
        return True

    async def fetch(self, name: str, version: int, folder: Path, bytes_max: int) -> dict[str, str]:
        self.fetched.append((name, version))
        self.fetching += 1
        self.fetching_most = max(self.fetching_most, self.fetching)
        if gate := self.gates.get((name, version)):
            await gate.wait()
        self.fetching -= 1
        if reason := self.failures.get((name, version)):
            raise RegistryError(reason)
        (folder / "model.onnx").write_text("x")
        return self.tags.get((name, version), {})

    async def note(self, name: str, version: int, reason: str) -> None:
        if not self.takes_notes:
            raise RegistryError("It is away.")
        self.notes.append((name, version, reason))
        self.tags[name, version] = {REFUSED_TAG: reason} if reason else {}


class HeldModels:
    """Serves whatever is kept; the unload of the models in `held` ends once their gate opens."""

    def __init__(self, kept: KeptVersions) -> None:
        self._kept = kept
        self.held: dict[str, asyncio.Event] = {}
        self.served: dict[str, list[int]] = {}
        self.order: list[tuple[str, list[int]]] = []
        self.removed: list[str] = []

    async def load_followed(self, name: str) -> list[LoadReport]:
        now = list(self._kept.versions(name))
        gone = set(self.served.get(name, ())) - set(now)
        self.served[name] = now
        self.order.append((name, now))
        if gone and (gate := self.held.get(name)):
            await gate.wait()
        return []

    async def remove_followed(self, name: str) -> None:
        self.served.pop(name, None)
        self.removed.append(name)

    async def refuse_followed(self, name: str, number: int, reason: str) -> LoadReport:
        return LoadReport(name=name, version=number, seconds=0.0, reason=reason)

    async def is_elsewhere(self, name: str) -> bool:
        return False

    def serves(self, name: str, number: int) -> bool:
        return number in self.served.get(name, ())

    def loaded_versions(self, name: str) -> list[int]:
        return sorted(self.served.get(name, ()))

    def rollout_spec(self, name: str) -> RolloutSpec | None:
        return None


class Followed:
    """One follower and what it speaks to."""

    def __init__(self, kept: KeptVersions) -> None:
        self.registry = HeldRegistry()
        self.models = HeldModels(kept)
        self.kept = kept
        self.now = 0.0
        self.follower = RegistryFollower(
            self.registry,
            kept,
            self.models,
            FollowedRollouts(self.registry, kept, self.models, Standing.without_rollouts()),
            alias="champion",
            seconds=60,
            bytes_max=1 << 30,
            clock=lambda: self.now,
        )

    def samples(self, name: str) -> list[float]:
        """Those of a metric, of all models."""
        lines = self.follower.metrics_text().splitlines()
        return [float(line.split()[-1]) for line in lines if line.startswith(f"{name}{{")]

    async def look_until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not holds():
                await self.follower.look()
                await asyncio.sleep(0)


def followed(tmp_path: Path, story: Callable[[Followed], Coroutine[Any, Any, None]]) -> None:
    async def run() -> None:
        with closing(KeptVersions(tmp_path, "uri")) as kept:
            one = Followed(kept)
            try:
                await story(one)
            finally:
                await one.follower.stop()

    asyncio.run(run())


def test_a_version_that_the_alias_left_while_it_was_fetched_is_never_served(
    tmp_path: Path,
) -> None:
    async def story(one: Followed) -> None:
        registry, models = one.registry, one.models
        registry.wanted = {"churn": ONE}
        await one.look_until(lambda: models.served == {"churn": [1]})
        gate = registry.gates["churn", 2] = asyncio.Event()
        registry.wanted = {"churn": TWO}
        await one.look_until(lambda: ("churn", 2) in registry.fetched)
        registry.wanted = {"churn": ONE}
        await one.follower.look()
        gate.set()
        three = ModelAlias(version=3, made_ms=7)
        registry.wanted = {"churn": three}
        await one.look_until(lambda: models.served == {"churn": [3]})
        assert all(2 not in versions for _, versions in models.order)

    followed(tmp_path, story)


def test_models_whose_old_versions_have_long_to_answer_keep_no_other_model_waiting(
    tmp_path: Path,
) -> None:
    slow = [f"slow{i}" for i in range(CHANGES_AT_A_TIME)]

    async def story(one: Followed) -> None:
        registry, models = one.registry, one.models
        registry.wanted = dict.fromkeys(slow, ONE)
        await one.look_until(lambda: all(models.served.get(name) == [1] for name in slow))
        models.held = {name: asyncio.Event() for name in slow}
        registry.wanted = dict.fromkeys(slow, TWO)
        await one.look_until(lambda: all(models.served.get(name) == [2] for name in slow))
        registry.wanted["fast"] = ONE
        await one.look_until(lambda: models.served.get("fast") == [1])
        del registry.wanted["fast"]
        await one.look_until(lambda: "fast" not in models.served)

    followed(tmp_path, story)


def test_fifty_models_are_fetched_a_few_at_a_time_and_one_that_hangs_holds_up_no_other(
    tmp_path: Path,
) -> None:
    names = [f"model{i}" for i in range(50)]

    async def story(one: Followed) -> None:
        registry, models = one.registry, one.models
        registry.wanted = dict.fromkeys(names, ONE)
        registry.gates = {(name, 1): asyncio.Event() for name in names}
        await one.look_until(lambda: registry.fetching == CHANGES_AT_A_TIME)
        gate = registry.gates["model7", 1]
        for other in registry.gates.values():
            if other is not gate:
                other.set()
        await one.look_until(lambda: len(models.served) == len(names) - 1)
        assert "model7" not in models.served
        assert registry.fetching_most == CHANGES_AT_A_TIME
        registry.wanted = dict.fromkeys(names, TWO)
        await one.look_until(lambda: list(models.served.values()) == [[2]] * (len(names) - 1))
        gate.set()
        await one.look_until(lambda: models.served == {name: [2] for name in names})
        assert models.order.count(("model7", [1])) == 0

    followed(tmp_path, story)


def test_a_version_that_is_served_loses_the_reason_that_an_earlier_server_has_left_on_it(
    tmp_path: Path,
) -> None:
    async def story(one: Followed) -> None:
        registry, models = one.registry, one.models
        registry.tags["churn", 1] = {REFUSED_TAG: "memory was short"}
        registry.wanted = {"churn": ONE, "clean": ONE}
        await one.look_until(lambda: registry.notes != [] and len(models.served) == 2)
        for _ in range(3):
            await one.follower.look()
        assert registry.notes == [("churn", 1, "")]

    followed(tmp_path, story)


def keep(kept: KeptVersions, name: str, version: ModelAlias) -> None:
    folder = kept.begin()
    (folder / "model.onnx").write_text("x")
    kept.keep(name, version, folder)
    kept.link(name, version)


def test_what_an_earlier_server_has_kept_is_counted_and_its_reasons_are_taken_away(
    tmp_path: Path,
) -> None:
    async def story(one: Followed) -> None:
        registry, models = one.registry, one.models
        keep(one.kept, "churn", ONE)
        await models.load_followed("churn")
        registry.wanted = {"churn": ONE}
        registry.takes_notes = False
        await one.look_until(lambda: one.samples("penstock_registry_served_version") == [1])
        registry.takes_notes = True
        await one.look_until(lambda: registry.notes == [("churn", 1, "")])
        for _ in range(3):
            await one.follower.look()
        assert (registry.fetched, registry.notes) == ([], [("churn", 1, "")])
        assert one.samples("penstock_registry_switches_total") == []

    followed(tmp_path, story)


def test_a_refused_versions_reason_is_written_at_every_try_for_another_server_may_remove_it(
    tmp_path: Path,
) -> None:
    async def story(one: Followed) -> None:
        registry, models = one.registry, one.models
        registry.failures["churn", 1] = "The disk is full."
        registry.wanted = {"churn": ONE}
        await one.look_until(lambda: len(registry.notes) == 1)
        await one.follower.look()
        one.now += RETRY_SECONDS
        await one.look_until(lambda: len(registry.notes) == 2)
        del registry.failures["churn", 1]
        one.now += 2 * RETRY_SECONDS
        await one.look_until(lambda: models.served == {"churn": [1]} and len(registry.notes) == 3)
        assert [reason for *_, reason in registry.notes] == ["The disk is full."] * 2 + [""]

    followed(tmp_path, story)


@pytest.mark.parametrize("name", ["..", "../..", "a/b", "a\0b", "x" * 300, ".hidden"])
def test_a_model_that_no_folder_can_be_called_by_is_refused_and_takes_nothing_along(
    name: str, tmp_path: Path
) -> None:
    precious = tmp_path / "precious"
    precious.write_text("of mine")

    async def story(one: Followed) -> None:
        registry, models = one.registry, one.models
        registry.wanted = {name: ONE, "churn": ONE}
        await one.look_until(lambda: len(registry.notes) == 1 and models.served == {"churn": [1]})
        assert "no model's folder can be called so" in registry.notes[0][2]
        del registry.wanted[name]
        await one.look_until(lambda: models.removed == [name])
        assert one.kept.versions("churn") == {1: ONE}

    followed(tmp_path / "a" / "cache", story)
    assert precious.read_text() == "of mine"
