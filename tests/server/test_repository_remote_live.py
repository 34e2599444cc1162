# SPDX-License-Identifier: Apache-2.0
"""Remote repositories served by a real engine, while their files change."""

import asyncio
import os
import shutil
import tempfile
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from pathlib import Path

import fsspec
import numpy as np
import pytest
from tests.doubles.file_server import FileServer
from tests.doubles.in_process import InProcess, running
from tests.doubles.model_files import add_affine, add_config

from penstock.config import ServerOptions
from penstock.control.parts import LoadWish
from penstock.errors import ControlError, RemoteRepositoryError, RepositoryError
from penstock.repository.changes import PollChanges
from penstock.repository.controller import RepositoryController
from penstock.repository.instances import Machine
from penstock.repository.records import DUPLICATE
from penstock_client import Client, Unavailable

X = np.zeros((1, 3), np.float32)
#: A clock by which every file was written long ago.
LATER = 10**19
NOTHING = PollChanges()


def tell(
    story: Callable[[InProcess], Awaitable[None]], *urls: str | Path, **options: object
) -> None:
    async def whole() -> None:
        async with running(*urls, **options) as server:
            await story(server)

    asyncio.run(whole())


def age(folder: Path) -> None:
    """Sets the times of all files back: they are as they are for long."""
    for path in folder.rglob("*"):
        os.utime(path, (10**9, 10**9))


async def answer(server: InProcess, model: str) -> float:
    """What `model` adds."""

    def ask() -> float:
        with Client(server.grpc) as client:
            return float(client.infer(model, {"x": X}, timeout=30)["y"][0, 0])

    return await asyncio.to_thread(ask)


async def polled(server: InProcess) -> PollChanges:
    changes = await server.controller.poll(LATER)
    await server.controller.idle()
    return changes


async def states(server: InProcess) -> list[tuple[str, str, str, str]]:
    entries = await server.controller.index()
    return [(one.name, one.version, str(one.state), one.reason) for one in entries]


async def failure(server: InProcess, model: str) -> ControlError:
    with pytest.raises(ControlError) as caught:
        await server.controller.load(LoadWish(model=model))
    return caught.value


# --- polling ---


@pytest.mark.parametrize("kind", ["memory", "file", "http"])
def test_a_remote_repository_is_followed(tmp_path: Path, kind: str) -> None:
    folder = tmp_path / "there"
    memory, place = fsspec.filesystem("memory"), f"/{tmp_path.name}"

    def change(name: str, *, version: int = 1, add: float = 0, removes: bool = False) -> None:
        """In `folder`, and where that is not the repository itself, there as well."""
        if removes:
            shutil.rmtree(folder / name)
        else:
            add_affine(folder, name, version=version, add=add)
        if kind == "memory":
            if memory.exists(f"{place}/{name}"):
                memory.rm(f"{place}/{name}", recursive=True)
            for path in (folder / name).rglob("*.*"):
                memory.pipe(f"{place}/{path.relative_to(folder)}", path.read_bytes())

    async def story(server: InProcess) -> None:
        assert [await answer(server, name) for name in "ab"] == [1, 2]
        assert await polled(server) == NOTHING
        change("a", add=3)
        change("c", add=4)
        assert (await polled(server)).load == ("a", "c")
        assert [await answer(server, name) for name in "abc"] == [3, 2, 4]
        change("a", version=2, add=5)
        assert (await polled(server)).load == ("a",)
        assert await answer(server, "a") == 5
        change("b", removes=True)
        assert (await polled(server)).unload == ("b",)
        assert await polled(server) == NOTHING
        assert [one[:3] for one in await states(server) if one[2] == "READY"] == [
            ("a", "2", "READY"), ("c", "1", "READY"),
        ]  # fmt: skip

    change("a", add=1)
    change("b", add=2)
    with FileServer(folder) as server:
        urls = {"memory": f"memory:/{place}", "file": f"file://{folder}", "http": server.url}
        tell(story, urls[kind], model_control_mode="poll", repository_poll_secs=0)


