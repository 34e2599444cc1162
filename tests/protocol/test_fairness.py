# SPDX-License-Identifier: Apache-2.0
"""What one stream or one connection takes, the others still get: answers, room and turns."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
from h2.settings import SettingCodes
from tests.doubles import canned
from tests.doubles.h2_peer import WINDOW_BYTES_MAX, H2Peer, Stream, framed
from tests.doubles.model_files import Tensor, add_python
from tests.doubles.running import RunningServer
from tests.protocol.calls import INFER, add_echo, echo_request, infer_request, numbers, until

RESOURCE_EXHAUSTED = 8
MIB = 1 << 20
LARGE_BYTES = 64 * MIB
INFLIGHT_BYTES = 64 * MIB
SMALL_CALLS = 20

#: Gives as many ones as x says.
ONES = """
    import numpy as np

    class Ones:
        def execute(self, batch):
            return {"y": np.ones(int(batch["x"][0]), np.float32)}
"""


@pytest.fixture(scope="module")
def fair_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    repository = tmp_path_factory.mktemp("models")
    add_echo(repository)
    inputs: list[Tensor] = [("x", "TYPE_FP32", [1])]
    add_python(repository, "ones", ONES, inputs=inputs, outputs=[("y", "TYPE_FP32", [-1])])
    return repository


@pytest.fixture(scope="module")
def fair(fair_models: Path) -> Iterator[RunningServer]:
    """One io thread, so that all connections are neighbours."""
    with RunningServer(fair_models, flags=("--grpc-infer-thread-count=1",)) as server:
        yield server


@pytest.fixture(scope="module")
def tight(fair_models: Path) -> Iterator[RunningServer]:
    """One io thread that may hold little."""
    flags = ("--grpc-infer-thread-count=1", f"--inflight-bytes-max={INFLIGHT_BYTES}")
    with RunningServer(fair_models, flags=flags) as server:
        yield server


def first_over(peer: H2Peer, calls: list[Stream]) -> Stream:
    peer.until(lambda: any(call.is_over for call in calls))
    return next(call for call in calls if call.is_over)


def ones(count: int) -> bytes:
    return infer_request("ones", np.array([count]))


@pytest.mark.parametrize("frame_bytes", [1 << 14, (1 << 24) - 1])
@pytest.mark.parametrize("is_dependent", [False, True], ids=["equal", "behind the large one"])
def test_small_answers_do_not_wait_for_a_large_one_of_their_connection(
    fair: RunningServer, frame_bytes: int, is_dependent: bool
) -> None:
    """Also where the client asks for it by RFC 7540's priorities, and whatever frames it takes."""
    settings = {SettingCodes.MAX_FRAME_SIZE: frame_bytes}
    with H2Peer(fair.grpc, window_bytes=WINDOW_BYTES_MAX, settings=settings) as peer:
        peer.round_trip()
        large = peer.call(INFER, ones(LARGE_BYTES // 4))
        peer.until(lambda: len(large.body) > 0)
        small: list[Stream] = []
        for n in range(SMALL_CALLS):
            stream = peer.open(INFER)
            if is_dependent:
                peer.h2.prioritize(stream.number, weight=1, depends_on=large.number)
            peer.send(stream, framed(echo_request(np.array([n]))), is_last=True)
            small.append(stream)
        peer.wait_for(*small)
        come = len(large.body)
        assert [numbers(stream.message) for stream in small] == [[n] for n in range(SMALL_CALLS)]
        # What the kernel's buffers held already came first, and no more.
        assert come < LARGE_BYTES / 2
        peer.wait_for(large)
        assert len(large.body) > LARGE_BYTES


def test_two_large_answers_of_a_connection_come_side_by_side(fair: RunningServer) -> None:
    def answered() -> float:
        return fair.counted("nv_inference_request_success", model="ones")

    with H2Peer(fair.grpc, window_bytes=WINDOW_BYTES_MAX) as peer:
        peer.round_trip()
        already = answered()
        first, second = (peer.call(INFER, ones(LARGE_BYTES // 4)) for _ in range(2))
        # Nobody reads before both are there: what the kernel buffers is a small part of one.
        until(lambda: answered() == already + 2)
        peer.until(lambda: len(first.body) > 0 and len(second.body) > 0)
        before = len(first.body), len(second.body)
        peer.until(lambda: first.is_over or second.is_over)
        since = len(first.body) - before[0], len(second.body) - before[1]
        assert min(since) > max(since) / 2
        peer.wait_for(first, second)


def test_a_connection_that_reads_nothing_holds_what_is_left_and_no_more(
    tight: RunningServer,
) -> None:
    """However many of them there are, the others find room for requests and answers."""
    with ExitStack() as stack:
        stalled = [stack.enter_context(H2Peer(tight.grpc, gives_back=False)) for _ in range(3)]
        neighbour = stack.enter_context(H2Peer(tight.grpc))
        for peer in stalled:
            # Each answer takes a MiB; of the stream's window it sends 64 KiB.
            with peer.corked():
                calls = [peer.call(INFER, ones(MIB // 4)) for _ in range(2 * INFLIGHT_BYTES // MIB)]
            refused = first_over(peer, calls)
            assert refused.status == RESOURCE_EXHAUSTED
            assert f"({INFLIGHT_BYTES})" in refused.why
            assert_echoes_many(neighbour)
        # Each takes half of what there is, so three leave an eighth, and of that a half to each.
        large = neighbour.call(INFER, echo_request(np.arange(INFLIGHT_BYTES // 32 // 4)))
        neighbour.wait_for(large)
        assert len(numbers(large.message)) == INFLIGHT_BYTES // 32 // 4


def test_a_socket_that_nobody_reads_costs_only_its_own_requests(tight: RunningServer) -> None:
    """Windows are wide open here: it is the kernel's buffers that are full."""

    def refusals() -> float:
        return tight.counted("penstock_grpc_answers_total", code="RESOURCE_EXHAUSTED")

    with H2Peer(tight.grpc) as neighbour:
        neighbour.round_trip()
        before = refusals()
        with canned.connect(tight.grpc_port) as stalled:
            stalled.sendall(canned.hello())
            for n in range(2 * INFLIGHT_BYTES // MIB):
                stalled.sendall(canned.call(2 * n + 1, INFER, ones(MIB // 4)))
                if n % 16 == 0:
                    assert_echoes_many(neighbour)
            until(lambda: refusals() > before)
            assert_echoes_many(neighbour)
        # What it held is free again.
        until(lambda: tight.counted("penstock_connections_open") == 1)
        large = neighbour.call(INFER, echo_request(np.zeros((INFLIGHT_BYTES // 2 - MIB) // 4)))
        neighbour.wait_for(large)
        assert large.status == 0


def assert_echoes_many(peer: H2Peer) -> None:
    for n in range(SMALL_CALLS):
        answer = peer.call(INFER, echo_request(np.full(1000, n)))
        peer.wait_for(answer)
        assert numbers(answer.message) == [n] * 1000


def test_requests_that_never_end_hold_what_is_left_and_no_more(tight: RunningServer) -> None:
    with H2Peer(tight.grpc) as stalled, H2Peer(tight.grpc) as neighbour:
        half = framed(echo_request(np.zeros(MIB // 2)))[:MIB]
        streams: list[Stream] = []
        while not any(stream.is_over for stream in streams):
            streams.append(stalled.open(INFER))
            stalled.send(streams[-1], half)
            stalled.round_trip()
        refused = next(stream for stream in streams if stream.is_over)
        assert refused.status == RESOURCE_EXHAUSTED
        assert len(streams) * MIB <= INFLIGHT_BYTES
        for n in range(SMALL_CALLS):
            answer = neighbour.call(INFER, echo_request(np.full(100_000, n)))
            neighbour.wait_for(answer)
            assert numbers(answer.message) == [n] * 100_000


def test_a_connection_that_floods_starves_no_neighbour_of_its_io_thread(
    fair: RunningServer,
) -> None:
    is_enough = threading.Event()
    rounds = []

    def flood() -> None:
        request = echo_request(np.zeros(4 * MIB))
        with H2Peer(fair.grpc, window_bytes=WINDOW_BYTES_MAX) as peer:
            while not is_enough.is_set():
                answer = peer.call(INFER, request)
                peer.wait_for(answer)
                rounds.append(answer.status)

    flooder = threading.Thread(target=flood)
    flooder.start()
    with H2Peer(fair.grpc) as peer:
        while len(rounds) < 3:
            answer = peer.call(INFER, echo_request(np.arange(3)))
            peer.wait_for(answer)
            assert numbers(answer.message) == [0, 1, 2]
            calls = len(peer.streams)
    is_enough.set()
    flooder.join()
    assert set(rounds) == {0}
    # While 48 MiB went in and out, in turns of half a MiB.
    assert calls > 48
