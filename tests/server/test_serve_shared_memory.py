# SPDX-License-Identifier: Apache-2.0
"""tritonclient shares memory with a server: real objects in /dev/shm, real requests."""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tritonclient.grpc as triton
import tritonclient.utils as triton_utils
import tritonclient.utils.shared_memory as shm
from tests.doubles.memory import open_files
from tests.doubles.model_files import add_identity
from tests.doubles.sharing_server import SharingServer

OFF = "Client shared memory is disabled. Start the server with '--allow-client-shm=true' to enable."

Share = Callable[[int], Any]
_numbers = itertools.count()


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("models")
    add_identity(made, "echo", [("x", "TYPE_FP32", [-1])], rows_max=8)
    add_identity(made, "pair", [("a", "TYPE_FP32", [-1]), ("b", "TYPE_INT64", [2])], rows_max=8)
    add_identity(made, "texts", [("s", "TYPE_STRING", [-1])], rows_max=8)
    return made


@pytest.fixture(scope="module")
def server(repository: Path) -> Iterator[SharingServer]:
    with SharingServer(repository, allow_client_shm=True, client_shm_regions_max=8) as made:
        yield made


@pytest.fixture
def client(server: SharingServer) -> Iterator[Any]:
    made = triton.InferenceServerClient(server.grpc)
    made.unregister_system_shared_memory()
    yield made
    made.close()


def _key() -> str:
    return f"/penstock-{os.getpid()}-{next(_numbers)}"


@pytest.fixture
def share() -> Iterator[Share]:
    """Makes an object of so many bytes; its handle's `_shm_key` is what to register."""
    handles = []

    def make(byte_size: int) -> Any:
        key = _key()
        handles.append(shm.create_shared_memory_region(key, key, byte_size, create_only=True))
        return handles[-1]

    yield make
    for handle in handles:
        shm.destroy_shared_memory_region(handle)


def _input(name: str, shape: list[int], datatype: str, region: str, size: int, at: int = 0) -> Any:
    tensor = triton.InferInput(name, shape, datatype)
    tensor.set_shared_memory(region, size, at)
    return tensor


def _output(name: str, region: str, size: int, at: int = 0) -> Any:
    output = triton.InferRequestedOutput(name)
    output.set_shared_memory(region, size, at)
    return output


def _sent(name: str, values: np.ndarray[Any, Any], datatype: str) -> Any:
    tensor = triton.InferInput(name, list(values.shape), datatype)
    tensor.set_data_from_numpy(values)
    return tensor


def _refusal(work: Callable[[], Any]) -> str:
    with pytest.raises(triton_utils.InferenceServerException) as raised:
        work()
    return str(raised.value)


@pytest.mark.parametrize("width", [4, 1 << 20])
def test_a_tensor_goes_and_comes_in_shared_memory(client: Any, share: Share, width: int) -> None:
    x = np.random.default_rng(7).standard_normal((1, width)).astype(np.float32)
    here, there = share(x.nbytes + 100), share(x.nbytes + 200)
    shm.set_shared_memory_region(here, [x], offset=100)
    client.register_system_shared_memory("in", here._shm_key, x.nbytes, offset=100)
    client.register_system_shared_memory("out", there._shm_key, x.nbytes + 200)
    answer = client.infer(
        "echo",
        [_input("x", [1, width], "FP32", "in", x.nbytes)],
        outputs=[_output("x_out", "out", x.nbytes + 100, 100)],
    )
    told = answer.get_output("x_out")
    assert (told.datatype, list(told.shape)) == ("FP32", [1, width])
    assert told.parameters["shared_memory_region"].string_param == "out"
    assert told.parameters["shared_memory_byte_size"].int64_param == x.nbytes
    assert told.parameters["shared_memory_offset"].int64_param == 100
    assert list(answer.get_response().raw_output_contents) == [b""]
    came = shm.get_contents_as_numpy(there, np.float32, [1, width], offset=100)
    np.testing.assert_array_equal(came, x)


def test_tensors_in_shared_memory_and_in_the_message_go_together(client: Any, share: Share) -> None:
    a = np.array([[1.5, 2.5, 3.5]], np.float32)
    b = np.array([[7, 8]], np.int64)
    handle = share(64)
    shm.set_shared_memory_region(handle, [a])
    client.register_system_shared_memory("r", handle._shm_key, 64)
    for inputs in (
        [_input("a", [1, 3], "FP32", "r", a.nbytes), _sent("b", b, "INT64")],
        [_sent("b", b, "INT64"), _input("a", [1, 3], "FP32", "r", a.nbytes)],
    ):
        answer = client.infer(
            "pair",
            inputs,
            outputs=[_output("a_out", "r", 32, 32), triton.InferRequestedOutput("b_out")],
        )
        np.testing.assert_array_equal(answer.as_numpy("b_out"), b)
        came = shm.get_contents_as_numpy(handle, np.float32, [1, 3], offset=32)
        np.testing.assert_array_equal(came, a)


