# SPDX-License-Identifier: Apache-2.0
"""CONTINUATION (RFC 9113 section 6.10)."""

from tests.doubles.raw_peer import (
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    HEADERS,
    PROTOCOL_ERROR,
    RawPeer,
    block,
    frame,
    grpc_head,
)
from tests.doubles.running import RunningServer
from tests.protocol.calls import LIVE, is_live
from tests.protocol.illegal import assert_ends

HEAD = block(grpc_head(LIVE))
OPEN = frame(HEADERS, END_HEADERS, 1, HEAD)


def test_a_continuation_of_nothing_ends_the_connection(server: RunningServer) -> None:
    for before in (b"", OPEN, OPEN + frame(DATA, END_STREAM, 1, bytes(5))):
        for stream in (0, 1, 3):
            late = frame(CONTINUATION, END_HEADERS, stream, b"")
            assert_ends(server, before + late, PROTOCOL_ERROR)


def test_a_continuation_after_the_end_of_a_block_ends_the_connection(server: RunningServer) -> None:
    cut = frame(HEADERS, 0, 1, HEAD[:20]) + frame(CONTINUATION, END_HEADERS, 1, HEAD[20:])
    assert_ends(server, cut + frame(CONTINUATION, END_HEADERS, 1, b""), PROTOCOL_ERROR)


def test_frames_of_a_block_may_be_empty(server: RunningServer) -> None:
    with RawPeer(server.grpc) as peer:
        peer.send(
            frame(HEADERS, 0, 1) + frame(CONTINUATION, 0, 1) + frame(CONTINUATION, 0, 1, HEAD)
        )
        peer.send(frame(CONTINUATION, END_HEADERS, 1) + frame(DATA, END_STREAM, 1, bytes(5)))
        assert is_live(bytes(peer.wait_for(1).body[5:]))
