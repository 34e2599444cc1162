# SPDX-License-Identifier: Apache-2.0
"""How connections of HTTP/1.1 end: by a drain, step by step, and by a client that ends its half."""

from __future__ import annotations

import socket
import time
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.doubles.gate import GATED_MODEL, Gate
from tests.doubles.h2_peer import H2Peer
from tests.doubles.model_files import add_identity, add_python
from tests.doubles.running import RunningServer
from tests.rest.http1_peer import Http1Peer, infer_body, request

ECHO = "/v2/models/echo/infer"
BODY = infer_body([1], shape=[1])
GATED = "/v2/models/gated/infer"
ROW = infer_body([[1.0, 1.0]], shape=[1, 2])
DELAY_S = 1
#: Between the end of the delay and that of idle connections (kNoticeWaitMax of cpp/net/lifetime.h).
NOTICE_S = 1


def add_models(repository: Path, gate: Gate) -> None:
    add_identity(repository, "echo", [("x", "TYPE_FP32", [-1])], rows_max=0)
    parameter = f'parameters {{ key: "gate" value {{ string_value: "{gate.path}" }} }}'
    add_python(repository, "gated", GATED_MODEL, more=f"max_batch_size: 1 {parameter}")


def says_the_end(peer: Http1Peer) -> bool:
    """Asks for something and has it answered."""
    peer.send(request("POST", ECHO, BODY))
    answer = peer.answer()
    assert answer.status == 200
    return answer.headers.get("connection") == "close"


def until_unready(peers: ExitStack, address: str) -> None:
    """Waits for the drain, each time over a new connection, and hears the end with the news."""
    while True:
        peer = peers.enter_context(Http1Peer(address))
        peer.send(request("GET", "/v2/health/ready"))
        answer = peer.answer()
        if answer.status != 200:
            assert answer.headers["connection"] == "close"
            return


def test_a_drain_goes_step_by_step(tmp_path: Path) -> None:
    with Gate() as gate, ExitStack() as peers:
        add_models(tmp_path, gate)
        server = peers.enter_context(
            RunningServer(tmp_path, flags=(f"--drain-delay-secs={DELAY_S}",))
        )
        used, idle, silent, half, slow = (
            peers.enter_context(Http1Peer(server.rest)) for _ in range(5)
        )
        assert not any(says_the_end(one) for one in (used, idle, half))
        slow.send(request("POST", GATED, ROW))
        batch = gate.next_batch()
        began = time.monotonic()
        server.drain()
        until_unready(peers, server.rest)

        # While it still accepts, every answer is its connection's last, and no other one ends.
        assert says_the_end(used)
        assert used.is_ended()
        newcomer = peers.enter_context(Http1Peer(server.rest))
        assert says_the_end(newcomer)
        with H2Peer(server.rest) as http2:
            http2.round_trip()
            assert not http2.goaways

        # After the notice, those without a request end, and what has begun to come is awaited.
        late = request("POST", ECHO, BODY)
        half.send(late[:20])
        assert idle.is_ended()
        assert silent.is_ended()
        assert time.monotonic() - began >= DELAY_S + NOTICE_S
        half.send(late[20:])
        answer = half.answer()
        assert (answer.status, answer.headers["connection"]) == (200, "close")
        assert half.is_ended()
        with pytest.raises(ConnectionRefusedError):
            Http1Peer(server.rest)

        batch.let_through()
        answer = slow.answer()
        assert (answer.status, answer.headers["connection"]) == (200, "close")
        assert slow.is_ended()
        assert server.wait() == 0


def test_http2_may_begin_while_the_server_drains(tmp_path: Path) -> None:
    """What was connected and silent when the drain began may still say what it speaks."""
    with Gate() as gate, ExitStack() as peers:
        add_models(tmp_path, gate)
        server = peers.enter_context(RunningServer(tmp_path))
        host, _, port = server.rest.rpartition(":")
        silent = peers.enter_context(socket.create_connection((host, int(port)), timeout=30))
        slow = peers.enter_context(Http1Peer(server.rest))
        slow.send(request("POST", GATED, ROW))
        batch = gate.next_batch()
        server.drain()
        while not is_refused(host, int(port)):
            pass
        silent.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(3) + b"\x04" + bytes(5))
        said = b""
        while piece := silent.recv(1 << 16):
            said += piece
        assert said[3] == 4  # SETTINGS
        assert b"\x07" in said  # GOAWAY
        assert not said.startswith(b"HTTP/1.1")
        batch.let_through()
        assert slow.answer().status == 200
        assert server.wait() == 0


def is_refused(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), timeout=30):
            return False
    except ConnectionResetError:  # it was on its way when the port closed
        return False
    except ConnectionRefusedError:
        return True


def test_a_client_that_ends_its_half_gets_its_answer(server: RunningServer, gate: Gate) -> None:
    """As nc and some health checkers do. "100 Continue" asks whether it has closed instead."""
    with Http1Peer(server.rest) as peer:
        peer.send(request("POST", GATED, ROW))
        batch = gate.next_batch()
        peer.socket.shutdown(socket.SHUT_WR)
        assert peer.answer().status == 100
        batch.let_through()
        answer = peer.answer()
        assert (answer.status, answer.headers["connection"]) == (200, "close")
        assert peer.is_ended()


def test_quick_answers_reach_a_client_that_ends_its_half(server: RunningServer) -> None:
    for path in ("/v2/health/ready", "/v2", "/v2/models/echo/config", "/v2/models/echo/stats"):
        with Http1Peer(server.rest) as peer:
            peer.send(request("GET", path))
            peer.socket.shutdown(socket.SHUT_WR)
            answer = peer.answer()
            while answer.status == 100:
                answer = peer.answer()
            assert answer.status == 200
            assert peer.is_ended()
