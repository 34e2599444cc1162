# SPDX-License-Identifier: Apache-2.0
"""Requests that are under way at the same time, and their ends before an answer."""

from __future__ import annotations

import asyncio
import queue
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
import tritonclient.grpc
import tritonclient.grpc.aio
import tritonclient.http
import tritonclient.http.aio
from tests.doubles.gate import Gate
from tests.doubles.running import RunningServer
from tritonclient.utils import InferenceServerException


def _tensor(library: Any, value: float, width: int) -> Any:
    tensor = library.InferInput("x", [1, width], "FP32")
    return tensor.set_data_from_numpy(np.full((1, width), value, np.float32))


@pytest.fixture
def over_grpc(triton_server: RunningServer) -> Iterator[Any]:
    with tritonclient.grpc.InferenceServerClient(triton_server.grpc) as made:
        yield made


@pytest.fixture
def over_http(triton_server: RunningServer) -> Iterator[Any]:
    with tritonclient.http.InferenceServerClient(triton_server.rest, concurrency=8) as made:
        yield made


def test_grpcs_async_infer_calls_back_with_each_ones_answer(over_grpc: Any) -> None:
    answers: queue.Queue[tuple[int, Any, Any]] = queue.Queue()
    for number in range(50):

        def take(result: Any, error: Any, number: int = number) -> None:
            answers.put((number, result, error))

        tensor = _tensor(tritonclient.grpc, number, 3)
        over_grpc.async_infer("affine", [tensor], take, model_version="1", client_timeout=30)
    came = [answers.get(timeout=30) for _ in range(50)]
    assert sorted(number for number, _, _ in came) == list(range(50))
    for number, result, error in came:
        assert error is None
        assert result.as_numpy("y").tolist() == [[2.0 * number + 1] * 3]


def test_grpcs_async_infer_calls_back_with_an_error(over_grpc: Any) -> None:
    answers: queue.Queue[tuple[Any, Any]] = queue.Queue()
    tensor = _tensor(tritonclient.grpc, 0, 3)
    over_grpc.async_infer("rose", [tensor], lambda result, error: answers.put((result, error)))
    result, error = answers.get(timeout=30)
    assert result is None
    assert error.status() == "StatusCode.NOT_FOUND"
    assert "Request for unknown model" in error.message()


def test_https_async_infer_gives_each_ones_answer(over_http: Any) -> None:
    handles = [
        over_http.async_infer("affine", [_tensor(tritonclient.http, n, 3)], model_version="1")
        for n in range(50)
    ]
    for number, handle in enumerate(handles):
        assert handle.get_result().as_numpy("y").tolist() == [[2.0 * number + 1] * 3]
    with pytest.raises(InferenceServerException, match="Request for unknown model"):
        over_http.async_infer("rose", [_tensor(tritonclient.http, 0, 3)]).get_result()


@pytest.mark.parametrize("kind", ["grpc", "http"])
def test_the_clients_of_asyncio_have_many_under_way(
    triton_server: RunningServer, kind: str
) -> None:
    library: Any = tritonclient.grpc if kind == "grpc" else tritonclient.http
    address = triton_server.grpc if kind == "grpc" else triton_server.rest

    async def ask() -> list[Any]:
        async with library.aio.InferenceServerClient(address) as client:
            return await asyncio.gather(
                *(
                    client.infer("affine", [_tensor(library, n, 3)], model_version="1")
                    for n in range(100)
                )
            )

    for number, answer in enumerate(asyncio.run(ask())):
        assert answer.as_numpy("y").tolist() == [[2.0 * number + 1] * 3]


def _cancelled(server: RunningServer) -> float:
    return server.counted("nv_inference_request_failure", model="gated", reason="CANCELED")


def _until_cancelled(server: RunningServer, count: float) -> None:
    """Asks for the metrics until they say so."""
    for _ in range(1000):
        if _cancelled(server) >= count:
            return
    raise AssertionError(f"{_cancelled(server)} of {count} requests were cancelled")


def _until_one_waits(server: RunningServer) -> None:
    while server.counted("nv_inference_pending_request_count", model="gated") != 1:
        pass


def test_a_request_that_waits_is_cancelled_over_grpc(
    triton_server: RunningServer, gate: Gate, over_grpc: Any
) -> None:
    answers: queue.Queue[tuple[str, Any, Any]] = queue.Queue()

    def send(name: str) -> Any:
        tensor = _tensor(tritonclient.grpc, 1, 2)
        return over_grpc.async_infer(
            "gated", [tensor], lambda result, error: answers.put((name, result, error))
        )

    before = _cancelled(triton_server)
    send("first")
    batch = gate.next_batch()
    second = send("second")
    _until_one_waits(triton_server)  # a request that never left cannot be cancelled there
    second.cancel()
    name, result, error = answers.get(timeout=30)
    assert (name, result, error.status()) == ("second", None, "StatusCode.CANCELLED")
    _until_cancelled(triton_server, before + 1)
    batch.let_through()
    name, result, error = answers.get(timeout=30)
    assert (name, error) == ("first", None)
    assert result.as_numpy("y").tolist() == [[2, 2]]


def test_a_deadline_that_passes_is_told(
    triton_server: RunningServer, gate: Gate, over_grpc: Any
) -> None:
    with pytest.raises(InferenceServerException) as raised:
        over_grpc.infer("gated", [_tensor(tritonclient.grpc, 1, 2)], client_timeout=0.3)
    assert raised.value.status() == "StatusCode.DEADLINE_EXCEEDED"
    gate.next_batch().let_through()


def test_an_asyncio_client_that_gives_up_cancels_its_request(
    triton_server: RunningServer, gate: Gate, over_grpc: Any
) -> None:
    """aiohttp closes the connection, which is how HTTP/1.1 says it."""
    before = _cancelled(triton_server)
    answers: queue.Queue[Any] = queue.Queue()
    tensor = _tensor(tritonclient.grpc, 1, 2)
    over_grpc.async_infer("gated", [tensor], lambda result, error: answers.put(error))
    batch = gate.next_batch()

    async def give_up() -> None:
        async with tritonclient.http.aio.InferenceServerClient(triton_server.rest) as client:
            request = client.infer("gated", [_tensor(tritonclient.http, 1, 2)])
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(request, 0.3)

    asyncio.run(give_up())
    _until_cancelled(triton_server, before + 1)
    batch.let_through()
    assert answers.get(timeout=30) is None


def test_a_stream_is_refused_as_not_built(over_grpc: Any) -> None:
    answers: queue.Queue[Any] = queue.Queue()
    over_grpc.start_stream(lambda result, error: answers.put(error))
    with suppress(InferenceServerException):  # if the stream has ended before
        over_grpc.async_stream_infer("affine", [_tensor(tritonclient.grpc, 1, 3)])
    assert answers.get(timeout=30).status() == "StatusCode.UNIMPLEMENTED"
    over_grpc.stop_stream()
