# SPDX-License-Identifier: Apache-2.0
"""Loads, reloads and unloads of real models, with clients at work meanwhile."""

import asyncio
import multiprocessing
import os
import sys
import threading
import time
import weakref
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from tests.doubles.gate import GATED_MODEL, Gate
from tests.doubles.in_process import InProcess, running
from tests.doubles.memory import resident_bytes
from tests.doubles.model_files import add_affine, add_python

from penstock.control.parts import LoadWish
from penstock.errors import ControlError
from penstock_client import Client, NotFound, Unavailable

X = np.zeros((1, 3), np.float32)
#: Of reloads, while the clients go on.
RELOADS = 40
RELOAD_EVERY_S = 0.05
MIB = 1 << 20


def infer_until(stop: threading.Event, grpc: str, model: str) -> tuple[int, set[float]]:
    """Asks one request after another: how many were answered, and all different answers."""
    answered, answers = 0, set[float]()
    with Client(grpc, retry=None) as client:
        while not stop.is_set():
            answers.add(float(client.infer(model, {"x": X}, timeout=30)["y"][0, 0]))
            answered += 1
    return answered, answers


@pytest.mark.parametrize("lane", ["inline", "batch"])
def test_no_request_fails_while_its_model_is_reloaded_again_and_again(
    tmp_path: Path, lane: str
) -> None:
    config = f'parameters {{ key: "penstock.lane" value {{ string_value: "{lane}" }} }}'
    add_affine(tmp_path, "m", add=0, config=config)
    graphs = [(tmp_path / "m" / "1" / "model.onnx").read_bytes()]
    add_affine(tmp_path, "m", add=1, config=config)
    graphs.append((tmp_path / "m" / "1" / "model.onnx").read_bytes())

    def put(graph: bytes) -> None:
        other = tmp_path / "model.onnx"
        other.write_bytes(graph)
        other.rename(tmp_path / "m" / "1" / "model.onnx")

    async def story() -> None:
        async with running(tmp_path) as server:
            await server.controller.load(LoadWish(model="m"))
            stop = threading.Event()
            with ThreadPoolExecutor(4) as pool:
                clients = [pool.submit(infer_until, stop, server.grpc, "m") for _ in range(4)]
                try:
                    for number in range(RELOADS):
                        put(graphs[number % 2])
                        begun = time.monotonic()
                        await server.controller.load(LoadWish(model="m"))
                        await asyncio.sleep(RELOAD_EVERY_S - (time.monotonic() - begun))
                finally:
                    stop.set()
                for client in clients:
                    answered, answers = client.result()  # raises what a request was refused with
                    assert answered > RELOADS
                    assert answers == {0.0, 1.0}

    asyncio.run(story())


def test_a_version_that_replaces_another_leaves_no_gap(tmp_path: Path) -> None:
    add_affine(tmp_path, "m", version=1, add=1)

    async def story() -> None:
        async with running(tmp_path) as server:
            await server.controller.load(LoadWish(model="m"))
            stop = threading.Event()
            with ThreadPoolExecutor(2) as pool:
                clients = [pool.submit(infer_until, stop, server.grpc, "m") for _ in range(2)]
                try:
                    for version in range(2, 12):
                        add_affine(tmp_path, "m", version=version, add=version)
                        await server.controller.load(LoadWish(model="m"))
                finally:
                    stop.set()
                assert {*clients[0].result()[1]} <= set(map(float, range(1, 12)))
                clients[1].result()
            with Client(server.grpc, retry=None) as client, pytest.raises(NotFound):
                await asyncio.to_thread(client.infer, "m", {"x": X}, version="1", timeout=10)

    asyncio.run(story())


def test_an_unload_answers_what_was_accepted_and_refuses_the_rest_at_once(tmp_path: Path) -> None:
    async def story(gate: Gate) -> None:
        async with running(tmp_path) as server:
            await server.controller.load(LoadWish(model="gated"))
            x = np.ones((1, 2), np.float32)
            with Client(server.grpc, retry=None) as client:
                call = asyncio.ensure_future(
                    asyncio.to_thread(client.infer, "gated", {"x": x}, timeout=30)
                )
                batch = await asyncio.to_thread(gate.next_batch)
                unload = asyncio.ensure_future(server.controller.unload("gated"))
                while await asyncio.to_thread(client.model_ready, "gated", timeout=10):
                    pass
                (entry,) = await server.controller.index()
                assert (entry.state, entry.reason) == ("UNLOADING", "")
                with pytest.raises(NotFound, match="Request for unknown model"):
                    await asyncio.to_thread(client.infer, "gated", {"x": x}, timeout=10)
                batch.let_through()
                assert (await call)["y"].tolist() == [[2.0, 2.0]]
                await unload

    with Gate() as gate:
        path = f'parameters {{ key: "gate" value {{ string_value: "{gate.path}" }} }}'
        more = f"max_batch_size: 4 {path}"
        add_python(tmp_path, "gated", GATED_MODEL, more=more)
        asyncio.run(story(gate))


