# SPDX-License-Identifier: Apache-2.0
"""The follower by itself, between a registry and models that answer when the test says so."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import closing
from pathlib import Path
from typing import Any

from penstock.registry.entries import ModelAlias
from penstock.registry.kept import KeptVersions
from penstock.registry.place import registry_place
from penstock.registry.process import RegistryProcess
from penstock.repository.follower import CHANGES_AT_A_TIME, RegistryFollower
from penstock.repository.loader import LoadReport

PATIENCE_S = 30.0
ONE, TWO = (ModelAlias(version=number, made_ms=7) for number in (1, 2))


class HeldRegistry(RegistryProcess):
    """Names what `wanted` holds; a fetch ends once `gates` has its version's gate open."""

    def __init__(self) -> None:
        super().__init__(registry_place("sqlite:///none.db", folder=Path("/")))
        self.wanted: dict[str, ModelAlias] = {}
        self.gates: dict[tuple[str, int], asyncio.Event] = {}
        self.fetched: list[tuple[str, int]] = []

    async def look(self, alias: str) -> dict[str, ModelAlias]:
        return dict(self.wanted)

    async def has(self, name: str, version: int) -> bool:
        return True

    async def fetch(self, name: str, version: int, folder: Path, bytes_max: int) -> dict[str, str]:
        self.fetched.append((name, version))
        if gate := self.gates.get((name, version)):
            await gate.wait()
        (folder / "model.onnx").write_text("x")
        return {}


class HeldModels:
    """Serves whatever is kept; the unload of the models in `held` ends once their gate opens."""

    def __init__(self, kept: KeptVersions) -> None:
        self._kept = kept
        self.held: dict[str, asyncio.Event] = {}
        self.served: dict[str, list[int]] = {}
        self.order: list[tuple[str, list[int]]] = []

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

    async def refuse_followed(self, name: str, number: int, reason: str) -> LoadReport:
        return LoadReport(name=name, version=number, seconds=0.0, reason=reason)

    async def is_elsewhere(self, name: str) -> bool:
        return False

    def serves(self, name: str, number: int) -> bool:
        return number in self.served.get(name, ())


class Followed:
    """One follower and what it speaks to."""

    def __init__(self, kept: KeptVersions) -> None:
        self.registry = HeldRegistry()
        self.models = HeldModels(kept)
        self.follower = RegistryFollower(
            self.registry, kept, self.models, alias="champion", seconds=60, bytes_max=1 << 30
        )

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
