# SPDX-License-Identifier: Apache-2.0
"""Several repositories, and repositories that change while the server runs."""

import asyncio
import shutil
import threading
from pathlib import Path

import pytest
from tests.doubles.house import LATER, House, X, tell
from tests.doubles.model_files import add_identity

from penstock.errors import RepositoryError
from penstock.repository.changes import PollChanges
from penstock.repository.records import DUPLICATE

# --- several repositories ---


def test_a_name_in_two_repositories_is_unavailable_in_both(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    house = House(one, two)
    house.add("both")
    add_identity(two, "both", X, 4)
    add_identity(two, "single", X, 4)

    async def story(house: House) -> None:
        assert DUPLICATE in str(await house.failure("both"))
        assert await house.states() == [
            ("both", "", "UNAVAILABLE", DUPLICATE),
            ("single", "", "", ""),
        ]
        assert await house.states(repository="one") == [("both", "", "", "")]
        await house.load("single", repository=str(two))
        await house.load("both", repository="two")  # which says which is meant
        refusal = await house.failure("single", repository="three")
        assert "no repository 'three': wanted one of" in str(refusal)

    tell(house, story)


def test_a_duplicate_is_told_at_start(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    house = House(one, two, mode="poll")
    house.add("both", version=3)
    add_identity(two, "both", X, 4)

    async def story(house: House) -> None:
        (report,) = await house.controller.start()
        assert (report.version, report.reason) == (3, DUPLICATE)
        assert await house.states() == [("both", "3", "UNAVAILABLE", DUPLICATE)]
        assert await house.polled() == PollChanges()
        shutil.rmtree(two / "both")
        assert (await house.polled()).load == ("both",)
        assert ("both", "3", "READY", "") in await house.states()
        add_identity(two, "both", X, 4)
        await house.polled()
        assert [state for *_, state in await house.states()] == [DUPLICATE]
        assert house.engine.serving == set()

    tell(house, story)


# --- polling ---


def test_polling_follows_the_repository(tmp_path: Path) -> None:
    house = House(tmp_path, mode="poll")
    house.add("old")

    async def story(house: House) -> None:
        await house.controller.start()
        assert await house.polled() == PollChanges()
        house.add("new")
        house.add("old", version=2)
        assert await house.polled() == PollChanges(load=("new", "old"))
        assert house.engine.serving == {("new", 1), ("old", 2)}
        shutil.rmtree(tmp_path / "old")
        assert await house.polled() == PollChanges(unload=("old",))
        assert await house.states() == [("new", "1", "READY", "")]

    tell(house, story)


def test_a_version_added_under_polling_leaves_the_others_alone(tmp_path: Path) -> None:
    house = House(tmp_path, mode="poll")
    house.add("m", more="version_policy { all { } }")

    async def story(house: House) -> None:
        await house.controller.start()
        (tmp_path / "m" / "2").mkdir()
        await house.polled()
        assert house.loads() == [("m", 1), ("m", 2)]
        (tmp_path / "m" / "1" / "weights").write_text("other weights")
        await house.polled()
        assert house.loads() == [("m", 1), ("m", 2), ("m", 1)]

    tell(house, story)


def test_a_change_that_fails_is_tried_once_and_leaves_what_serves(tmp_path: Path) -> None:
    house = House(tmp_path, mode="poll")
    house.add("m")

    async def story(house: House) -> None:
        await house.controller.start()
        (tmp_path / "m" / "config.pbtxt").write_text("nonsense")
        assert (await house.polled()).load == ("m",)
        assert await house.polled() == PollChanges()
        assert house.engine.serving == {("m", 1)}
        house.add("m", more="# mended")
        assert (await house.polled()).load == ("m",)
        assert await house.states() == [("m", "1", "READY", "")]

    tell(house, story)


def test_a_model_that_is_being_loaded_is_left_for_the_next_look(tmp_path: Path) -> None:
    house = House(tmp_path, mode="poll")
    gate = house.engine.gates["m"] = threading.Event()

    async def story(house: House) -> None:
        await house.controller.start()
        house.add("m")
        await house.controller.poll(LATER)
        await asyncio.to_thread(house.engine.at_gate.acquire)
        shutil.rmtree(tmp_path / "m")
        assert await house.controller.poll(LATER) == PollChanges()
        gate.set()
        await house.controller.idle()
        assert (await house.polled()).unload == ("m",)
        assert house.engine.serving == set()

    tell(house, story)


def test_a_repository_that_is_away_for_a_moment_removes_no_model(tmp_path: Path) -> None:
    repository = tmp_path / "models"
    house = House(repository, mode="poll")
    house.add("m")

    async def story(house: House) -> None:
        await house.controller.start()
        repository.rename(tmp_path / "away")
        with pytest.raises(RepositoryError, match="There is no model repository"):
            await house.controller.poll(LATER)
        assert house.engine.serving == {("m", 1)}

    tell(house, story)
