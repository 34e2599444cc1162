# SPDX-License-Identifier: Apache-2.0
"""Connections are spread over the io threads, and each thread serves its own."""

from contextlib import ExitStack
from pathlib import Path

import numpy as np
from tests.doubles.h2_peer import H2Peer
from tests.doubles.running import RunningServer
from tests.protocol.calls import INFER, echo_request, numbers

IO_THREADS = 2
CONNECTIONS = 20
CALLS = 10


def waits_of_io_threads(server: RunningServer) -> dict[str, int]:
    """How often each io thread has gone to sleep since it began: once per call, if it is alone."""
    waits = {}
    for task in Path(f"/proc/{server.process.pid}/task").iterdir():
        if (task / "comm").read_text().strip() == "penstock-io":
            fields = dict(line.split(":", 1) for line in (task / "status").read_text().splitlines())
            waits[task.name] = int(fields["voluntary_ctxt_switches"])
    return waits


def test_many_connections_keep_all_io_threads_busy(server: RunningServer) -> None:
    with ExitStack() as stack:
        peers = [stack.enter_context(H2Peer(server.grpc)) for _ in range(CONNECTIONS)]
        for peer in peers:
            peer.round_trip()
        before = waits_of_io_threads(server)
        assert len(before) == IO_THREADS
        for n in range(CALLS):
            for peer in peers:
                answer = peer.call(INFER, echo_request(np.full(4, n)))
                peer.wait_for(answer)
                assert numbers(answer.message) == [n] * 4
        after = waits_of_io_threads(server)
    each = CONNECTIONS * CALLS / IO_THREADS
    assert all(after[thread] - before[thread] > each / 4 for thread in before)


def test_five_hundred_connections_are_all_served(server: RunningServer) -> None:
    with ExitStack() as stack:
        peers = [stack.enter_context(H2Peer(server.grpc)) for _ in range(500)]
        calls = [
            (peer, peer.call(INFER, echo_request(np.full(2, n)))) for n, peer in enumerate(peers)
        ]
        for n, (peer, answer) in enumerate(calls):
            peer.wait_for(answer)
            assert numbers(answer.message) == [n, n]
        assert server.counted("penstock_connections_open") >= 500