def test_no_request_fails_while_files_are_replaced(tmp_path: Path) -> None:
    add_affine(tmp_path, "m", add=0)

    def infer_until(stop: threading.Event, grpc: str) -> set[float]:
        answers = set[float]()
        with Client(grpc, retry=None) as client:
            while not stop.is_set():
                answers.add(float(client.infer("m", {"x": X}, timeout=30)["y"][0, 0]))
        return answers

    async def story(server: InProcess) -> None:
        stop = threading.Event()
        with ThreadPoolExecutor(2) as pool:
            clients = [pool.submit(infer_until, stop, server.grpc) for _ in range(2)]
            try:
                for number in range(1, 11):
                    add_affine(tmp_path, "m", add=number)
                    assert (await polled(server)).load == ("m",)
                    assert await answer(server, "m") == number
            finally:
                stop.set()
            for client in clients:
                assert client.result() <= set(range(11))

    tell(story, f"file://{tmp_path}", model_control_mode="poll")


def test_a_model_that_cannot_be_fetched_goes_on_as_it_was_and_others_follow(
    tmp_path: Path,
) -> None:
    add_affine(tmp_path, "a", add=1)
    add_affine(tmp_path, "b", add=1)

    async def story(server: InProcess) -> None:
        add_affine(tmp_path, "a", add=2)
        add_affine(tmp_path, "b", add=2)
        files.refusals["/a/1/model.onnx"] = [HTTPStatus.FORBIDDEN]
        assert (await polled(server)).load == ("b",)
        assert [await answer(server, name) for name in "ab"] == [1, 2]
        assert (await polled(server)).load == ("a",)
        assert await answer(server, "a") == 2

    with FileServer(tmp_path) as files:
        files.refuses_content = True
        tell(story, files.url, model_control_mode="poll")


def test_what_lists_nothing_any_more_takes_no_model_away(tmp_path: Path) -> None:
    add_affine(tmp_path / "there", "m", add=1)

    async def story(server: InProcess) -> None:
        (tmp_path / "there" / "m").rename(tmp_path / "m")
        assert await polled(server) == NOTHING
        (tmp_path / "there").rmdir()
        assert await polled(server) == NOTHING
        assert await answer(server, "m") == 1
        add_affine(tmp_path / "there", "m", add=2)
        assert (await polled(server)).load == ("m",)
        assert await answer(server, "m") == 2

    tell(story, f"file://{tmp_path}/there", model_control_mode="poll")


def test_a_repository_that_is_away_keeps_no_other_from_being_followed(tmp_path: Path) -> None:
    add_affine(tmp_path / "one", "a", add=1)
    add_affine(tmp_path / "two", "b", add=1)

    async def story(server: InProcess) -> None:
        shutil.rmtree(tmp_path / "one")
        add_affine(tmp_path / "two", "b", add=2)
        assert await polled(server) == PollChanges(load=("b",))
        assert [await answer(server, name) for name in "ab"] == [1, 2]

    urls = [f"file://{tmp_path}/one", f"file://{tmp_path}/two"]
    tell(story, *urls, model_control_mode="poll")


# --- the start ---


def test_a_model_that_cannot_be_fetched_at_start_is_unavailable_until_it_can(
    tmp_path: Path,
) -> None:
    add_affine(tmp_path, "good", add=1)
    add_affine(tmp_path, "bad", add=2)
    files = FileServer(tmp_path)
    graph = "/bad/1/model.onnx"

    async def story(server: InProcess) -> None:
        assert await answer(server, "good") == 1
        [(name, _, state, reason), _] = await states(server)
        assert (name, state) == ("bad", "UNAVAILABLE")
        assert f"The model repository {files.url} cannot be read: 403, " in reason
        files.refusals[graph] = [HTTPStatus.FORBIDDEN]
        assert await polled(server) == NOTHING
        assert (await states(server))[0][2] == "UNAVAILABLE"
        assert (await polled(server)).load == ("bad",)
        assert await answer(server, "bad") == 2

    with files:
        files.refuses_content, files.refusals[graph] = True, [HTTPStatus.FORBIDDEN]
        tell(story, files.url, model_control_mode="poll")


