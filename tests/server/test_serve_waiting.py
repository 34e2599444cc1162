# SPDX-License-Identifier: Apache-2.0
"""Requests that wait: deadlines, cancellation, full queues, and big neighbours."""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import grpc
import numpy as np
import pytest
from tests.doubles.gate import GATED_MODEL, Gate
from tests.doubles.model_files import add_identity, add_python
from tests.doubles.running import RunningServer

from penstock_client import AsyncClient, Client, DeadlineExceeded, PenstockError
from penstock_client._proto import inference_pb2

INFER = "/inference.GRPCInferenceService/ModelInfer"
ROWS_MAX = "max_batch_size: 1"
BOUNDED = "dynamic_batching { default_queue_policy { max_queue_size: 2 } }"
TIMED = "dynamic_batching { default_queue_policy { default_timeout_microseconds: 100000 } }"


@pytest.fixture(scope="module")
def gate() -> Iterator[Gate]:
    with Gate() as made:
        yield made


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, gate: Gate) -> Iterator[RunningServer]:
    repository = tmp_path_factory.mktemp("models")
    parameter = f'parameters {{ key: "gate" value {{ string_value: "{gate.path}" }} }}'
    for name, policy in {"gated": "", "bounded": BOUNDED, "timed": TIMED}.items():
        add_python(repository, name, GATED_MODEL, more=f"{ROWS_MAX} {parameter} {policy}")
    add_identity(repository, "echo", [("x", "TYPE_FP32", [-1])], rows_max=0)
    with RunningServer(repository) as running:
        yield running


@pytest.fixture(scope="module")
def client(server: RunningServer) -> Iterator[Client]:
    with Client(server.grpc, retry=None) as made:
        yield made


def row(first: float) -> np.ndarray:
    return np.full((1, 2), first, np.float32)


def until(is_so: Callable[[], bool]) -> None:
    """Asks again and again; the test's own patience is that of the calls it makes."""
    while not is_so():
        pass


def pending(server: RunningServer, model: str) -> float:
    return server.counted("nv_inference_pending_request_count", model=model)


def test_a_request_whose_deadline_passes_while_it_waits_is_never_executed(
    client: Client, server: RunningServer, gate: Gate
) -> None:
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(client.infer, "gated", {"x": row(1)}, timeout=30)
        executing = gate.next_batch()
        with pytest.raises(DeadlineExceeded):
            client.infer("gated", {"x": row(2)}, timeout=0.2)
        # Whether the server's clock or the client's reset comes first, it no longer waits.
        until(lambda: pending(server, "gated") == 0)
        third = pool.submit(client.infer, "gated", {"x": row(3)}, timeout=30)
        executing.let_through()
        following = gate.next_batch()
        following.let_through()
        assert following.first == [3]
        first.result()
        third.result()


def test_a_cancelled_request_is_never_executed(
    client: Client, server: RunningServer, gate: Gate
) -> None:
    cancelled = server.counted("nv_inference_request_failure", model="gated", reason="CANCELED")
    made = inference_pb2.ModelInferRequest(model_name="gated")
    made.inputs.add(name="x", datatype="FP32", shape=[1, 2])
    made.raw_input_contents.append(row(5).tobytes())
    with grpc.insecure_channel(server.grpc) as channel, ThreadPoolExecutor(2) as pool:
        call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(INFER)
        first = pool.submit(client.infer, "gated", {"x": row(4)}, timeout=30)
        executing = gate.next_batch()
        waiting = call.future(made.SerializeToString(), timeout=30)
        until(lambda: pending(server, "gated") == 1)
        waiting.cancel()
        until(lambda: pending(server, "gated") == 0)
        third = pool.submit(client.infer, "gated", {"x": row(6)}, timeout=30)
        executing.let_through()
        following = gate.next_batch()
        following.let_through()
        assert following.first == [6]
        first.result()
        third.result()
    counted = server.counted("nv_inference_request_failure", model="gated", reason="CANCELED")
    assert counted == cancelled + 1


def test_a_caller_that_disconnects_is_forgotten(
    client: Client, server: RunningServer, gate: Gate
) -> None:
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(client.infer, "gated", {"x": row(7)}, timeout=30)
        executing = gate.next_batch()
        leaver = Client(server.grpc, retry=None)
        left = pool.submit(leaver.infer, "gated", {"x": row(8)}, timeout=30)
        until(lambda: pending(server, "gated") == 1)
        leaver.close()
        until(lambda: pending(server, "gated") == 0)
        executing.let_through()
        first.result()
        assert isinstance(left.exception(), PenstockError)


def test_a_full_queue_refuses_at_once(client: Client, server: RunningServer, gate: Gate) -> None:
    with ThreadPoolExecutor(3) as pool:
        first = pool.submit(client.infer, "bounded", {"x": row(0)}, timeout=30)
        executing = gate.next_batch()
        others = [pool.submit(client.infer, "bounded", {"x": row(1)}, timeout=30) for _ in "ab"]
        until(lambda: pending(server, "bounded") == 2)
        with pytest.raises(PenstockError, match="queue of 2 requests is full") as caught:
            client.infer("bounded", {"x": row(2)}, timeout=30)
        assert caught.value.code in ("RESOURCE_EXHAUSTED", "UNAVAILABLE")
        executing.let_through()
        for _ in others:
            gate.next_batch().let_through()
        for future in (first, *others):
            future.result()
    assert server.counted("penstock_requests_refused_total", model="bounded") == 1


def test_the_queues_own_timeout_refuses_what_waited_too_long(client: Client, gate: Gate) -> None:
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(client.infer, "timed", {"x": row(0)}, timeout=30)
        executing = gate.next_batch()
        with pytest.raises(PenstockError, match="Request timeout expired"):
            client.infer("timed", {"x": row(1)}, timeout=30)
        executing.let_through()
        first.result()


def test_small_requests_pass_a_64_mib_tensor_on_the_same_connection(
    server: RunningServer,
) -> None:
    big = np.arange(16 << 20, dtype=np.float32)
    options = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]

    async def run() -> tuple[int, bool]:
        async with AsyncClient(server.grpc, options=options) as client:
            await client.infer("echo", {"x": big[:1]}, timeout=30)
            large = asyncio.create_task(client.infer("echo", {"x": big}, timeout=60))
            small = 0
            while not large.done():
                answer = await client.infer("echo", {"x": big[:4]}, timeout=30)
                assert answer["x_out"].tolist() == [0, 1, 2, 3]
                small += 1
            return small, bool((large.result()["x_out"] == big).all())

    small, is_same = asyncio.run(run())
    assert is_same
    assert small >= 3
