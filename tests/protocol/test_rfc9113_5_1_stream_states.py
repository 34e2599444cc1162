# SPDX-License-Identifier: Apache-2.0
"""What may come in which state of a stream (RFC 9113 section 5.1)."""

import pytest
from tests.doubles.gate import Gate
from tests.doubles.h2_peer import framed
from tests.doubles.raw_peer import (
    CANCEL,
    DATA,
    END_HEADERS,
    END_STREAM,
    HEADERS,
    PRIORITY,
    PROTOCOL_ERROR,
    RST_STREAM,
    STREAM_CLOSED,
    WINDOW_UPDATE,
    RawPeer,
    block,
    frame,
    grpc_head,
)
from tests.doubles.running import RunningServer
from tests.protocol.calls import INFER, LIVE, is_live, numbers, row
from tests.protocol.illegal import assert_ends, assert_is_let_be, assert_serves

HEAD = block(grpc_head(LIVE))
TRAILERS = frame(HEADERS, END_HEADERS | END_STREAM, 1, block([("x-trailer", "1")]))


@pytest.mark.parametrize(
    "first",
    [
        frame(DATA, 0, 1, bytes(5)),
        frame(DATA, END_STREAM, 1),
        frame(RST_STREAM, 0, 1, bytes(4)),
        frame(WINDOW_UPDATE, 0, 1, b"\0\0\0\1"),
        frame(RST_STREAM, 0, 2, bytes(4)),
        frame(WINDOW_UPDATE, 0, 2, b"\0\0\0\1"),
        frame(DATA, 0, 2, bytes(5)),
    ],
    ids=["data", "end", "rst", "window", "rst-even", "window-even", "data-even"],
)
def test_idle_takes_headers_and_priority_alone(server: RunningServer, first: bytes) -> None:
    assert_ends(server, first, PROTOCOL_ERROR)


def test_priority_is_taken_in_every_state(server: RunningServer) -> None:
    assert_is_let_be(server, frame(PRIORITY, 0, 1, bytes(4) + b"\x10"))
    with RawPeer(server.grpc) as peer:
        peer.request(1, LIVE)
        peer.send(frame(PRIORITY, 0, 1, b"\0\0\0\x03\x10"))
        peer.send(frame(DATA, END_STREAM, 1, bytes(5)))
        assert is_live(bytes(peer.wait_for(1).body[5:]))
        peer.send(frame(PRIORITY, 0, 1, b"\0\0\0\x03\x10"))
        assert_serves(peer)


@pytest.mark.parametrize(
    "late",
    [frame(DATA, 0, 1, b"more"), frame(DATA, END_STREAM, 1), TRAILERS],
    ids=["data", "end", "headers"],
)
def test_half_closed_remote_takes_no_more_of_the_request(
    server: RunningServer, gate: Gate, late: bytes
) -> None:
    message = row(1)
    prefixed = framed(message)
    with RawPeer(server.grpc) as other, RawPeer(server.grpc) as peer:
        peer.request(1, INFER)
        peer.send(frame(DATA, END_STREAM, 1, prefixed))
        batch = gate.next_batch()
        peer.send(late)
        assert peer.end_code() == STREAM_CLOSED
        batch.let_through()
        assert_serves(other)


def test_half_closed_remote_takes_windows_and_priority(server: RunningServer, gate: Gate) -> None:
    message = row(1)
    prefixed = framed(message)
    with RawPeer(server.grpc) as peer:
        peer.request(1, INFER)
        peer.send(frame(DATA, END_STREAM, 1, prefixed))
        batch = gate.next_batch()
        peer.send(frame(WINDOW_UPDATE, 0, 1, b"\0\0\0\1"))
        peer.send(frame(PRIORITY, 0, 1, b"\0\0\0\x03\x10"))
        batch.let_through()
        assert numbers(bytes(peer.wait_for(1).body[5:])) == [2, 2]


@pytest.mark.parametrize(
    "late",
    [
        frame(DATA, 0, 1, b"more"),
        frame(DATA, END_STREAM, 1),
        TRAILERS,
        frame(WINDOW_UPDATE, 0, 1, b"\0\0\0\1"),
        frame(RST_STREAM, 0, 1, CANCEL.to_bytes(4, "big")),
    ],
    ids=["data", "end", "headers", "window", "rst"],
)
def test_what_was_on_its_way_when_the_server_reset_the_stream_is_discarded(
    server: RunningServer, late: bytes
) -> None:
    with RawPeer(server.grpc) as peer:
        peer.request(1, "/no/Such")
        assert peer.wait_for(1).sections[0]["grpc-status"] == "12"
        peer.send(late)
        assert_serves(peer)


@pytest.mark.parametrize(
    "late",
    [
        frame(DATA, 0, 1, b"more"),
        TRAILERS,
        frame(WINDOW_UPDATE, 0, 1, b"\0\0\0\1"),
        frame(RST_STREAM, 0, 1, CANCEL.to_bytes(4, "big")),
        frame(PRIORITY, 0, 1, b"\0\0\0\x03\x10"),
    ],
    ids=["data", "headers", "window", "rst", "priority"],
)
def test_what_comes_for_a_stream_that_was_answered_is_discarded(
    server: RunningServer, late: bytes
) -> None:
    """The section lets a server end the connection, except for the last three."""
    with RawPeer(server.grpc) as peer:
        assert is_live(bytes(peer.call(1, LIVE).body[5:]))
        peer.send(late)
        assert_serves(peer)


def test_headers_do_not_open_a_closed_stream_again(server: RunningServer) -> None:
    with RawPeer(server.grpc) as peer:
        answer = peer.call(1, LIVE)
        sections = len(answer.sections)
        peer.send(frame(HEADERS, END_HEADERS, 1, HEAD) + frame(DATA, END_STREAM, 1, bytes(5)))
        assert_serves(peer)
        assert len(answer.sections) == sections
