# SPDX-License-Identifier: Apache-2.0
"""Tensors in shared memory, as Triton's simple_*_shm_client does it, by each of the clients.

What may go wrong with a region has its tests in tests/server/test_serve_shared_memory.py.
"""

from __future__ import annotations

import base64
import itertools
import os
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import tritonclient.utils.shared_memory as shm
from tests.story.triton_clients import TritonClient
from tritonclient.utils import InferenceServerException, serialize_byte_tensor

_numbers = itertools.count()


@pytest.fixture
def region(client: TritonClient) -> Iterator[Callable[[str, int], Any]]:
    """Makes an object of so many bytes and registers it; what a test leaves is removed."""
    handles = []

    def make(name: str, byte_size: int) -> Any:
        key = f"/penstock-story-{os.getpid()}-{next(_numbers)}"
        handles.append(shm.create_shared_memory_region(name, key, byte_size))
        client.register_system_shared_memory(name, key, byte_size)
        return handles[-1]

    yield make
    client.unregister_system_shared_memory()
    for handle in handles:
        shm.destroy_shared_memory_region(handle)


def _regions(client: TritonClient, *name: str) -> dict[str, dict[str, Any]]:
    told = client.told("get_system_shared_memory_status", *name)
    if client.is_grpc:
        return dict(told.get("regions", {}))
    return {line["name"]: line for line in told}


def test_tensors_go_and_come_in_shared_memory(client: TritonClient, region: Any) -> None:
    a, b = np.array([[1, 2]], np.float32), np.array([[30, 40]], np.float32)
    size = a.nbytes
    into, out = region("into", 2 * size), region("out", 2 * size)
    shm.set_shared_memory_region(into, [a, b])
    inputs = [client.library.InferInput(name, [1, 2], "FP32") for name in ("a", "b")]
    inputs[0].set_shared_memory("into", size)
    inputs[1].set_shared_memory("into", size, size)
    outputs = [client.output("total"), client.output("gap")]
    outputs[0].set_shared_memory("out", size)
    outputs[1].set_shared_memory("out", size, size)
    answer = client.infer("simple", inputs, outputs=outputs)
    told_outputs = {output["name"]: output for output in client.answer(answer)["outputs"]}
    for name, offset, expected in (("total", 0, a + b), ("gap", size, a - b)):
        told = told_outputs[name]
        assert (told["datatype"], [int(n) for n in told["shape"]]) == ("FP32", [1, 2])
        came = shm.get_contents_as_numpy(out, np.float32, [1, 2], offset)
        np.testing.assert_array_equal(came, expected)
    # One in, one out: the others in the message.
    inputs[0] = client.input("a", a, "FP32")
    outputs[1].unset_shared_memory()
    mixed = client.infer("simple", inputs, outputs=outputs)
    np.testing.assert_array_equal(mixed.as_numpy("gap"), a - b)


def test_texts_go_and_come_in_shared_memory(client: TritonClient, region: Any) -> None:
    """As Triton's simple_*_shm_string_client does it."""
    texts = np.array([b"a", "grüße".encode(), b""], object)
    packed = serialize_byte_tensor(texts)
    size = len(packed.item())
    handle = region("texts", 256)
    shm.set_shared_memory_region(handle, [packed])
    given = client.library.InferInput("s", [3], "BYTES")
    given.set_shared_memory("texts", size)
    wanted = client.output("s_out")
    wanted.set_shared_memory("texts", 128, 128)
    client.infer("texts", [given], outputs=[wanted])
    came = shm.get_contents_as_numpy(handle, np.object_, [3], 128)
    assert came.tolist() == texts.tolist()


def test_regions_are_told_and_forgotten(client: TritonClient, region: Any) -> None:
    region("one", 64), region("two", 128)
    assert set(_regions(client)) == {"one", "two"}
    one = _regions(client, "one")["one"]
    assert int(one["byte_size"]) == 64 and one["key"].startswith("/penstock-story-")
    client.unregister_system_shared_memory("one")
    assert set(_regions(client)) == {"two"}
    client.unregister_system_shared_memory()
    assert not _regions(client)


def test_a_region_that_is_not_registered_is_refused(client: TritonClient) -> None:
    given = client.library.InferInput("s", [3], "BYTES")
    given.set_shared_memory("nowhere", 64)
    with pytest.raises(InferenceServerException, match="'nowhere'"):
        client.infer("texts", [given])
    with pytest.raises(InferenceServerException, match="Unable to find system shared memory"):
        client.get_system_shared_memory_status("nowhere")
    with pytest.raises(InferenceServerException, match="Unable to open shared memory region"):
        client.register_system_shared_memory("r", "/penstock-none", 64)


def test_the_memory_of_gpus_is_refused_and_none_is_told(client: TritonClient) -> None:
    told = client.told("get_cuda_shared_memory_status")
    assert not told
    with pytest.raises(InferenceServerException, match=r"(?i)cuda|gpu"):
        client.register_cuda_shared_memory("r", base64.b64encode(b"\0" * 64), 0, 64)
    client.unregister_cuda_shared_memory()