def test_a_graph_that_a_client_sends_is_served_until_the_repositorys_is_loaded_again(
    tmp_path: Path,
) -> None:
    (tmp_path / "models").mkdir()
    add_affine(tmp_path / "models", "m", add=1)
    add_affine(tmp_path / "sent", "m", add=5)
    graph = (tmp_path / "sent" / "m" / "1" / "model.onnx").read_bytes()

    async def story() -> None:
        async with running(tmp_path / "models", allow_model_file_override=True) as server:

            def answer() -> float:
                with Client(server.grpc, retry=None) as client:
                    return float(client.infer("m", {"x": X}, timeout=10)["y"][0, 0])

            wish = LoadWish(
                model="m", config='{"backend": "onnxruntime"}', files={"1/model.onnx": graph}
            )
            await server.controller.load(wish)
            assert await asyncio.to_thread(answer) == 5.0
            bad = LoadWish(
                model="m", config='{"backend": "onnxruntime"}', files={"1/model.onnx": b"no graph"}
            )
            with pytest.raises(ControlError, match="failed to load 'm'"):
                await server.controller.load(bad)
            assert await asyncio.to_thread(answer) == 5.0
            await server.controller.load(LoadWish(model="m"))
            assert await asyncio.to_thread(answer) == 1.0

    asyncio.run(story())


def test_a_model_that_fails_to_load_is_unavailable_with_the_reason(tmp_path: Path) -> None:
    add_python(tmp_path, "sick", "class Sick:\n    def execute(self, batch): ...\n    x = 1 / 0")

    async def story() -> None:
        async with running(tmp_path) as server:
            with pytest.raises(ControlError, match="ZeroDivisionError"):
                await server.controller.load(LoadWish(model="sick"))
            with Client(server.grpc, retry=None) as client, pytest.raises(Unavailable):
                await asyncio.to_thread(
                    client.infer, "sick", {"x": np.ones((1, 2), np.float32)}, timeout=10
                )

    asyncio.run(story())


def test_a_python_model_is_loaded_from_its_source_and_leaves_nothing_behind(
    tmp_path: Path,
) -> None:
    code = """
        class Adds:
            def execute(self, batch):
                return {"y": batch["x"] + 1}
        """
    add_python(tmp_path, "adds", code, more="max_batch_size: 4")
    file = tmp_path / "adds" / "1" / "model.py"
    first = file.stat()

    async def story() -> None:
        async with running(tmp_path) as server:

            async def answer() -> float:
                await server.controller.load(LoadWish(model="adds"))
                x = np.zeros((1, 2), np.float32)
                with Client(server.grpc, retry=None) as client:
                    found = await asyncio.to_thread(client.infer, "adds", {"x": x}, timeout=10)
                return float(found["y"][0, 0])

            assert await answer() == 1.0
            # Bytecode would be told from stale by these.
            other = tmp_path / "other.py"
            other.write_text(file.read_text().replace("+ 1", "+ 2"))
            os.utime(other, ns=(first.st_atime_ns, first.st_mtime_ns))
            other.rename(file)
            assert await answer() == 2.0
            ours = [name for name in sys.modules if name.startswith("penstock_model_")]
            module = weakref.ref(sys.modules[ours[-1]])
            await server.controller.unload("adds")
            assert module() is None

    asyncio.run(story())


def add_heavy(repository: Path, name: str, size: int) -> None:
    """An ONNX model of a matrix with `size` bytes."""
    columns = size // 4 // 1024
    weights = np.ones((1024, columns), np.float32)
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        name,
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["rows", 1024])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["rows", columns])],
        [onnx.numpy_helper.from_array(weights, "w")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    folder = repository / name / "1"
    folder.mkdir(parents=True)
    (folder / "model.onnx").write_bytes(model.SerializeToString())


async def cycle(server: InProcess, model: str, times: int) -> int:
    """Loads, asks and unloads a model so often; the resident bytes after it."""
    x = np.ones((2, 1024), np.float32)
    with Client(server.grpc, retry=None) as client:
        for _ in range(times):
            await server.controller.load(LoadWish(model=model))
            await asyncio.to_thread(client.infer, model, {"x": x}, timeout=30)
            await server.controller.unload(model)
    return resident_bytes(os.getpid())


def memory_marks(repository: Path, cycles: Sequence[int]) -> list[int]:
    """The resident bytes of a process of its own, after each of so many loads and unloads: one that
    has run other tests keeps and returns memory of theirs meanwhile.
    """
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as own:
        return own.submit(_memory_marks, repository, cycles).result()


def _memory_marks(repository: Path, cycles: Sequence[int]) -> list[int]:
    async def story() -> list[int]:
        async with running(repository) as server:
            return [await cycle(server, "heavy", times) for times in cycles]

    return asyncio.run(story())


def test_memory_returns_after_unloads(tmp_path: Path) -> None:
    add_heavy(tmp_path, "heavy", 16 * MIB)
    first, last = memory_marks(tmp_path, [5, 20])
    assert last - first < 8 * MIB  # of the 320 that were loaded


@pytest.mark.slow
def test_two_hundred_loads_and_unloads_leave_the_memory_as_it_was(tmp_path: Path) -> None:
    add_heavy(tmp_path, "heavy", 16 * MIB)
    begun, *marks = memory_marks(tmp_path, [10, *[20] * 10])
    print([round((mark - begun) / MIB, 2) for mark in marks])
    assert max(marks) - begun < 8 * MIB
    assert marks[-1] - marks[2] < 2 * MIB  # flat, not only small
