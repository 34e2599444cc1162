# SPDX-License-Identifier: Apache-2.0
"""PUSH_PROMISE, PING and GOAWAY (RFC 9113 sections 6.6 to 6.8, and 8.4)."""

import pytest
from tests.doubles.raw_peer import (
    ACK,
    END_HEADERS,
    END_STREAM,
    GOAWAY,
    HEADERS,
    PING,
    PROTOCOL_ERROR,
    PUSH_PROMISE,
    RawPeer,
    block,
    frame,
    grpc_head,
)
from tests.doubles.running import RunningServer
from tests.protocol.calls import LIVE, is_live
from tests.protocol.illegal import assert_ends, assert_serves

HEAD = block(grpc_head(LIVE))
OPEN = frame(HEADERS, END_HEADERS, 1, HEAD)


@pytest.mark.parametrize("stream", [0, 1, 3])
def test_a_client_pushes_nothing(server: RunningServer, stream: int) -> None:
    promise = frame(PUSH_PROMISE, END_HEADERS, stream, b"\0\0\0\2" + HEAD)
    assert_ends(server, OPEN + promise, PROTOCOL_ERROR)


@pytest.mark.parametrize("flags", [0, ACK])
def test_a_ping_on_a_stream_ends_the_connection(server: RunningServer, flags: int) -> None:
    assert_ends(server, OPEN + frame(PING, flags, 1, bytes(8)), PROTOCOL_ERROR)


def test_a_ping_comes_back_as_it_was(server: RunningServer) -> None:
    with RawPeer(server.grpc) as peer:
        for n in range(100):
            peer.send(frame(PING, 0, 0, n.to_bytes(8, "big")))
        peer.read_until(lambda: len(peer.pings()) == 100)
        assert all("ACK" in f.flags for f in peer.pings())
        payloads = [int.from_bytes(f.opaque_data, "big") for f in peer.pings()]
        assert payloads == list(range(100))


def test_the_answer_to_a_ping_is_not_answered(server: RunningServer) -> None:
    with RawPeer(server.grpc) as peer:
        peer.send(frame(PING, ACK, 0, b"not sent"))
        peer.round_trip()
        assert [f.opaque_data for f in peer.pings()] == [b"penstock"]


def test_a_goaway_on_a_stream_ends_the_connection(server: RunningServer) -> None:
    assert_ends(server, OPEN + frame(GOAWAY, 0, 1, bytes(8)), PROTOCOL_ERROR)


@pytest.mark.parametrize("code", [0, 2, 0xFFFFFFFF])
def test_after_a_goaway_open_streams_are_answered_and_the_connection_ends(
    server: RunningServer, code: int
) -> None:
    with RawPeer(server.grpc) as peer:
        peer.request(1, LIVE)
        peer.send(frame(GOAWAY, 0, 0, bytes(4) + code.to_bytes(4, "big") + b"why"))
        peer.send(frame(0, END_STREAM, 1, bytes(5)))
        assert is_live(bytes(peer.wait_for(1).body[5:]))
        peer.end_code()
    with RawPeer(server.grpc) as other:
        assert_serves(other)
