# SPDX-License-Identifier: Apache-2.0
"""DATA (RFC 9113 section 6.1)."""

import numpy as np
import pytest
from tests.doubles.h2_peer import framed
from tests.doubles.raw_peer import (
    DATA,
    END_HEADERS,
    END_STREAM,
    HEADERS,
    PADDED,
    PROTOCOL_ERROR,
    RawPeer,
    block,
    frame,
    grpc_head,
)
from tests.doubles.running import RunningServer
from tests.protocol.calls import INFER, LIVE, echo_request, numbers
from tests.protocol.illegal import assert_ends

OPEN = frame(HEADERS, END_HEADERS, 1, block(grpc_head(LIVE)))


def test_data_on_stream_0_ends_the_connection(server: RunningServer) -> None:
    assert_ends(server, frame(DATA, 0, 0, b"data"), PROTOCOL_ERROR)


@pytest.mark.parametrize(
    "payload", [b"", b"\x01", b"\x05data", b"\x04data"[:4], b"\xff" + bytes(254)]
)
def test_padding_as_long_as_the_frame_ends_the_connection(
    server: RunningServer, payload: bytes
) -> None:
    assert_ends(server, OPEN + frame(DATA, PADDED, 1, payload), PROTOCOL_ERROR)


@pytest.mark.parametrize("padding", [b"", bytes(1), bytes(255), b"\xff" * 255])
def test_padding_is_no_part_of_the_message(server: RunningServer, padding: bytes) -> None:
    message = echo_request(np.arange(4))
    prefixed = framed(message)
    with RawPeer(server.grpc) as peer:
        peer.request(1, INFER)
        peer.send(frame(DATA, PADDED, 1, b"\xff" + bytes(255)))
        padded = bytes([len(padding)]) + prefixed + padding
        peer.send(frame(DATA, PADDED | END_STREAM, 1, padded))
        assert numbers(bytes(peer.wait_for(1).body[5:])) == [0, 1, 2, 3]
