# SPDX-License-Identifier: Apache-2.0
"""Loads that bring a configuration or files, and names that several repositories have."""

import asyncio
import tempfile
import threading
from pathlib import Path
from typing import Any

from tests.doubles.house import OVERRIDE, House, tell

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


class GatedFiles(dict[str, bytes]):
    """Files whose writing waits at a gate."""

    def __init__(self) -> None:
        super().__init__({"1/weights": b"w"})
        self.is_at_gate = threading.Event()
        self.gate = threading.Event()

    def items(self) -> Any:
        self.is_at_gate.set()
        assert self.gate.wait(30)
        return super().items()


def test_a_stop_while_files_are_written_leaves_none_behind(tmp_path: Path) -> None:
    house = House(tmp_path, allow_model_file_override=True)
    files = GatedFiles()

    def folders() -> set[Path]:
        return set(Path(tempfile.gettempdir()).glob("penstock-override-*"))

    async def story(house: House) -> None:
        before = folders()
        load = asyncio.create_task(house.load("sent", config=OVERRIDE, files=files))
        await asyncio.to_thread(files.is_at_gate.wait)
        written = folders() - before
        assert written
        stop = asyncio.create_task(house.controller.stop())
        await asyncio.sleep(0)
        files.gate.set()
        await stop
        await asyncio.gather(load, return_exceptions=True)
        await asyncio.get_running_loop().shutdown_default_executor()
        assert not any(folder.exists() for folder in written)

    asyncio.run(story(house))


def test_files_are_taken_only_where_the_server_allows_them(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        refusal = await house.failure("sent", config=OVERRIDE, files={"1/model.py": b""})
        assert "failed to load 'sent', failed to poll from model repository" in str(refusal)
        assert "--allow-model-file-override" in str(refusal)

    tell(House(tmp_path), story)


# --- several repositories ---
