# SPDX-License-Identifier: Apache-2.0
"""Which version answers while versions and rollouts come and go, and after a restart."""

from pathlib import Path

import pytest
from tests.doubles.pinned_routes import PinnedRoutes

from penstock.rollout.record import Record
from penstock.rollout.spec import RolloutSpec, RouteFileSpec
from penstock.rollout.standing import Standing
from penstock.rollout.status import State


class House:
    """A Standing over ended rollouts; versions are loaded one after another, as a server does."""

    def __init__(self, folder: Path, *ended: tuple[int, int, State]) -> None:
        self.folder = folder
        self.routes = PinnedRoutes()
        self.begun: list[tuple[str, int]] = []
        self.standing = Standing(
            self.routes,
            [record(number, *one) for number, one in enumerate(ended, 1)],
            start=lambda model, number: self.begun.append((model, number)),
        )

    def load(
        self, *numbers: int, before: tuple[int, ...] = (), failing: tuple[int, ...] = ()
    ) -> list[bool]:
        """One look at the files that finds these versions to load, where `before` serve."""
        rolled = [self.standing.before_load("m", n, self.folder, before) for n in numbers]
        loaded = sorted({*before, *numbers} - {*failing})
        self.standing.after_loads("m", loaded)
        self.standing.after_load("m", loaded)
        return rolled

    def answers(self, *loaded: int) -> int | None:
        return self.standing.served("m", loaded)


def record(number: int, stable: int, candidate: int, state: State) -> Record:
    return Record(
        id=f"m-{number}",
        model="m",
        stable=stable,
        candidate=candidate,
        number=1,
        salt=number,
        spec=RolloutSpec(),
        state=state,
        canary_bp=0,
        started_ms=number,
        why="Because.",
        is_told=True,
    )


@pytest.fixture
def ruled(tmp_path: Path) -> Path:
    """A model's folder with a rollout policy."""
    (tmp_path / "rollout.toml").touch()
    return tmp_path


@pytest.mark.parametrize("state", ["live", "rolled_back"])
def test_a_restart_answers_with_the_newest_version_where_no_policy_asks_for_a_rollout(
    tmp_path: Path, state: State
) -> None:
    """Newer versions came and answered since that rollout: it decides nothing any more."""
    house = House(tmp_path, (1, 2, state))
    served = 2 if state == "live" else 1
    assert house.load(served, 4) == [False, False]
    assert house.answers(served, 4) == 4 and house.routes.pins == {}


def test_what_came_while_the_server_was_down_is_a_candidate_of_what_answered(ruled: Path) -> None:
    house = House(ruled, (1, 2, "live"))
    assert house.load(1, 2, 3) == [False, False, True]
    assert house.answers(1, 2, 3) == 2 and house.begun == [("m", 3)]


def test_what_was_rolled_back_stays_out_of_the_way_after_a_restart(ruled: Path) -> None:
    house = House(ruled, (1, 2, "rolled_back"))
    assert house.load(1, 2) == [False, False]
    assert house.answers(1, 2) == 1 and house.begun == []


def test_a_new_version_waits_for_its_rollout_and_stable_answers(ruled: Path) -> None:
    house = House(ruled)
    assert house.load(1) == [False] and house.routes.pins == {}
    assert house.load(2, before=(1,)) == [True]
    assert house.answers(1, 2) == 1 and house.begun == [("m", 2)]


def test_a_rollout_that_could_not_begin_keeps_the_next_one_from_nothing(ruled: Path) -> None:
    house = House(ruled)
    house.load(1)
    house.load(2, before=(1,))
    house.standing.began("m", 1, 2)
    assert house.load(3, before=(1, 2)) == [True] and house.begun == [("m", 2)]
    house.standing.abandoned("m")
    assert house.begun == [("m", 2), ("m", 3)] and house.answers(1, 2, 3) == 1


def test_a_stable_version_that_is_gone_leaves_the_highest(ruled: Path) -> None:
    house = House(ruled, (1, 2, "rolled_back"))
    house.load(2)
    assert house.answers(2) == 2 and house.routes.pins == {}


def test_what_was_rolled_back_does_not_answer_because_a_newer_version_fails_to_load(
    tmp_path: Path,
) -> None:
    house = House(tmp_path, (1, 2, "rolled_back"))
    house.load(1, 2)
    house.load(3, before=(1, 2), failing=(3,))
    assert house.answers(1, 2) == 1
    house.load(3, before=(1, 2))
    assert house.answers(1, 2, 3) == 3 and house.routes.pins == {}


def test_versions_of_a_route_s_arms_and_shadows_stay_loaded(tmp_path: Path) -> None:
    house = House(tmp_path)
    spec = {
        "arms": [{"name": "main", "share_bp": 10_000, "version": 3}],
        "shadows": [{"version": 1}, {"version": 2, "model": "another"}],
    }
    house.standing.set_route("m", RouteFileSpec.model_validate(spec))
    assert house.standing.held("m") == {1, 3}
