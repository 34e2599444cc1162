# SPDX-License-Identifier: Apache-2.0
"""Folders and files that cannot be read or named: they stop no other model."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.doubles.house import House, tell

from penstock.repository.changes import PollChanges

NOBODY = 65534


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder whose parents are everybody's to read; pytest's own are not."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@contextmanager
def denied(folder: Path) -> Iterator[None]:
    """Nobody reads `folder`: not even root, who is somebody else meanwhile."""
    folder.chmod(0)
    is_root = os.geteuid() == 0
    if is_root:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if is_root:
            os.seteuid(0)
        folder.chmod(0o755)


def test_a_folder_that_cannot_be_read_is_one_model_that_fails(open_folder: Path) -> None:
    house = House(open_folder, mode="none")
    house.add("a")
    house.add("b")

    async def story(house: House) -> None:
        reports = await house.controller.start()
        assert [(r.name, r.loaded is not None) for r in reports] == [("a", False), ("b", True)]
        assert "Permission denied" in reports[0].reason
        assert [name for name, *_ in await house.states(ready_only=True)] == ["b"]

    with denied(open_folder / "a"):
        tell(house, story)


def test_what_serves_from_a_folder_that_cannot_be_read_goes_on_and_others_are_polled(
    open_folder: Path,
) -> None:
    house = House(open_folder, mode="poll")
    house.add("a")

    async def story(house: House) -> None:
        await house.controller.start()
        house.add("b")
        with denied(open_folder / "a"):
            assert await house.polled() == PollChanges(load=("b",))
            assert await house.polled() == PollChanges()
            assert house.engine.serving == {("a", 1), ("b", 1)}
        (open_folder / "a" / "1" / "weights").write_text("changed")
        assert await house.polled() == PollChanges(load=("a",))

    tell(house, story)


def test_a_link_that_leads_to_itself_is_no_file(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.add("m")
    (tmp_path / "m" / "1" / "loop").symlink_to("loop")
    (tmp_path / "loop").symlink_to("loop")

    async def story(house: House) -> None:
        await house.load("m")
        assert await house.states() == [("m", "1", "READY", "")]

    tell(house, story)


def test_a_folder_whose_name_is_no_text_is_no_model(tmp_path: Path) -> None:
    house = House(tmp_path, mode="none")
    house.add("m")
    os.makedirs(os.fsencode(tmp_path) + b"/\xff/1")

    async def story(house: House) -> None:
        assert [report.name for report in await house.controller.start()] == ["m"]
        assert await house.states() == [("m", "1", "READY", "")]

    tell(house, story)


def test_a_file_whose_name_is_no_text_can_be_told(tmp_path: Path) -> None:
    house = House(tmp_path)
    folder = os.fsencode(tmp_path) + b"/m/1"
    os.makedirs(folder)
    with open(folder + b"/\xff", "wb"):
        pass

    async def story(house: House) -> None:
        refusal = str(await house.failure("m"))
        assert r"holds \udcff: wanted" in refusal
        refusal.encode()

    tell(house, story)
