# SPDX-License-Identifier: Apache-2.0
"""A repository controller over an engine that writes down what it is told."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from tests.doubles.model_files import add_identity
from tests.doubles.recording_engine import RecordingEngine

from penstock.config import ServerOptions
from penstock.control.parts import LoadWish
from penstock.errors import ControlError
from penstock.repository.changes import PollChanges
from penstock.repository.controller import RepositoryController
from penstock.repository.instances import Machine
from penstock.rollout.standing import Standing

X = [("x", "TYPE_FP32", [1])]
OVERRIDE = (
    '{"backend": "identity", "max_batch_size": 2,'
    ' "input": [{"name": "x", "data_type": "TYPE_FP32", "dims": ["1"]}],'
    ' "output": [{"name": "y", "data_type": "TYPE_FP32", "dims": [1]}]}'
)
#: A clock by which every file was written long ago.
LATER = 10**19


class House:
    """A controller, its engine, its repository and what it reported."""

    def __init__(
        self,
        *repositories: Path,
        mode: str = "explicit",
        standing: Standing | None = None,
        **options: object,
    ) -> None:
        self.repository = repositories[0]
        self.engine = RecordingEngine()
        self.controller = RepositoryController(
            self.engine,
            ServerOptions.model_validate(
                {
                    "model_repository": [str(one) for one in repositories],
                    "model_control_mode": mode,
                    **options,
                }
            ),
            Machine(),
            standing,
        )

    def add(self, name: str, *, version: int = 1, more: str = "") -> None:
        add_identity(self.repository, name, X, 4)
        config = self.repository / name / "config.pbtxt"
        config.write_text(f"{config.read_text()}\n{more}")
        folder = self.repository / name / str(version)
        folder.mkdir(exist_ok=True)
        (folder / "weights").write_text(str(version))

    async def load(self, name: str, **wish: object) -> None:
        await self.controller.load(LoadWish(model=name, **wish))  # type: ignore[arg-type]

    async def failure(self, name: str, **wish: object) -> ControlError:
        with pytest.raises(ControlError) as caught:
            await self.load(name, **wish)
        return caught.value

    async def polled(self) -> PollChanges:
        changes = await self.controller.poll(LATER)
        await self.controller.idle()
        return changes

    async def states(self, **filters: object) -> list[tuple[str, str, str, str]]:
        entries = await self.controller.index(**filters)  # type: ignore[arg-type]
        return [(one.name, one.version, str(one.state), one.reason) for one in entries]

    def loads(self) -> list[tuple[str, int]]:
        return [(name, version) for told, name, version in self.engine.told if told == "loaded"]


def tell(house: House, story: Callable[[House], Awaitable[None]]) -> House:
    async def whole() -> None:
        await story(house)
        await house.controller.stop()

    asyncio.run(whole())
    return house
