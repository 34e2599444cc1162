# SPDX-License-Identifier: Apache-2.0
"""PRIORITY and RST_STREAM (RFC 9113 sections 6.3 and 6.4)."""

import pytest
from tests.doubles.gate import Gate
from tests.doubles.h2_peer import framed
from tests.doubles.raw_peer import (
    CANCEL,
    END_HEADERS,
    END_STREAM,
    HEADERS,
    PRIORITY,
    PROTOCOL_ERROR,
    RST_STREAM,
    RawPeer,
    block,
    frame,
    grpc_head,
)
from tests.doubles.running import RunningServer
from tests.protocol.calls import INFER, LIVE, canceled, numbers, row, until
from tests.protocol.illegal import assert_ends, assert_is_let_be, assert_serves

OPEN = frame(HEADERS, END_HEADERS, 1, block(grpc_head(LIVE)))


def test_priority_on_stream_0_ends_the_connection(server: RunningServer) -> None:
    assert_ends(server, frame(PRIORITY, 0, 0, bytes(5)), PROTOCOL_ERROR)


def test_priorities_are_ignored(server: RunningServer) -> None:
    """Also of a stream on itself, which RFC 9113 has no rule for any more."""
    tree = b"".join(
        frame(PRIORITY, 0, n, (0x80000000 | n + 2).to_bytes(4, "big") + b"\xff")
        for n in range(1, 61, 2)
    )
    assert_is_let_be(server, tree)


def test_a_reset_on_stream_0_ends_the_connection(server: RunningServer) -> None:
    assert_ends(server, frame(RST_STREAM, 0, 0, CANCEL.to_bytes(4, "big")), PROTOCOL_ERROR)


def test_a_reset_of_an_idle_stream_ends_the_connection(server: RunningServer) -> None:
    assert_ends(server, OPEN + frame(RST_STREAM, 0, 3, bytes(4)), PROTOCOL_ERROR)


@pytest.mark.parametrize("code", [0, CANCEL, 0xDEAD, 0xFFFFFFFF])
def test_a_reset_ends_a_request_whatever_its_code(
    server: RunningServer, gate: Gate, code: int
) -> None:
    """Section 7: unknown codes trigger no special behaviour."""
    before = canceled(server)
    message = row(1)
    prefixed = framed(message)
    with RawPeer(server.grpc) as peer:
        for stream in (1, 3, 5):
            peer.request(stream, INFER)
            peer.send(frame(0, END_STREAM, stream, prefixed))
        first = gate.next_batch()
        peer.send(frame(RST_STREAM, 0, 3, code.to_bytes(4, "big")))
        until(lambda: canceled(server) == before + 1)
        first.let_through()
        gate.next_batch().let_through()
        for stream in (1, 5):
            assert numbers(bytes(peer.wait_for(stream).body[5:])) == [2, 2]
        assert_serves(peer)
        assert 3 not in peer.answers