def test_texts_go_and_come_in_shared_memory(client: Any, share: Share) -> None:
    texts = np.array([[b"a", "grüße".encode(), b""]], dtype=object)
    packed = triton_utils.serialize_byte_tensor(texts)
    size = len(packed.item())
    handle = share(256)
    shm.set_shared_memory_region(handle, [packed])
    client.register_system_shared_memory("texts", handle._shm_key, 256)
    client.infer(
        "texts",
        [_input("s", [1, 3], "BYTES", "texts", size)],
        outputs=[_output("s_out", "texts", 128, 128)],
    )
    came = shm.get_contents_as_numpy(handle, np.object_, [1, 3], offset=128)
    assert came.tolist() == texts.tolist()


def test_what_is_registered_is_told(client: Any, share: Share) -> None:
    handle = share(64)
    client.register_system_shared_memory("whole", handle._shm_key, 64)
    client.register_system_shared_memory("part", handle._shm_key, 16, offset=48)
    regions = client.get_system_shared_memory_status().regions
    assert sorted(regions) == ["part", "whole"]
    part = client.get_system_shared_memory_status("part").regions["part"]
    assert (part.name, part.key, part.offset, part.byte_size) == ("part", handle._shm_key, 48, 16)
    assert "Unable to find system shared memory region: 'none'" in _refusal(
        lambda: client.get_system_shared_memory_status("none")
    )
    client.unregister_system_shared_memory("whole")
    client.unregister_system_shared_memory("none")
    assert list(client.get_system_shared_memory_status().regions) == ["part"]
    client.unregister_system_shared_memory()
    assert not client.get_system_shared_memory_status().regions


def test_a_wrong_registration_is_told_what_is_wrong(client: Any, share: Share) -> None:
    handle = share(64)
    key = handle._shm_key

    def register(name: str, wanted: str, size: int, at: int = 0) -> str:
        return _refusal(lambda: client.register_system_shared_memory(name, wanted, size, at))

    client.register_system_shared_memory("r", key, 64)
    assert "shared memory region 'r' already in manager" in register("r", key, 64)
    assert "Unable to open shared memory region: '/penstock-none'" in register(
        "n", "/penstock-none", 64
    )
    assert "failed to register shared memory region 'n': invalid args" in register("n", key, 65)
    assert "invalid args" in register("n", key, 64, 2**64 - 1)
    assert "invalid args" in register("n", key, 2**64 - 1, 1)
    assert "byte_size is 0" in register("n", key, 0)
    assert "a key is the name of a shared memory object" in register("n", "/../etc/passwd", 64)
    reserved = "triton_python_backend_shm_region_1"
    for written in (reserved, f"/{reserved}"):
        assert (
            f"cannot register shared memory region 'n' with key '{written}' as the key contains "
            "the reserved prefix 'triton_python_backend_shm_region_'"
        ) in register("n", written, 64)
    for number in range(7):
        client.register_system_shared_memory(f"n{number}", key, 64)
    assert "8 regions are registered, as many as may be" in register("n", key, 64)


def test_an_object_that_is_cut_short_or_unlinked_harms_nobody(client: Any, share: Share) -> None:
    handle = share(1 << 20)
    path = f"/dev/shm{handle._shm_key}"
    client.register_system_shared_memory("r", handle._shm_key, 1 << 20)
    x = np.ones((1, 4), np.float32)

    def ask() -> Any:
        return client.infer(
            "echo",
            [_input("x", [1, 4], "FP32", "r", 16, 1 << 19)],
            outputs=[triton.InferRequestedOutput("x_out")],
        )

    def write() -> Any:
        return client.infer("echo", [_sent("x", x, "FP32")], outputs=[_output("x_out", "r", 16)])

    os.truncate(path, 8)
    for work in (ask, write):
        assert "has become shorter than it was when the region was registered" in _refusal(work)
    os.truncate(path, 1 << 20)
    shm.set_shared_memory_region(handle, [x], offset=1 << 19)
    np.testing.assert_array_equal(ask().as_numpy("x_out"), x)
    os.rename(path, f"{path}-unlinked")
    try:
        np.testing.assert_array_equal(ask().as_numpy("x_out"), x)
    finally:
        os.rename(f"{path}-unlinked", path)


