# SPDX-License-Identifier: Apache-2.0
"""Stream identifiers (RFC 9113 section 5.1.1): odd, and ever higher."""

import pytest
from tests.doubles.raw_peer import (
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
from tests.protocol.illegal import assert_ends, assert_serves

HEAD = block(grpc_head(LIVE))


def opens(stream: int) -> bytes:
    return frame(HEADERS, END_HEADERS, stream, HEAD)


@pytest.mark.parametrize("stream", [0, 2, 4000])
def test_a_client_opens_odd_streams(server: RunningServer, stream: int) -> None:
    assert_ends(server, opens(stream), PROTOCOL_ERROR)


@pytest.mark.parametrize("late", [1, 3, 7, 9, 13])
def test_a_stream_that_was_passed_over_cannot_be_opened(server: RunningServer, late: int) -> None:
    assert_ends(server, opens(5) + opens(11) + opens(15) + opens(late), PROTOCOL_ERROR)


def test_streams_may_be_passed_over(server: RunningServer) -> None:
    with RawPeer(server.grpc) as peer:
        for stream in (7, 101, 103, 20_001, 2**31 - 1):
            assert is_live(bytes(peer.call(stream, LIVE).body[5:]))


def test_the_last_stream_is_the_last(server: RunningServer) -> None:
    """A client that has used up its identifiers needs a new connection; there is no way around."""
    with RawPeer(server.grpc) as peer:
        peer.call(2**31 - 1, LIVE)
        peer.send(frame(HEADERS, END_HEADERS | END_STREAM, 5, HEAD))
        assert peer.end_code() == PROTOCOL_ERROR
    with RawPeer(server.grpc) as again:
        assert_serves(again)
