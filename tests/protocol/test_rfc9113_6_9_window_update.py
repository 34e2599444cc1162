# SPDX-License-Identifier: Apache-2.0
"""WINDOW_UPDATE, and windows that change otherwise (RFC 9113 section 6.9)."""

import pytest
from tests.doubles.raw_peer import (
    DATA,
    END_HEADERS,
    END_STREAM,
    FLOW_CONTROL_ERROR,
    HEADERS,
    PROTOCOL_ERROR,
    SETTINGS,
    WINDOW_UPDATE,
    RawPeer,
    block,
    frame,
    grpc_head,
)
from tests.doubles.running import RunningServer
from tests.protocol.calls import LIVE, is_live
from tests.protocol.illegal import assert_ends, assert_resets

OPEN = frame(HEADERS, END_HEADERS, 1, block(grpc_head(LIVE)))
MOST = 2**31 - 1


def window_update(stream: int, size: int) -> bytes:
    return frame(WINDOW_UPDATE, 0, stream, size.to_bytes(4, "big"))


def initial_window(size: int) -> bytes:
    return frame(SETTINGS, 0, 0, b"\0\4" + size.to_bytes(4, "big"))


@pytest.mark.parametrize("size", [0, 1 << 31])
@pytest.mark.parametrize("stream", [0, 1])
def test_a_window_is_not_opened_by_nothing(server: RunningServer, stream: int, size: int) -> None:
    """On a stream, too, nghttp2 ends the connection, as section 5.4.1 allows."""
    assert_ends(server, OPEN + window_update(stream, size), PROTOCOL_ERROR)


def test_a_streams_window_past_the_largest_resets_the_stream(server: RunningServer) -> None:
    assert_resets(server, OPEN + window_update(1, MOST), FLOW_CONTROL_ERROR)
    half = window_update(1, 1 << 30)
    assert_resets(server, OPEN + half * 2, FLOW_CONTROL_ERROR)


def test_the_connections_window_past_the_largest_ends_the_connection(server: RunningServer) -> None:
    assert_ends(server, window_update(0, MOST), FLOW_CONTROL_ERROR)


def test_a_window_may_be_the_largest(server: RunningServer) -> None:
    with RawPeer(server.grpc) as peer:
        peer.send(OPEN + window_update(0, MOST - 65_535) + window_update(1, MOST - 65_535))
        peer.send(frame(DATA, END_STREAM, 1, bytes(5)))
        assert is_live(bytes(peer.wait_for(1).body[5:]))


def test_a_setting_that_makes_a_window_too_large_resets_its_stream(server: RunningServer) -> None:
    """Section 6.9.2 wants the connection ended: a deviation of nghttp2's (docs/http2.md)."""
    octets = OPEN + window_update(1, 1) + initial_window(MOST)
    assert_resets(server, octets, FLOW_CONTROL_ERROR)


def test_a_setting_changes_the_windows_of_open_streams_be_it_below_nothing(
    server: RunningServer,
) -> None:
    """Section 6.9.2: a window may be negative, and is then waited for."""
    with RawPeer(server.grpc) as peer:
        peer.send(initial_window(3))
        peer.send(OPEN + frame(DATA, END_STREAM, 1, bytes(5)))
        peer.read_until(lambda: 1 in peer.answers and len(peer.answers[1].body) == 3)
        peer.send(initial_window(0))  # 3 below nothing
        peer.send(window_update(1, 3))
        peer.round_trip()
        assert len(peer.answers[1].body) == 3
        peer.send(window_update(1, 1))
        peer.read_until(lambda: len(peer.answers[1].body) == 4)
        peer.send(initial_window(100))
        assert is_live(bytes(peer.wait_for(1).body[5:]))
