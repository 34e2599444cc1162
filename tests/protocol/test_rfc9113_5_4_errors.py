# SPDX-License-Identifier: Apache-2.0
"""How errors are told (RFC 9113 section 5.4)."""

import numpy as np
from hyperframe.frame import GoAwayFrame, RstStreamFrame
from tests.doubles.h2_peer import framed
from tests.doubles.raw_peer import (
    CANCEL,
    END_HEADERS,
    END_STREAM,
    HEADERS,
    PROTOCOL_ERROR,
    RST_STREAM,
    SETTINGS,
    WINDOW_UPDATE,
    RawPeer,
    block,
    frame,
    grpc_head,
)
from tests.doubles.running import RunningServer
from tests.protocol.calls import INFER, LIVE, echo_request, until
from tests.protocol.illegal import assert_serves


def test_an_ended_connection_is_told_the_last_stream_that_was_looked_at(
    server: RunningServer,
) -> None:
    """Section 5.4.1: and then the server closes."""
    with RawPeer(server.grpc) as peer:
        peer.call(1, LIVE)
        peer.call(3, LIVE)
        before = server.counted("penstock_connections_closed_total", reason="protocol")
        peer.send(frame(SETTINGS, 0, 0, b"\0\5" + bytes(4)))
        assert peer.end_code() == PROTOCOL_ERROR
        (goaway,) = [f for f in peer.frames if isinstance(f, GoAwayFrame)]
        assert goaway.last_stream_id == 3
    until(
        lambda: server.counted("penstock_connections_closed_total", reason="protocol") == before + 1
    )


def test_a_reset_stream_is_told_once_and_nothing_more(server: RunningServer) -> None:
    """Section 5.4.2: to reset it costs no other stream anything."""
    wrong = block([*grpc_head(INFER), ("X-Upper", "1")])
    message = echo_request(np.arange(4))
    prefixed = framed(message)
    with RawPeer(server.grpc) as peer:
        peer.request(1, INFER)
        peer.send(frame(HEADERS, END_HEADERS, 3, wrong) + frame(0, END_STREAM, 3, prefixed))
        assert peer.reset_code(3) == PROTOCOL_ERROR
        peer.send(frame(0, END_STREAM, 1, prefixed))
        assert peer.wait_for(1).sections[-1]["grpc-status"] == "0"
        peer.round_trip()
        assert len([f for f in peer.frames if isinstance(f, RstStreamFrame)]) == 1
        assert not peer.answers[3].sections
        assert_serves(peer)


def test_a_reset_is_not_answered_by_a_reset(server: RunningServer) -> None:
    with RawPeer(server.grpc) as peer:
        peer.request(1, INFER)
        for _ in range(3):
            peer.send(frame(RST_STREAM, 0, 1, CANCEL.to_bytes(4, "big")))
        peer.send(frame(WINDOW_UPDATE, 0, 1, b"\0\0\0\1"))
        assert_serves(peer)
        assert not [f for f in peer.frames if isinstance(f, RstStreamFrame)]
