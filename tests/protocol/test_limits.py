# SPDX-License-Identifier: Apache-2.0
"""Every bound on what a peer may make the server hold, crossed from outside.

Those of single messages, header lists and streams are crossed in the files of their own.
"""

import contextlib
from contextlib import ExitStack

import hyperframe.frame
import numpy as np
from tests.doubles.h2_peer import H2Peer, Stream, framed
from tests.doubles.running import RunningServer
from tests.protocol.calls import INFER, LIVE, echo_request, is_live, numbers, until
from tests.protocol.conftest import BOUNDED_CONNECTIONS, BOUNDED_INFLIGHT_BYTES

RESOURCE_EXHAUSTED = 8
MIB = 1 << 20


def assert_serves(peer: H2Peer) -> None:
    answer = peer.call(LIVE)
    peer.wait_for(answer)
    assert is_live(answer.message)


def test_a_connection_too_many_is_closed_and_the_others_go_on(bounded: RunningServer) -> None:
    until(lambda: bounded.counted("penstock_connections_open") == 0)
    refused = bounded.counted("penstock_connections_refused_total")
    with ExitStack() as stack:
        peers = [stack.enter_context(H2Peer(bounded.grpc)) for _ in range(BOUNDED_CONNECTIONS)]
        for peer in peers:
            assert_serves(peer)
        with (
            contextlib.suppress(ConnectionResetError, BrokenPipeError),
            H2Peer(bounded.grpc) as more,
        ):
            more.wait_for_end()
            assert not more.goaways
        until(lambda: bounded.counted("penstock_connections_refused_total") == refused + 1)
        for peer in peers:
            assert_serves(peer)
        peers[0].close()
        until(lambda: bounded.counted("penstock_connections_open") == BOUNDED_CONNECTIONS - 1)
        assert_serves(stack.enter_context(H2Peer(bounded.grpc)))


def test_bytes_held_for_unfinished_requests_are_bounded_together(
    bounded: RunningServer, bounded_peer: H2Peer
) -> None:
    """The bound is one of the io thread, and a connection may hold what it leaves to others."""
    whole = framed(echo_request(np.arange(MIB // 4 - 50)))
    half = len(whole) // 2
    with H2Peer(bounded.grpc) as other:
        held: list[tuple[H2Peer, Stream]] = []
        for peer in (bounded_peer, other, bounded_peer):
            stream = peer.open(INFER)
            peer.send(stream, whole[:half])
            peer.round_trip()
            held.append((peer, stream))
        *accepted, (last_peer, refused) = held
        assert len(accepted) == BOUNDED_INFLIGHT_BYTES // MIB - 1
        last_peer.wait_for_reset(refused)
        assert refused.status == RESOURCE_EXHAUSTED
        assert str(BOUNDED_INFLIGHT_BYTES) in refused.why
        for peer, stream in accepted:
            peer.send(stream, whole[half:], is_last=True)
            peer.wait_for(stream)
            assert len(numbers(stream.message)) == MIB // 4 - 50
        again = last_peer.call(INFER, echo_request(np.arange(MIB // 4 - 50)))
        last_peer.wait_for(again)
        assert again.status == 0


def test_answers_to_pings_that_nobody_reads_are_bounded(
    server: RunningServer, peer: H2Peer
) -> None:
    with contextlib.suppress(ConnectionResetError, BrokenPipeError):
        peer.send_frame(hyperframe.frame.PingFrame(0, opaque_data=b"12345678"), times=400_000)
    peer.wait_for_end()
    with H2Peer(server.grpc) as other:
        assert_serves(other)


def test_what_is_not_http_is_closed(server: RunningServer, peer: H2Peer) -> None:
    with H2Peer(server.grpc, preface=b"HELO test\r\nMAIL FROM:<test>\r\n") as other:
        other.wait_for_end()
    assert_serves(peer)
