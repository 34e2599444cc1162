# SPDX-License-Identifier: Apache-2.0
"""The process that speaks to MLflow: how often it is started, and what ends with it."""

from __future__ import annotations

import asyncio
import os
import pickle
import signal
import time
from contextlib import suppress
from pathlib import Path

import pytest
from tests.doubles.processes import children, is_running
from tests.package.conftest import Opened

from penstock.errors import RegistryError
from penstock.registry.process import RegistryProcess
from penstock.registry.process_main import NICENESS

PATIENCE_S = 60.0
MLMODEL = """\
flavors:
  sklearn:
    pickled_model: model.pkl
    serialization_format: cloudpickle
  python_function:
    loader_module: mlflow.sklearn
    model_path: model.pkl
"""


class Sleeper:
    """Its pickle sleeps for an hour as it is read."""

    def __reduce__(self) -> tuple[object, tuple[int]]:
        return time.sleep, (3600,)


async def child_of(process: RegistryProcess) -> int:
    """The process that makes a model servable, once there is one."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            with suppress(FileNotFoundError):  # the one before has ended at this moment
                if process.id is not None and (found := children(process.id)):
                    return found.pop()
            await asyncio.sleep(0.01)


async def has_ended(pid: int) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while is_running(pid):
            await asyncio.sleep(0.01)


def test_one_process_is_started_and_what_it_has_started_ends_with_it(
    registry: Opened, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = registry()
    # Whoever starts a server somewhere does not mean to run what lies there.
    for name in ("mlflow", "yaml"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit")
    monkeypatch.chdir(tmp_path)
    model = tmp_path / "model"
    model.mkdir()
    (model / "MLmodel").write_text(MLMODEL)
    (model / "model.pkl").write_bytes(pickle.dumps(Sleeper()))
    opened.client.create_registered_model("sleeper")
    opened.client.create_model_version("sleeper", model.as_uri())
    process = RegistryProcess(opened.place, allows_code=True)

    async def fetching() -> tuple[asyncio.Task[dict[str, str]], int]:
        folder = tmp_path / f"fetched{time.monotonic_ns()}"
        folder.mkdir()
        task = asyncio.ensure_future(process.fetch("sleeper", 1, folder, 1 << 30))
        return task, await child_of(process)

    async def story() -> None:
        before = children(os.getpid())
        await asyncio.gather(*(process.look("champion") for _ in range(3)))
        assert len(children(os.getpid()) - before) == 1
        first = process.id
        assert first is not None
        # Arguments can be read by everybody on the machine, and a URI may hold a password.
        assert opened.place.uri.encode() not in Path(f"/proc/{first}/cmdline").read_bytes()
        # A session that is a scheduling group counts by the group's niceness, not its members'.
        with suppress(FileNotFoundError):  # a kernel without such groups
            group = Path(f"/proc/{first}/autogroup").read_text()
            assert int(group.rpartition("nice ")[2]) == NICENESS
        assert os.getpriority(os.PRIO_PROCESS, first) == NICENESS
        fetch, child = await fetching()
        os.kill(first, signal.SIGKILL)
        with pytest.raises(RegistryError, match="has ended with -9"):
            await fetch
        await has_ended(child)
        fetch, child = await fetching()
        assert process.id not in (None, first)
        await asyncio.to_thread(process.close)
        with pytest.raises(RegistryError, match="has ended"):
            await fetch
        await has_ended(child)
        assert children(os.getpid()) == before

    asyncio.run(story())