def test_a_wrong_use_is_told_what_is_wrong(client: Any, share: Share) -> None:
    handle = share(64)
    client.register_system_shared_memory("r", handle._shm_key, 64)

    def use(tensor: Any, output: Any = None) -> str:
        outputs = [output] if output else None
        return _refusal(lambda: client.infer("echo", [tensor], outputs=outputs))

    x = _input("x", [1, 4], "FP32", "r", 16)
    assert "Unable to find shared memory region: 'none'" in use(
        _input("x", [1, 4], "FP32", "none", 16)
    )
    assert "Invalid offset + byte size for shared memory region: 'r'" in use(
        _input("x", [1, 4], "FP32", "r", 16, 49)
    )
    assert "Invalid offset + byte size" in use(_input("x", [1, 4], "FP32", "r", 16, 2**63 - 1))
    assert "needs 16 bytes, its shared_memory_byte_size is 20" in use(
        _input("x", [1, 4], "FP32", "r", 20)
    )
    assert (
        "shared memory size specified with the request for output 'x_out' (15 bytes) should be at "
        "least 16 bytes to hold the results"
    ) in use(x, _output("x_out", "r", 15))


def test_requests_go_on_while_a_region_is_swapped_under_them(
    server: SharingServer, client: Any, share: Share
) -> None:
    handles = [share(16), share(16)]
    for value, handle in enumerate(handles):
        shm.set_shared_memory_region(handle, [np.full((1, 4), value, np.float32)])
    client.register_system_shared_memory("swapped", handles[0]._shm_key, 16)
    files = open_files(os.getpid())
    swapping = threading.Event()
    swapping.set()

    def ask(count: int) -> list[tuple[float, ...] | str]:
        own = triton.InferenceServerClient(server.grpc)
        came: list[tuple[float, ...] | str] = []
        for _ in range(count):
            try:
                answer = own.infer("echo", [_input("x", [1, 4], "FP32", "swapped", 16)])
                came.append(tuple(answer.as_numpy("x_out")[0].tolist()))
            except triton_utils.InferenceServerException as error:
                came.append(error.message())
        own.close()
        return came

    def swap() -> None:
        for handle in itertools.cycle(reversed(handles)):
            client.unregister_system_shared_memory("swapped")
            client.register_system_shared_memory("swapped", handle._shm_key, 16)
            if not swapping.is_set():
                return

    swapper = threading.Thread(target=swap)
    swapper.start()
    with ThreadPoolExecutor(4) as pool:
        came = [one for part in pool.map(ask, [250] * 4) for one in part]
    swapping.clear()
    swapper.join()
    allowed = {(0.0,) * 4, (1.0,) * 4, "Unable to find shared memory region: 'swapped'"}
    assert len(came) == 1000
    assert set(came) <= allowed
    assert {(0.0,) * 4, (1.0,) * 4} & set(came)
    assert open_files(os.getpid()) <= files


def test_memory_of_a_gpu_is_refused_in_a_sentence(client: Any) -> None:
    refusal = _refusal(lambda: client.register_cuda_shared_memory("g", b"aGFuZGxl", 0, 64))
    assert "INVALID_ARGUMENT" in refusal
    assert "failed to register CUDA shared memory region 'g': GPUs not supported" in refusal
    client.unregister_cuda_shared_memory("g")
    client.unregister_cuda_shared_memory()


def test_a_server_without_the_flag_shares_nothing(repository: Path, share: Share) -> None:
    handle = share(64)
    with SharingServer(repository) as server:
        client = triton.InferenceServerClient(server.grpc)
        for work in (
            lambda: client.register_system_shared_memory("r", handle._shm_key, 64),
            lambda: client.unregister_system_shared_memory(),
            lambda: client.get_system_shared_memory_status(),
            lambda: client.register_cuda_shared_memory("r", b"", 0, 64),
            lambda: client.unregister_cuda_shared_memory(),
            lambda: client.infer("echo", [_input("x", [1, 4], "FP32", "r", 16)]),
            lambda: client.infer(
                "echo",
                [_sent("x", np.ones((1, 4), np.float32), "FP32")],
                outputs=[_output("x_out", "r", 16)],
            ),
        ):
            refusal = _refusal(work)
            assert OFF in refusal
            assert "UNAVAILABLE" in refusal
        client.close()
