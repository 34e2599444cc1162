# SPDX-License-Identifier: Apache-2.0
"""What is loaded and unloaded of models whose new versions are rolled out."""

import shutil
from pathlib import Path

import pytest
from tests.doubles.house import House, tell
from tests.doubles.pinned_routes import PinnedRoutes

from penstock.config import ServerOptions
from penstock.engine import Engine
from penstock.rollout.spec import ArmSpec, RouteFileSpec, StickySpec
from penstock.rollout.standing import Standing
from penstock.traffic import EngineTraffic

LAZY = 'parameters { key: "penstock.load" value { string_value: "lazy" } }'


class Rolled:
    """A house that rolls out; `begun` are the rollouts that it has asked for."""

    def __init__(self, repository: Path, mode: str) -> None:
        self.begun: list[tuple[str, int]] = []
        self.routes = PinnedRoutes()
        self.standing = Standing(self.routes, (), start=lambda *one: self.begun.append(one))
        self.house = House(repository, mode=mode, standing=self.standing)

    def add(self, version: int, more: str = "") -> None:
        self.house.add("m", version=version, more=more)
        (self.house.repository / "m" / "rollout.toml").touch()


def test_the_end_of_a_rollout_unloads_what_it_held_and_loads_nothing(tmp_path: Path) -> None:
    rolled = Rolled(tmp_path, "explicit")

    async def story(house: House) -> None:
        rolled.add(1)
        await house.load("m")
        rolled.add(2)
        await house.load("m")
        assert house.engine.serving == {("m", 1), ("m", 2)} and rolled.begun == [("m", 2)]
        rolled.standing.began("m", 1, 2)
        rolled.add(3)  # which nobody has asked for
        rolled.standing.went_live("m", 2, [1, 2])
        house.controller.settle("m")
        await house.controller.idle()
        assert house.engine.serving == {("m", 2)} and house.loads() == [("m", 1), ("m", 2)]

    tell(rolled.house, story)


def test_a_candidate_of_a_lazy_model_is_loaded_and_answers_nobody(tmp_path: Path) -> None:
    rolled = Rolled(tmp_path, "poll")
    rolled.add(1, LAZY)

    async def story(house: House) -> None:
        await house.controller.start()
        assert house.engine.serving == set()
        rolled.add(2, LAZY)
        await house.polled()
        assert house.engine.serving == {("m", 2)} and rolled.begun == [("m", 2)]
        assert rolled.routes.pins == {"m": 1}

    tell(rolled.house, story)


def test_stable_stays_loaded_though_the_candidate_has_taken_its_place_in_the_folder(
    tmp_path: Path,
) -> None:
    rolled = Rolled(tmp_path, "poll")
    rolled.add(1)

    async def story(house: House) -> None:
        await house.controller.start()
        rolled.add(2)
        shutil.rmtree(tmp_path / "m" / "1")
        await house.polled()
        assert house.engine.serving == {("m", 1), ("m", 2)} and rolled.begun == [("m", 2)]
        assert rolled.routes.pins == {"m": 1}
        rolled.standing.began("m", 1, 2)
        rolled.standing.went_live("m", 2, [1, 2])
        house.controller.settle("m")
        await house.controller.idle()
        assert house.engine.serving == {("m", 2)}

    tell(rolled.house, story)


@pytest.mark.parametrize("source", ["request_id", "header", "parameter"])
def test_the_core_takes_a_route_of_each_source_of_keys(source: str) -> None:
    traffic = EngineTraffic(Engine(ServerOptions.model_validate({}), None).traffic, {})
    sticky = StickySpec.model_validate({"source": source})
    traffic.set_route("m", RouteFileSpec(sticky=sticky, arms=(ArmSpec(name="a", share_bp=10_000),)))


def test_what_a_package_calls_sensitive_is_so_to_the_shadows_of_its_route(tmp_path: Path) -> None:
    rolled = Rolled(tmp_path, "explicit")
    rolled.house.add("m", version=1)
    folder = tmp_path / "m"
    (folder / "1" / "signature.json").write_text(
        '{"inputs": [{"name": "age", "datatype": "FP32", "shape": [-1, 1], "sensitive": ["age"]},'
        ' {"name": "x", "datatype": "FP32", "shape": [-1, 1]}], "outputs": []}'
    )
    (folder / "route.toml").write_text(
        "[[arms]]\nname = 'stable'\nshare_bp = 10000\n"
        "[[shadows]]\nversion = 2\nexamples = 5\nsensitive = ['zip']\n"
    )

    async def story(house: House) -> None:
        await house.load("m")
        route = rolled.routes.routes["m"]
        assert route is not None and route.shadows[0].sensitive == ("age", "zip")

    tell(rolled.house, story)
