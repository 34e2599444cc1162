# SPDX-License-Identifier: Apache-2.0
"""Pseudo-header fields and the method (RFC 9113 sections 8.3 and 8.5)."""

import pytest
from tests.doubles.raw_peer import (
    DATA,
    END_HEADERS,
    END_STREAM,
    HEADERS,
    PROTOCOL_ERROR,
    Fields,
    RawPeer,
    block,
    frame,
)
from tests.doubles.running import RunningServer
from tests.protocol.calls import LIVE, is_live
from tests.protocol.illegal import assert_resets, assert_serves

METHOD, SCHEME = (":method", "POST"), (":scheme", "http")
PATH, AUTHORITY = (":path", LIVE), (":authority", "test")
REST = [("content-type", "application/grpc"), ("te", "trailers")]


def request(fields: Fields) -> bytes:
    head = frame(HEADERS, END_HEADERS, 1, block(fields))
    return head + frame(DATA, END_STREAM, 1, bytes(5))


@pytest.mark.parametrize(
    "fields",
    [
        [SCHEME, PATH, AUTHORITY, *REST],
        [METHOD, PATH, AUTHORITY, *REST],
        [METHOD, SCHEME, AUTHORITY, *REST],
        [METHOD, METHOD, SCHEME, PATH, AUTHORITY, *REST],
        [METHOD, SCHEME, SCHEME, PATH, AUTHORITY, *REST],
        [METHOD, SCHEME, PATH, PATH, AUTHORITY, *REST],
        [METHOD, SCHEME, PATH, AUTHORITY, AUTHORITY, *REST],
        [METHOD, SCHEME, PATH, AUTHORITY, (":status", "200"), *REST],
        [METHOD, SCHEME, PATH, AUTHORITY, (":unknown", "x"), *REST],
        [METHOD, SCHEME, PATH, AUTHORITY, (":", "x"), *REST],
        [METHOD, SCHEME, PATH, AUTHORITY, (":protocol", "websocket"), *REST],
        [METHOD, SCHEME, PATH, *REST, AUTHORITY],
        [METHOD, SCHEME, AUTHORITY, *REST, PATH],
        [METHOD, SCHEME, (":path", ""), AUTHORITY, *REST],
        [METHOD, SCHEME, (":path", "v2"), AUTHORITY, *REST],
        [METHOD, SCHEME, (":path", "*"), AUTHORITY, *REST],
        [METHOD, SCHEME, (":path", "/a b"), AUTHORITY, *REST],
        [("::method", "POST"), SCHEME, PATH, AUTHORITY, *REST],
        [(":method", ""), SCHEME, PATH, AUTHORITY, *REST],
        [(":method", "PO ST"), SCHEME, PATH, AUTHORITY, *REST],
        [(":METHOD", "POST"), SCHEME, PATH, AUTHORITY, *REST],
        [METHOD, (":scheme", ""), PATH, AUTHORITY, *REST],
        [METHOD, SCHEME, PATH, (":authority", "te st"), *REST],
        [("te", "trailers"), METHOD, SCHEME, PATH, AUTHORITY],
        [("x y", "1"), METHOD, SCHEME, PATH, AUTHORITY, *REST],
        [],
        REST,
    ],
    ids=range(27),
)
def test_a_head_that_breaks_their_rules_is_malformed(server: RunningServer, fields: Fields) -> None:
    assert_resets(server, request(fields), PROTOCOL_ERROR)


@pytest.mark.parametrize(
    "fields",
    [
        [AUTHORITY, PATH, SCHEME, METHOD, *REST],
        [METHOD, SCHEME, PATH, *REST, ("host", "test")],
        [METHOD, SCHEME, PATH, AUTHORITY, *REST, ("host", "test")],
        [METHOD, (":scheme", "https"), PATH, AUTHORITY, *REST],
    ],
    ids=["any-order", "host-alone", "host-too", "https"],
)
def test_a_head_that_keeps_them_is_good(server: RunningServer, fields: Fields) -> None:
    with RawPeer(server.grpc) as peer:
        peer.send(request(fields))
        assert is_live(bytes(peer.wait_for(1).body[5:]))


def test_a_request_without_an_authority_is_malformed(server: RunningServer) -> None:
    """Section 8.3.1 allows it: a deviation of nghttp2's (docs/http2.md)."""
    assert_resets(server, request([METHOD, SCHEME, PATH, *REST]), PROTOCOL_ERROR)


def test_a_host_that_differs_from_the_authority_is_ignored(server: RunningServer) -> None:
    """Section 8.3.1 would rather have it malformed: docs/http2.md."""
    with RawPeer(server.grpc) as peer:
        peer.send(request([METHOD, SCHEME, PATH, AUTHORITY, *REST, ("host", "other")]))
        assert is_live(bytes(peer.wait_for(1).body[5:]))


@pytest.mark.parametrize(
    "fields",
    [
        [(":method", "CONNECT"), SCHEME, PATH, AUTHORITY],
        [(":method", "CONNECT"), PATH, AUTHORITY],
        [(":method", "CONNECT"), SCHEME, AUTHORITY],
        [(":method", "CONNECT")],
    ],
    ids=["both", "path", "scheme", "no-authority"],
)
def test_connect_has_an_authority_and_neither_scheme_nor_path(
    server: RunningServer, fields: Fields
) -> None:
    """Section 8.5."""
    assert_resets(server, request(fields), PROTOCOL_ERROR)


def test_connect_is_no_call(server: RunningServer) -> None:
    with RawPeer(server.grpc) as peer:
        head = block([(":method", "CONNECT"), ("te", "trailers"), AUTHORITY][::2])
        peer.send(frame(HEADERS, END_HEADERS, 1, head))
        peer.read_until(lambda: 1 in peer.answers and peer.answers[1].is_ended)
        assert peer.answers[1].sections[0][":status"] == "405"
        assert_serves(peer)
