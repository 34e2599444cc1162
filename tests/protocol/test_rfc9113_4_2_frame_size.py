# SPDX-License-Identifier: Apache-2.0
"""Frames that are too long or too short (RFC 9113 section 4.2, and 6 by types)."""

import numpy as np
import pytest
from tests.doubles.h2_peer import framed
from tests.doubles.raw_peer import (
    ACK,
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    FRAME_SIZE_ERROR,
    GOAWAY,
    HAS_PRIORITY,
    HEADERS,
    PING,
    PRIORITY,
    RST_STREAM,
    SETTINGS,
    WINDOW_UPDATE,
    RawPeer,
    block,
    frame,
    grpc_head,
)
from tests.doubles.running import RunningServer
from tests.protocol.calls import INFER, LIVE, echo_request, numbers
from tests.protocol.illegal import assert_ends

FRAME_BYTES_MAX = 64 << 10
OPEN = frame(HEADERS, END_HEADERS, 1, block(grpc_head(LIVE)))


@pytest.mark.parametrize(
    "kind", [DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE, 0xFA]
)
def test_a_frame_longer_than_the_setting_ends_the_connection(
    server: RunningServer, kind: int
) -> None:
    stream = 0 if kind in (SETTINGS, PING, GOAWAY) else 1
    assert_ends(server, OPEN + frame(kind, 0, stream, bytes(FRAME_BYTES_MAX + 1)), FRAME_SIZE_ERROR)


def test_a_continuation_longer_than_the_setting_ends_the_connection(server: RunningServer) -> None:
    cut = frame(HEADERS, 0, 1, b"") + frame(CONTINUATION, 0, 1, bytes(FRAME_BYTES_MAX + 1))
    assert_ends(server, cut, FRAME_SIZE_ERROR)


def test_a_frame_as_long_as_the_setting_is_read(server: RunningServer) -> None:
    message = echo_request(np.zeros(FRAME_BYTES_MAX // 4 + 100))
    prefixed = framed(message)
    with RawPeer(server.grpc) as peer:
        peer.send(frame(HEADERS, END_HEADERS, 1, block(grpc_head(INFER))))
        peer.send(frame(DATA, 0, 1, prefixed[:FRAME_BYTES_MAX]))
        peer.send(frame(DATA, END_STREAM, 1, prefixed[FRAME_BYTES_MAX:]))
        peer.send(frame(WINDOW_UPDATE, 0, 1, (1 << 20).to_bytes(4, "big")))
        peer.send(frame(WINDOW_UPDATE, 0, 0, (1 << 20).to_bytes(4, "big")))
        assert len(numbers(bytes(peer.wait_for(1).body[5:]))) == FRAME_BYTES_MAX // 4 + 100


@pytest.mark.parametrize(
    "wrong",
    [
        frame(HEADERS, END_HEADERS | HAS_PRIORITY, 3, bytes(4)),
        frame(PRIORITY, 0, 1, bytes(4)),
        frame(PRIORITY, 0, 1, bytes(6)),
        frame(RST_STREAM, 0, 1, bytes(3)),
        frame(RST_STREAM, 0, 1, bytes(5)),
        frame(SETTINGS, 0, 0, bytes(5)),
        frame(SETTINGS, 0, 0, bytes(7)),
        frame(SETTINGS, ACK, 0, bytes(6)),
        frame(PING, 0, 0, bytes(7)),
        frame(PING, 0, 0, bytes(9)),
        frame(PING, ACK, 0, b""),
        frame(GOAWAY, 0, 0, bytes(7)),
        frame(WINDOW_UPDATE, 0, 0, bytes(3)),
        frame(WINDOW_UPDATE, 0, 0, bytes(5)),
        frame(WINDOW_UPDATE, 0, 1, bytes(5)),
    ],
)
def test_a_frame_of_a_length_that_its_type_cannot_have_ends_the_connection(
    server: RunningServer, wrong: bytes
) -> None:
    assert_ends(server, OPEN + wrong, FRAME_SIZE_ERROR)
