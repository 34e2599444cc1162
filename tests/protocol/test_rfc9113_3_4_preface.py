# SPDX-License-Identifier: Apache-2.0
"""The connection preface (RFC 9113 section 3.4)."""

import pytest
from hyperframe.frame import SettingsFrame
from tests.doubles.raw_peer import (
    ACK,
    END_HEADERS,
    END_STREAM,
    HEADERS,
    PING,
    PREFACE,
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
from tests.protocol.illegal import assert_serves

HELLO = PREFACE + frame(SETTINGS, 0, 0)


def test_the_servers_first_frame_is_settings(server: RunningServer) -> None:
    with RawPeer(server.grpc) as peer:
        first = peer.frames[0]
        assert isinstance(first, SettingsFrame)
        assert (first.stream_id, set(first.flags)) == (0, set())


@pytest.mark.parametrize(
    "octets",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(64),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\r" + frame(SETTINGS, 0, 0),
        b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n" + frame(SETTINGS, 0, 0),
        frame(SETTINGS, 0, 0) + frame(PING, 0, 0, bytes(8)),
        bytes(100),
        b"get / HTTP/1.1\r\n\r\n" + bytes(24),
        b"GET /\r\n" + bytes(24),
        b"SSH-2.0-OpenSSH_9.2\r\n" + bytes(24),
    ],
    ids=["tls", "last-byte", "middle", "no-preface", "zeros", "small", "http-0.9", "ssh"],
)
def test_what_does_not_begin_with_the_preface_is_ended(
    server: RunningServer, octets: bytes
) -> None:
    with RawPeer(server.grpc) as other, RawPeer(server.grpc, says_hello=False) as peer:
        peer.send(octets)
        assert peer.end_code() == PROTOCOL_ERROR
        assert_serves(other)


@pytest.mark.parametrize(
    "first",
    [
        frame(PING, 0, 0, bytes(8)),
        frame(WINDOW_UPDATE, 0, 0, b"\0\0\0\1"),
        frame(HEADERS, END_HEADERS | END_STREAM, 1, block(grpc_head(LIVE))),
        frame(SETTINGS, ACK, 0),
        frame(0xFA, 0, 0, b"unknown"),
    ],
    ids=["ping", "window-update", "headers", "settings-ack", "unknown"],
)
def test_the_first_frame_must_be_settings(server: RunningServer, first: bytes) -> None:
    with RawPeer(server.grpc) as other, RawPeer(server.grpc, says_hello=False) as peer:
        peer.send(PREFACE + first)
        assert peer.end_code() == PROTOCOL_ERROR
        assert_serves(other)


def test_a_preface_may_come_a_byte_at_a_time(server: RunningServer) -> None:
    with RawPeer(server.grpc, says_hello=False) as peer:
        for octet in HELLO:
            peer.send(bytes([octet]))
        peer.settle()
        assert_serves(peer)


def test_a_request_right_behind_the_preface_is_served(server: RunningServer) -> None:
    """The client need not wait for the server's SETTINGS."""
    request = frame(HEADERS, END_HEADERS, 1, block(grpc_head(LIVE)))
    with RawPeer(server.grpc, says_hello=False) as peer:
        peer.send(HELLO + request + frame(0, END_STREAM, 1, bytes(5)))
        answer = peer.wait_for(1)
        assert is_live(bytes(answer.body[5:]))
