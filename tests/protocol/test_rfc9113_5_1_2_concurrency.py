# SPDX-License-Identifier: Apache-2.0
"""The streams open at a time (RFC 9113 section 5.1.2)."""

import numpy as np
from tests.doubles.h2_peer import framed
from tests.doubles.raw_peer import (
    CANCEL,
    END_HEADERS,
    END_STREAM,
    HEADERS,
    REFUSED_STREAM,
    RST_STREAM,
    RawPeer,
    block,
    frame,
    grpc_head,
)
from tests.doubles.running import RunningServer
from tests.protocol.calls import INFER, LIVE, echo_request, is_live
from tests.protocol.conftest import BOUNDED_STREAMS
from tests.protocol.illegal import assert_serves


def test_a_stream_past_the_limit_is_refused_also_when_the_client_knew_it(
    bounded: RunningServer,
) -> None:
    with RawPeer(bounded.grpc) as peer:
        assert peer.settings()[3] == BOUNDED_STREAMS
        for n in range(BOUNDED_STREAMS):
            peer.request(2 * n + 1, INFER)
        for stream in (101, 103):
            peer.request(stream, LIVE, flags=END_HEADERS | END_STREAM)
            assert peer.reset_code(stream) == REFUSED_STREAM
        # Those within the limit are untouched, and the next that ends makes room.
        peer.send(frame(RST_STREAM, 0, 1, CANCEL.to_bytes(4, "big")))
        assert is_live(bytes(peer.call(105, LIVE).body[5:]))
        message = echo_request(np.arange(4))
        prefixed = framed(message)
        peer.send(frame(0, END_STREAM, 3, prefixed))
        assert peer.wait_for(3).sections[-1]["grpc-status"] == "0"


def test_what_follows_on_a_refused_stream_is_discarded(bounded: RunningServer) -> None:
    with RawPeer(bounded.grpc) as peer:
        for n in range(BOUNDED_STREAMS):
            peer.request(2 * n + 1, INFER)
        head = block(grpc_head(INFER))
        peer.send(
            frame(HEADERS, END_HEADERS, 101, head)
            + frame(0, 0, 101, bytes(1000))
            + frame(0, END_STREAM, 101, bytes(1000))
        )
        assert peer.reset_code(101) == REFUSED_STREAM
        peer.send(frame(RST_STREAM, 0, 1, CANCEL.to_bytes(4, "big")))
        assert_serves(peer, 103)
