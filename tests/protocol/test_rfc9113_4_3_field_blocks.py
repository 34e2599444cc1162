# SPDX-License-Identifier: Apache-2.0
"""Field blocks (RFC 9113 section 4.3): contiguous, decoded in any case, and decodable."""

import hpack
import pytest
from tests.doubles.raw_peer import (
    CANCEL,
    COMPRESSION_ERROR,
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    HEADERS,
    PING,
    PROTOCOL_ERROR,
    REFUSED_STREAM,
    RST_STREAM,
    RawPeer,
    block,
    frame,
    grpc_head,
)
from tests.doubles.running import RunningServer
from tests.protocol.calls import INFER, LIVE, is_live
from tests.protocol.conftest import BOUNDED_STREAMS
from tests.protocol.illegal import assert_ends, assert_serves

HEAD = block(grpc_head(LIVE))


@pytest.mark.parametrize("pieces", [2, 5, 9])
def test_a_block_may_come_in_pieces(server: RunningServer, pieces: int) -> None:
    """HEADERS and up to eight CONTINUATIONs."""
    size = -(-len(HEAD) // pieces)
    parts = [HEAD[i : i + size] for i in range(0, len(HEAD), size)]
    with RawPeer(server.grpc) as peer:
        peer.send(frame(HEADERS, 0, 1, parts[0]))
        for part in parts[1:-1]:
            peer.send(frame(CONTINUATION, 0, 1, part))
        peer.send(frame(CONTINUATION, END_HEADERS, 1, parts[-1]))
        peer.send(frame(DATA, END_STREAM, 1, bytes(5)))
        assert is_live(bytes(peer.wait_for(1).body[5:]))


@pytest.mark.parametrize(
    "between",
    [
        frame(PING, 0, 0, bytes(8)),
        frame(DATA, 0, 1, bytes(5)),
        frame(HEADERS, END_HEADERS, 3, HEAD),
        frame(CONTINUATION, END_HEADERS, 3, HEAD[20:]),
        frame(CONTINUATION, END_HEADERS, 0, HEAD[20:]),
        frame(RST_STREAM, 0, 1, bytes(4)),
    ],
    ids=["ping", "data", "headers", "other-stream", "stream-0", "rst-stream"],
)
def test_nothing_may_come_between_the_pieces(server: RunningServer, between: bytes) -> None:
    assert_ends(server, frame(HEADERS, 0, 1, HEAD[:20]) + between, PROTOCOL_ERROR)


def test_a_block_that_cannot_be_decoded_ends_the_connection(server: RunningServer) -> None:
    assert_ends(server, frame(HEADERS, END_HEADERS, 1, HEAD + b"\x80"), COMPRESSION_ERROR)


def test_a_cut_block_that_cannot_be_decoded_ends_the_connection(server: RunningServer) -> None:
    cut = frame(HEADERS, 0, 1, HEAD[:20]) + frame(CONTINUATION, END_HEADERS, 1, HEAD[20:-1])
    assert_ends(server, cut, COMPRESSION_ERROR)


def test_trailers_that_cannot_be_decoded_end_the_connection(server: RunningServer) -> None:
    octets = frame(HEADERS, END_HEADERS, 1, HEAD)
    trailers = frame(HEADERS, END_HEADERS | END_STREAM, 1, b"\x80")
    assert_ends(server, octets + trailers, COMPRESSION_ERROR)


def test_the_blocks_of_a_refused_stream_are_decoded(bounded: RunningServer) -> None:
    """They change the table that all streams share."""
    encoder = hpack.Encoder()
    with RawPeer(bounded.grpc) as peer:
        for n in range(BOUNDED_STREAMS):
            peer.request(2 * n + 1, INFER)
        refused = 2 * BOUNDED_STREAMS + 1
        fields = [*grpc_head(LIVE), ("x-new", "for the table")]
        peer.send(frame(HEADERS, END_HEADERS | END_STREAM, refused, encoder.encode(fields)))
        assert peer.reset_code(refused) == REFUSED_STREAM
        peer.send(frame(RST_STREAM, 0, 1, CANCEL.to_bytes(4, "big")))
        # Small now, for all of it is in the table.
        again = encoder.encode(fields)
        assert len(again) < 12
        peer.send(frame(HEADERS, END_HEADERS, refused + 2, again))
        peer.send(frame(DATA, END_STREAM, refused + 2, bytes(5)))
        assert is_live(bytes(peer.wait_for(refused + 2).body[5:]))


def test_the_trailers_of_a_stream_that_the_server_has_ended_are_decoded(
    server: RunningServer,
) -> None:
    encoder = hpack.Encoder()
    with RawPeer(server.grpc) as peer:
        peer.request(1, "/no/Such")
        assert peer.wait_for(1).sections[0]["grpc-status"] == "12"
        trailers = encoder.encode([("x-new", "for the table")])
        peer.send(frame(HEADERS, END_HEADERS | END_STREAM, 1, trailers))
        again = encoder.encode([*grpc_head(LIVE), ("x-new", "for the table")])
        peer.send(frame(HEADERS, END_HEADERS, 3, again))
        peer.send(frame(DATA, END_STREAM, 3, bytes(5)))
        assert is_live(bytes(peer.wait_for(3).body[5:]))
        assert_serves(peer)
