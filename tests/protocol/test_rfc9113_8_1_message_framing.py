# SPDX-License-Identifier: Apache-2.0
"""How a request is put together (RFC 9113 section 8.1)."""

import numpy as np
import pytest
from tests.doubles.h2_peer import framed
from tests.doubles.raw_peer import (
    DATA,
    END_HEADERS,
    END_STREAM,
    HEADERS,
    NO_ERROR,
    PROTOCOL_ERROR,
    RawPeer,
    block,
    frame,
    grpc_head,
)
from tests.doubles.running import RunningServer
from tests.protocol.calls import INFER, LIVE, echo_request, is_live, numbers
from tests.protocol.illegal import assert_resets, assert_serves

HEAD = grpc_head(LIVE)
OPEN = frame(HEADERS, END_HEADERS, 1, block(HEAD))
EMPTY_MESSAGE = bytes(5)


def with_length(length: str, *bodies: bytes) -> bytes:
    """A request that says how long its body is, and its body in frames."""
    octets = frame(HEADERS, END_HEADERS, 1, block([*HEAD, ("content-length", length)]))
    for n, body in enumerate(bodies):
        octets += frame(DATA, END_STREAM if n == len(bodies) - 1 else 0, 1, body)
    return octets


def test_trailers_end_a_request(server: RunningServer) -> None:
    with RawPeer(server.grpc) as peer:
        peer.send(OPEN + frame(DATA, 0, 1, EMPTY_MESSAGE))
        peer.send(frame(HEADERS, END_HEADERS | END_STREAM, 1, block([("x-trailer", "1")])))
        assert is_live(bytes(peer.wait_for(1).body[5:]))


def test_trailers_that_do_not_end_the_stream_are_malformed(server: RunningServer) -> None:
    trailers = frame(HEADERS, END_HEADERS, 1, block([("x-trailer", "1")]))
    assert_resets(server, OPEN + frame(DATA, 0, 1, EMPTY_MESSAGE) + trailers, PROTOCOL_ERROR)
    assert_resets(server, OPEN + trailers, PROTOCOL_ERROR)


@pytest.mark.parametrize("name", [":path", ":method", ":status", ":whatever"])
def test_trailers_have_no_pseudo_header_fields(server: RunningServer, name: str) -> None:
    trailers = frame(HEADERS, END_HEADERS | END_STREAM, 1, block([("x", "1"), (name, "/")]))
    assert_resets(server, OPEN + frame(DATA, 0, 1, EMPTY_MESSAGE) + trailers, PROTOCOL_ERROR)


@pytest.mark.parametrize("field", [("X-Trailer", "1"), ("x", "a\nb"), ("x y", "1"), ("x", " 1")])
def test_trailers_are_held_to_the_rules_of_fields(
    server: RunningServer, field: tuple[str, str]
) -> None:
    trailers = frame(HEADERS, END_HEADERS | END_STREAM, 1, block([field]))
    assert_resets(server, OPEN + frame(DATA, 0, 1, EMPTY_MESSAGE) + trailers, PROTOCOL_ERROR)


@pytest.mark.parametrize(
    ("length", "bodies"),
    [
        ("6", [EMPTY_MESSAGE]),
        ("4", [EMPTY_MESSAGE]),
        ("0", [EMPTY_MESSAGE]),
        ("5", [b""]),
        ("7", [EMPTY_MESSAGE, b"x"]),
        ("5", [EMPTY_MESSAGE, b"x"]),
    ],
)
def test_a_content_length_that_is_not_that_of_the_data_is_malformed(
    server: RunningServer, length: str, bodies: list[bytes]
) -> None:
    """Section 8.1.1."""
    assert_resets(server, with_length(length, *bodies), PROTOCOL_ERROR)


def test_a_content_length_without_data_is_malformed(server: RunningServer) -> None:
    head = block([*HEAD, ("content-length", "5")])
    octets = frame(HEADERS, END_HEADERS | END_STREAM, 1, head)
    assert_resets(server, octets, PROTOCOL_ERROR)


@pytest.mark.parametrize("length", ["", "-1", "+5", "5,5", "0x5", "five", "99999999999999999999"])
def test_a_content_length_that_is_no_number_is_malformed(
    server: RunningServer, length: str
) -> None:
    assert_resets(server, with_length(length, EMPTY_MESSAGE), PROTOCOL_ERROR)


def test_two_content_lengths_are_malformed(server: RunningServer) -> None:
    head = block([*HEAD, ("content-length", "5"), ("content-length", "5")])
    octets = frame(HEADERS, END_HEADERS, 1, head) + frame(DATA, END_STREAM, 1, EMPTY_MESSAGE)
    assert_resets(server, octets, PROTOCOL_ERROR)


def test_a_content_length_that_is_right_counts_no_padding(server: RunningServer) -> None:
    message = echo_request(np.arange(4))
    prefixed = framed(message)
    head = block([*grpc_head(INFER), ("content-length", str(len(prefixed)))])
    with RawPeer(server.grpc) as peer:
        peer.send(frame(HEADERS, END_HEADERS, 1, head))
        peer.send(frame(DATA, 8, 1, b"\x07" + prefixed[:20] + bytes(7)))
        peer.send(frame(DATA, END_STREAM, 1, prefixed[20:]))
        assert numbers(bytes(peer.wait_for(1).body[5:])) == [0, 1, 2, 3]


def test_an_answer_given_before_the_request_has_ended_asks_for_no_more(
    server: RunningServer,
) -> None:
    """Section 8.1: RST_STREAM with NO_ERROR, behind the whole answer."""
    with RawPeer(server.grpc) as peer:
        peer.request(1, "/no/Such")
        peer.read_until(lambda: 1 in peer.answers and peer.answers[1].reset_code is not None)
        answer = peer.answers[1]
        assert (answer.reset_code, answer.is_ended) == (NO_ERROR, True)
        assert answer.sections[0]["grpc-status"] == "12"
        assert_serves(peer)
