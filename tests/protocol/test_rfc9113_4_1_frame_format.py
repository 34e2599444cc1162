# SPDX-License-Identifier: Apache-2.0
"""The frame head (RFC 9113 section 4.1), and what extends HTTP/2 (section 5.5)."""

import pytest
from tests.doubles.raw_peer import (
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    HEADERS,
    PING,
    PROTOCOL_ERROR,
    RST_STREAM,
    WINDOW_UPDATE,
    RawPeer,
    block,
    frame,
    grpc_head,
)
from tests.doubles.running import RunningServer
from tests.protocol.calls import LIVE, is_live
from tests.protocol.illegal import assert_ends, assert_is_let_be, assert_serves

RESERVED = 1 << 31
HEAD = block(grpc_head(LIVE))


def test_the_reserved_bit_is_ignored(server: RunningServer) -> None:
    with RawPeer(server.grpc) as peer:
        peer.send(frame(HEADERS, END_HEADERS, RESERVED | 1, HEAD))
        peer.send(frame(DATA, END_STREAM, RESERVED | 1, bytes(5)))
        assert is_live(bytes(peer.wait_for(1).body[5:]))
        peer.send(frame(WINDOW_UPDATE, 0, RESERVED, (RESERVED | 1).to_bytes(4, "big")))
        peer.send(frame(PING, 0, RESERVED, bytes(8)))
        assert_serves(peer)


def test_flags_that_mean_nothing_for_a_type_are_ignored(server: RunningServer) -> None:
    with RawPeer(server.grpc) as peer:
        peer.send(frame(PING, 0xFE, 0, bytes(8)))
        peer.send(frame(WINDOW_UPDATE, 0xFF, 0, b"\0\0\0\1"))
        peer.send(frame(HEADERS, END_HEADERS | 0x52, 1, HEAD))
        peer.send(frame(DATA, END_STREAM | 0xF6, 1, bytes(5)))
        assert is_live(bytes(peer.wait_for(1).body[5:]))
        peer.send(frame(HEADERS, 0, 3, HEAD[:20]))
        peer.send(frame(CONTINUATION, END_HEADERS | 0xFB, 3, HEAD[20:]))
        peer.send(frame(RST_STREAM, 0xFF, 3, b"\0\0\0\x08"))
        assert_serves(peer)


@pytest.mark.parametrize("stream", [0, 1, 2, 4001])
@pytest.mark.parametrize("kind", [0x0A, 0x0C, 0x10, 0xFA, 0xFF])
def test_frames_of_unknown_types_are_discarded(
    server: RunningServer, kind: int, stream: int
) -> None:
    for size in (0, 1, 9, 64 << 10):
        assert_is_let_be(server, frame(kind, 0xFF, stream, bytes(size)))


def test_a_frame_of_an_unknown_type_within_a_header_block_ends_the_connection(
    server: RunningServer,
) -> None:
    """Section 5.5."""
    cut = frame(HEADERS, 0, 1, HEAD[:20]) + frame(0xFA, 0, 1, b"x")
    assert_ends(server, cut + frame(CONTINUATION, END_HEADERS, 1, HEAD[20:]), PROTOCOL_ERROR)
