# SPDX-License-Identifier: Apache-2.0
"""Custom metadata: whatever a client may send beside gRPC's own fields."""

import base64
from typing import Any

import hpack
import pytest
from tests.doubles.h2_peer import H2Peer, framed
from tests.doubles.running import RunningServer
from tests.protocol.calls import LIVE, is_live

RESOURCE_EXHAUSTED = 8
HEADER_LIST_BYTES_MAX = 16 << 10
PADDED = base64.b64encode(b"\0\xff binary").decode()


@pytest.mark.parametrize(
    "fields",
    [
        [("request-id", "a b c"), ("request-id", "again")],
        [("trace-bin", PADDED)],
        [("trace-bin", PADDED.rstrip("="))],
        [("trace-bin", f"{PADDED},{PADDED.rstrip('=')}, {PADDED}")],
        [("trace-bin", PADDED), ("trace-bin", PADDED)],
        [("trace-bin", "")],
        [("cookie", "a=b"), ("cookie", "c=d")],
        [("x-long", "v" * 8000)],
    ],
    ids=["repeated", "padded", "unpadded", "joined", "two binaries", "empty", "cookies", "long"],
)
def test_metadata_is_accepted(peer: H2Peer, fields: list[tuple[str, str]]) -> None:
    answer = peer.call(LIVE, fields=fields)
    peer.wait_for(answer)
    assert is_live(answer.message)


def test_a_header_list_that_is_too_large_is_refused_and_the_connection_goes_on(
    peer: H2Peer,
) -> None:
    large = [(f"name-{i}", "v" * 1000) for i in range(HEADER_LIST_BYTES_MAX // 1000)]
    answer = peer.call(LIVE, fields=large)
    peer.until(lambda: answer.is_over)
    assert answer.shape == ["headers"]
    assert (answer.headers[":status"], answer.status) == ("200", RESOURCE_EXHAUSTED)
    assert "headers are too large" in answer.why
    # The fields of the next request refer to what compression remembers of the refused one.
    following = peer.call(LIVE, fields=large[:3])
    peer.wait_for(following)
    assert is_live(following.message)


def test_a_short_field_repeated_without_end_is_too_large_too(peer: H2Peer) -> None:
    answer = peer.call(LIVE, fields=[("a", "")] * (HEADER_LIST_BYTES_MAX // 32))
    peer.until(lambda: answer.is_over)
    assert answer.status == RESOURCE_EXHAUSTED


def test_headers_may_come_in_many_frames(peer: H2Peer) -> None:
    peer.round_trip()  # the server's SETTINGS are in, and with them its own frame size
    peer.h2.max_outbound_frame_size = 1000
    answer = peer.call(LIVE, fields=[("x-long", "~{}|" * 700)])
    peer.wait_for(answer)
    assert is_live(answer.message)


def test_headers_in_very_many_frames_cost_the_connection(
    server: RunningServer, peer: H2Peer
) -> None:
    peer.round_trip()
    peer.h2.max_outbound_frame_size = 10
    flood = peer.open(LIVE, [("x-long", "~{}|" * 700)])
    peer.wait_for_end()
    assert not flood.sections
    with H2Peer(server.grpc) as other:
        answer = other.call(LIVE)
        other.wait_for(answer)
        assert is_live(answer.message)


def test_a_field_that_must_not_be_indexed_is_taken(peer: H2Peer) -> None:
    secret: Any = hpack.NeverIndexedHeaderTuple("authorization", "Bearer secret")
    answer = peer.call(LIVE, fields=[secret])
    peer.wait_for(answer)
    assert is_live(answer.message)


def test_trailers_of_a_request_are_passed_over(peer: H2Peer) -> None:
    answer = peer.open(LIVE)
    peer.send(answer, framed(b""))
    peer.h2.send_headers(answer.number, [("x-checksum", "1")], end_stream=True)
    peer.flush()
    peer.wait_for(answer)
    assert is_live(answer.message)