def test_a_model_is_said_to_be_loaded_while_its_files_are_fetched(tmp_path: Path) -> None:
    add_affine(tmp_path / "there", "m", version=3, add=1)
    add_config(tmp_path / "there", "broken", "no_such_field: 1", version=4)

    async def story(server: InProcess) -> None:
        # The double has announced and started; here the two are apart.
        other = RepositoryController(server.engine, options, Machine())
        await other.announce()
        assert [(one.name, str(one.state)) for one in await other.index()] == [
            ("broken", "LOADING"), ("m", "LOADING"),
        ]  # fmt: skip
        with pytest.raises(Unavailable, match="it is being loaded"):
            await answer(server, "m")
        await other.start()
        assert [(one.name, one.version, str(one.state)) for one in await other.index()] == [
            ("broken", "4", "UNAVAILABLE"), ("m", "3", "READY"),
        ]  # fmt: skip
        assert await answer(server, "m") == 1
        await other.stop()

    options = ServerOptions.model_validate({"model_repository": [f"file://{tmp_path}/there"]})
    (tmp_path / "nothing").mkdir()
    tell(story, tmp_path / "nothing")


def test_a_repository_that_is_not_there_stops_the_start(tmp_path: Path) -> None:
    async def story(server: InProcess) -> None:
        raise AssertionError("it must not start")

    for mode in ("none", "poll", "explicit"):
        with pytest.raises(RemoteRepositoryError, match="There is no model repository file:///"):
            tell(story, f"file://{tmp_path}/absent", model_control_mode=mode)


def test_a_server_starts_from_its_cache_while_the_repository_is_away(tmp_path: Path) -> None:
    there, cache = tmp_path / "there", tmp_path / "cache"
    add_affine(there, "m", add=7)

    async def story(server: InProcess) -> None:
        assert await answer(server, "m") == 7

    options = {"model_control_mode": "none", "model_repository_cache": str(cache)}
    tell(story, f"file://{there}", **options)
    there.rename(tmp_path / "away")
    tell(story, f"file://{there}", **options)
    with pytest.raises(RemoteRepositoryError, match="There is no model repository"):
        tell(story, f"file://{there}", **options, exit_on_error=True)


def test_a_kept_cache_is_fetched_once(tmp_path: Path) -> None:
    add_affine(tmp_path / "there", "m", add=1)
    age(tmp_path)

    async def story(server: InProcess) -> None:
        assert await answer(server, "m") == 1

    with FileServer(tmp_path / "there") as files:
        for _ in range(2):
            tell(
                story,
                files.url,
                model_control_mode="none",
                model_repository_cache=str(tmp_path / "cache"),
            )
        assert files.asked_for("/m/1/model.onnx") == 1


def test_a_cache_of_the_servers_own_is_gone_when_it_ends(
    tmp_path: Path,
) -> None:
    add_affine(tmp_path, "m", add=1)
    folders = []

    async def story(server: InProcess) -> None:
        for path in Path(tempfile.gettempdir()).glob("penstock-repository-*"):
            if list(path.glob(f"*/{tmp_path.name}/m/1/model.onnx")):
                folders.append(path)
        assert len(folders) == 1

    tell(story, f"file://{tmp_path}", model_control_mode="none")
    assert not folders[0].exists()


# --- explicit control ---


