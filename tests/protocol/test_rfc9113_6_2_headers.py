# SPDX-License-Identifier: Apache-2.0
"""HEADERS (RFC 9113 section 6.2)."""

import pytest
from tests.doubles.raw_peer import (
    DATA,
    END_HEADERS,
    END_STREAM,
    HAS_PRIORITY,
    HEADERS,
    PADDED,
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


def test_headers_on_stream_0_end_the_connection(server: RunningServer) -> None:
    assert_ends(server, frame(HEADERS, END_HEADERS, 0, HEAD), PROTOCOL_ERROR)


@pytest.mark.parametrize(
    "payload", [b"", b"\x01", bytes([len(HEAD) + 1]) + HEAD, b"\xff" + bytes(200)]
)
def test_padding_longer_than_the_frame_ends_the_connection(
    server: RunningServer, payload: bytes
) -> None:
    assert_ends(server, frame(HEADERS, END_HEADERS | PADDED, 1, payload), PROTOCOL_ERROR)


def test_padding_that_leaves_no_room_for_the_priority_ends_the_connection(
    server: RunningServer,
) -> None:
    flags = END_HEADERS | PADDED | HAS_PRIORITY
    assert_ends(server, frame(HEADERS, flags, 1, bytes(5)), PROTOCOL_ERROR)
    assert_ends(server, frame(HEADERS, flags, 1, b"\x05" + bytes(5) + b"1234"), PROTOCOL_ERROR)


def test_padding_and_priority_are_no_part_of_the_block(server: RunningServer) -> None:
    with RawPeer(server.grpc) as peer:
        padded = b"\xff" + b"\x80\0\0\x07\x10" + HEAD + bytes(255)
        peer.send(frame(HEADERS, END_HEADERS | PADDED | HAS_PRIORITY, 1, padded))
        peer.send(frame(DATA, END_STREAM, 1, bytes(5)))
        assert is_live(bytes(peer.wait_for(1).body[5:]))
