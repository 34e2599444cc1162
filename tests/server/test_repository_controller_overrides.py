# SPDX-License-Identifier: Apache-2.0
"""Loads that bring a configuration or files, and names that several repositories have."""

import shutil
from pathlib import Path

from tests.doubles.house import OVERRIDE, House, X, tell
from tests.doubles.model_files import add_identity

from penstock.repository.changes import PollChanges
from penstock.repository.records import DUPLICATE

# --- overrides ---


def test_a_configuration_override_holds_until_the_next_plain_load(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.add("m")

    async def story(house: House) -> None:
        await house.load("m")
        await house.load("m", config=OVERRIDE)
        assert house.controller.config("m").max_batch_size == 2
        await house.load("m", config=OVERRIDE)
        await house.load("m")
        assert house.controller.config("m").max_batch_size == 4

    tell(house, story)
    assert house.loads() == [("m", 1)] * 4


def test_an_override_with_files_needs_no_repository_and_is_removed_with_its_model(
    tmp_path: Path,
) -> None:
    house = House(tmp_path, allow_model_file_override=True)
    files = {"7/weights": b"w"}

    def private_folders() -> list[Path]:
        return [one.folder for r in house.controller._records for one in r.overrides if one.folder]

    async def story(house: House) -> None:
        await house.load("sent", config=OVERRIDE, files=files)
        assert await house.states() == [("sent", "7", "READY", "")]
        (first,) = private_folders()
        assert (first / "sent" / "7" / "weights").read_bytes() == b"w"
        await house.load("sent", config=OVERRIDE, files=files)
        (second,) = private_folders()
        assert not first.exists()
        house.engine.sick.add("sent")
        await house.failure("sent", config=OVERRIDE, files=files)
        assert private_folders() == [second]
        await house.controller.unload("sent")
        assert not second.exists()
        assert "failed to poll from model repository" in str(await house.failure("sent"))

    tell(house, story)


def test_files_are_taken_only_where_the_server_allows_them(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        refusal = await house.failure("sent", config=OVERRIDE, files={"1/model.py": b""})
        assert "failed to load 'sent', failed to poll from model repository" in str(refusal)
        assert "--allow-model-file-override" in str(refusal)

    tell(House(tmp_path), story)


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