def test_a_load_fetches_that_model_alone(tmp_path: Path) -> None:
    add_affine(tmp_path, "a", add=1)
    add_affine(tmp_path, "b", add=2)
    age(tmp_path)

    async def story(server: InProcess) -> None:
        assert await states(server) == [("a", "", "", ""), ("b", "", "", "")]
        assert files.asked_for("/a/1/model.onnx") == 0
        await server.controller.load(LoadWish(model="a"))
        assert await answer(server, "a") == 1
        await server.controller.load(LoadWish(model="a"))
        assert files.asked_for("/a/1/model.onnx") == 1
        assert files.asked_for("/b/1/model.onnx") == 0
        add_affine(tmp_path, "a", add=3)
        await server.controller.load(LoadWish(model="a"))
        assert await answer(server, "a") == 3
        assert "has a folder of this name" in str(await failure(server, "absent"))
        shutil.rmtree(tmp_path / "a")
        assert "has a folder of this name" in str(await failure(server, "a"))
        assert await answer(server, "a") == 3  # until it is unloaded
        await server.controller.unload("a")

    with FileServer(tmp_path) as files:
        tell(story, files.url)


def test_a_load_whose_fetch_fails_says_why_and_changes_nothing(tmp_path: Path) -> None:
    add_affine(tmp_path, "m", add=1)

    async def story(server: InProcess) -> None:
        await server.controller.load(LoadWish(model="m"))
        files.refusals["/m/1/"] = [HTTPStatus.FORBIDDEN]
        refusal = await failure(server, "m")
        assert refusal.code == "UNAVAILABLE"
        assert str(refusal).startswith(
            "failed to load 'm', failed to poll from model repository: "
            f"The model repository {files.url} cannot be read: 403, "
        )
        assert await answer(server, "m") == 1

    with FileServer(tmp_path) as files:
        tell(story, files.url)


def test_the_models_that_are_named_at_start_are_fetched_alone(tmp_path: Path) -> None:
    add_affine(tmp_path, "a", add=1)
    add_affine(tmp_path, "b", add=2)

    async def story(server: InProcess) -> None:
        assert await answer(server, "b") == 2

    with FileServer(tmp_path) as files:
        tell(story, files.url, load_model=["b"])
        assert (files.asked_for("/a/1/model.onnx"), files.asked_for("/b/1/model.onnx")) == (0, 1)
        tell(story, files.url, load_model=["*"])
        assert files.asked_for("/a/1/model.onnx") == 1


def test_a_name_that_a_folder_and_a_remote_repository_have_is_refused(tmp_path: Path) -> None:
    add_affine(tmp_path / "here", "m", add=1)
    add_affine(tmp_path / "there", "m", add=2)

    async def story(server: InProcess) -> None:
        assert DUPLICATE in str(await failure(server, "m"))
        await server.controller.load(LoadWish(model="m", repository="there"))
        assert await answer(server, "m") == 2
        await server.controller.load(LoadWish(model="m", repository=f"{tmp_path}/here"))
        assert await answer(server, "m") == 1

    tell(story, tmp_path / "here", f"file://{tmp_path}/there")


# --- bounds ---


def test_the_bytes_of_all_remote_models_are_bounded_together(tmp_path: Path) -> None:
    add_affine(tmp_path, "a", add=1)
    add_affine(tmp_path, "b", add=2)
    size = (tmp_path / "a" / "1" / "model.onnx").stat().st_size

    async def story(server: InProcess) -> None:
        await server.controller.load(LoadWish(model="a"))
        told = str(await failure(server, "b"))
        assert f"has {size} bytes, and there is room for {size - 1}: " in told
        assert "--model-repository-cache-bytes-max" in told
        await server.controller.load(LoadWish(model="a"))

    url = f"file://{tmp_path}"
    tell(story, url, model_repository_cache_bytes_max=2 * size - 1)


def test_a_repository_is_named_once(tmp_path: Path) -> None:
    async def story(server: InProcess) -> None:
        raise AssertionError("it must not start")

    with pytest.raises(RepositoryError, match="each repository once"):
        tell(story, f"file://{tmp_path}", f"file://{tmp_path}/")
