# SPDX-License-Identifier: Apache-2.0
"""Fields (RFC 9113 section 8.2): what spoils a request."""

import pytest
from tests.doubles.raw_peer import (
    DATA,
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
from tests.protocol.illegal import assert_resets

HEAD = grpc_head(LIVE)
#: A field name's bytes: RFC 9110's token, without capitals.
TOKEN = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"


def request(*more: tuple[str, str], stream: int = 1) -> bytes:
    head = frame(HEADERS, END_HEADERS, stream, block([*HEAD, *more]))
    return head + frame(DATA, END_STREAM, stream, bytes(5))


def test_a_name_with_a_byte_that_names_cannot_have_is_malformed(server: RunningServer) -> None:
    """Section 8.2.1, every byte: what 8.2.1 forbids, and what no field's name has (RFC 9110)."""
    with RawPeer(server.grpc) as peer:
        for stream, byte in enumerate(b for b in range(256) if chr(b) not in TOKEN):
            number = 2 * stream + 1
            peer.send(request((f"x{chr(byte)}y", "1"), stream=number))
            assert peer.reset_code(number) == PROTOCOL_ERROR, byte
        assert is_live(bytes(peer.call(2001, LIVE).body[5:]))


def test_a_name_with_any_other_byte_is_good(server: RunningServer) -> None:
    with RawPeer(server.grpc) as peer:
        peer.send(request(*((f"x{char}y", "1") for char in TOKEN)))
        assert is_live(bytes(peer.wait_for(1).body[5:]))


@pytest.mark.parametrize("name", ["", "A", "X-Upper", "x-uppeR", "Content-Type", "TE"])
def test_an_empty_name_or_one_with_capitals_is_malformed(server: RunningServer, name: str) -> None:
    assert_resets(server, request((name, "1")), PROTOCOL_ERROR)


@pytest.mark.parametrize("value", ["a\0b", "a\nb", "a\rb", "\0", "a\r\nx-forged: 1"])
def test_a_value_with_nul_cr_or_lf_is_malformed(server: RunningServer, value: str) -> None:
    assert_resets(server, request(("x", value)), PROTOCOL_ERROR)


@pytest.mark.parametrize("value", [" a", "a ", "\ta", "a\t", " ", "\t"])
def test_a_value_with_a_blank_at_either_end_is_malformed(server: RunningServer, value: str) -> None:
    assert_resets(server, request(("x", value)), PROTOCOL_ERROR)
    assert_resets(server, request(("authorization", value)), PROTOCOL_ERROR)


@pytest.mark.parametrize("value", ["", "a b", "a\tb", "\xff\xfe", "!\"#'()"])
def test_other_values_are_good(server: RunningServer, value: str) -> None:
    with RawPeer(server.grpc) as peer:
        peer.send(request(("x", value)))
        assert is_live(bytes(peer.wait_for(1).body[5:]))


@pytest.mark.parametrize(
    "field",
    [
        ("connection", "close"),
        ("connection", "x"),
        ("keep-alive", "timeout=5"),
        ("proxy-connection", "keep-alive"),
        ("transfer-encoding", "chunked"),
        ("upgrade", "h2c"),
        ("te", "gzip"),
        ("te", "trailers, gzip"),
        ("te", ""),
    ],
)
def test_fields_of_a_connection_are_malformed(
    server: RunningServer, field: tuple[str, str]
) -> None:
    """Section 8.2.2."""
    assert_resets(server, request(field), PROTOCOL_ERROR)


def test_cookies_may_come_in_crumbs(server: RunningServer) -> None:
    """Section 8.2.3."""
    with RawPeer(server.grpc) as peer:
        peer.send(request(("cookie", "a=b"), ("cookie", "c=d")))
        assert is_live(bytes(peer.wait_for(1).body[5:]))
