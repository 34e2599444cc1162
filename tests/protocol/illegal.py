# SPDX-License-Identifier: Apache-2.0
"""What an illegal act comes to: a stream that is reset, or a connection that is ended."""

from __future__ import annotations

from tests.doubles.raw_peer import RawPeer
from tests.doubles.running import RunningServer
from tests.protocol.calls import LIVE, is_live


def assert_serves(peer: RawPeer, stream: int = 101) -> None:
    """It goes on being served. `stream` must be new."""
    answer = peer.call(stream, LIVE)
    assert answer.sections[-1]["grpc-status"] == "0"
    assert is_live(bytes(answer.body[5:]))


def assert_ends(server: RunningServer, octets: bytes, code: int) -> None:
    """These bytes end their connection with `code`, and no other."""
    with RawPeer(server.grpc) as other, RawPeer(server.grpc) as peer:
        peer.send(octets)
        assert peer.end_code() == code
        assert_serves(other)


def assert_resets(server: RunningServer, octets: bytes, code: int, stream: int = 1) -> None:
    """These bytes end `stream` with `code`, and its connection goes on."""
    with RawPeer(server.grpc) as peer:
        peer.send(octets)
        assert peer.reset_code(stream) == code
        assert_serves(peer)


def assert_is_let_be(server: RunningServer, octets: bytes) -> None:
    """These bytes change nothing."""
    with RawPeer(server.grpc) as peer:
        peer.send(octets)
        assert_serves(peer)
        assert all(answer.reset_code is None for answer in peer.answers.values())
