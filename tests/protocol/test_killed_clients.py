# SPDX-License-Identifier: Apache-2.0
"""Ten thousand clients die in the middle of a request; the server keeps nothing of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
from tests.doubles import canned
from tests.doubles.gate import Gate
from tests.doubles.h2_peer import H2Peer, framed
from tests.doubles.memory import open_files, resident_bytes
from tests.doubles.running import RunningServer
from tests.protocol.calls import (
    INFER,
    add_digest,
    add_echo,
    add_gated,
    echo_request,
    infer_request,
    numbers,
    pending,
    row,
    until,
)

KILLS = 10_000
WARM_KILLS = 1_000
#: Of resident memory, over the nine thousand kills after the warming ones: 116 bytes each.
GROWTH_BYTES_MAX = 1 << 20
#: Clients that die while their request is executed: each takes a model's turn.
EXECUTED = 50

HELLO = canned.hello()
LARGE = canned.call(1, INFER, echo_request(np.zeros(1 << 16)))  # an answer of 256 KiB
Death = Callable[[int], None]


@contextmanager
def doomed_server(repository: Path, gate: Gate) -> Iterator[RunningServer]:
    add_echo(repository)
    add_digest(repository)
    add_gated(repository, gate)
    # Descriptors are counted: the process of the monitors would begin in the midst of it.
    flags = ("--grpc-infer-thread-count=2", "--monitoring=off")
    with RunningServer(repository, flags=flags) as server:
        yield server


def deaths(port: int) -> list[Death]:
    """Ways to die. Each is told a number, which says whether by a reset or by a plain close."""
    request = echo_request(np.arange(16))
    half = canned.head(1, INFER) + canned.frame(canned.DATA, 0, 1, framed(request)[:40])
    digest = canned.call(1, INFER, infer_request("digest", np.arange(64)))
    queued = canned.call(1, INFER, row(1))
    streams = b"".join(canned.call(n, INFER, request) for n in (1, 3, 5, 7))

    def dies(sent: bytes, read_bytes: int = 0) -> Death:
        def death(number: int) -> None:
            connection = canned.connect(port)
            connection.sendall(sent)
            if read_bytes:
                connection.recv(read_bytes)
            if number % 2:
                canned.kill(connection)
            else:
                connection.close()

        return death

    return [
        dies(b""),
        dies(HELLO[:10]),
        dies(HELLO + half[:20]),  # within the headers
        dies(HELLO + half),  # within the message
        dies(HELLO + digest),  # on its way to the batch lane, or executed there
        dies(HELLO + queued),  # in a queue whose instance is busy
        dies(HELLO + streams, read_bytes=20),
        dies(HELLO + LARGE, read_bytes=4096),  # within the answer
    ]


def assert_forgotten(server: RunningServer) -> None:
    until(lambda: server.counted("penstock_connections_open") == 0)
    assert server.counted("penstock_streams_open") == 0
    assert pending(server) == 0


def test_ten_thousand_killed_clients_leave_nothing_behind(tmp_path: Path) -> None:
    with ExitStack() as stack:
        gate = stack.enter_context(Gate())
        server = stack.enter_context(doomed_server(tmp_path, gate))
        pid = server.process.pid
        ways = deaths(server.grpc_port)
        keeper = H2Peer(server.grpc)
        held = keeper.call(INFER, row(7))  # keeps the gated model busy while the others die
        batch = gate.next_batch()
        files = resident = 0
        for number in range(KILLS):
            if number == WARM_KILLS:
                until(lambda: server.counted("penstock_connections_open") == 1)
                files, resident = open_files(pid), resident_bytes(pid)
            ways[number % len(ways)](number // len(ways))
        until(lambda: server.counted("penstock_connections_open") == 1)
        assert server.counted("penstock_streams_open") == 1
        assert open_files(pid) <= files
        assert resident_bytes(pid) - resident < GROWTH_BYTES_MAX
        batch.let_through()
        keeper.wait_for(held)
        assert numbers(held.message) == [14, 14]
        keeper.close()
        assert_forgotten(server)
        assert server.counted("penstock_connections_accepted_total") == KILLS + 1


def test_clients_killed_while_their_request_executes_leave_nothing_behind(tmp_path: Path) -> None:
    with ExitStack() as stack:
        gate = stack.enter_context(Gate())
        server = stack.enter_context(doomed_server(tmp_path, gate))
        for number in range(EXECUTED):
            connection = canned.connect(server.grpc_port)
            connection.sendall(HELLO + canned.call(1, INFER, row(number)))
            batch = gate.next_batch()
            assert batch.first == [number]
            if number % 2:
                canned.kill(connection)
            else:
                connection.close()
            until(lambda: server.counted("penstock_connections_open") == 0)
            batch.let_through()
        assert_forgotten(server)
        until(lambda: server.counted("penstock_replies_dropped_total") == EXECUTED)
        with H2Peer(server.grpc) as peer:
            answer = peer.call(INFER, row(3))
            gate.next_batch().let_through()
            peer.wait_for(answer)
            assert numbers(answer.message) == [6, 6]
