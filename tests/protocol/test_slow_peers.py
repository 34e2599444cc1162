# SPDX-License-Identifier: Apache-2.0
"""Peers that say too little, too slowly: a hello and a header block have a time to be complete."""

from collections.abc import Iterator

import numpy as np
import pytest
from tests.doubles.h2_peer import H2Peer, framed
from tests.doubles.raw_peer import (
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    ENHANCE_YOUR_CALM,
    GOAWAY,
    HEADERS,
    PING,
    PREFACE,
    SETTINGS,
    RawPeer,
    block,
    frame,
    grpc_head,
)
from tests.doubles.running import RunningServer
from tests.protocol.calls import INFER, LIVE, add_echo, echo_request, is_live, numbers, until
from tests.protocol.illegal import assert_serves

HEADER_TIMEOUT_MS = 300
HEAD = block(grpc_head(LIVE))


@pytest.fixture(scope="module")
def impatient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    repository = tmp_path_factory.mktemp("models")
    add_echo(repository)
    flags = ("--grpc-infer-thread-count=1", f"--grpc-header-timeout-ms={HEADER_TIMEOUT_MS}")
    with RunningServer(repository, flags=flags) as running:
        yield running


def closed_as_slow(server: RunningServer) -> float:
    return server.counted("penstock_connections_closed_total", reason="slow")


@pytest.mark.parametrize(
    "hello",
    [b"", PREFACE[:10], PREFACE, PREFACE + b"\0\0\0\4", b"GET / HT", b"GET"],
    ids=["nothing", "half-a-preface", "no-settings", "half-of-settings", "http-1", "method"],
)
def test_a_peer_that_does_not_finish_its_hello_is_closed(
    impatient: RunningServer, hello: bytes
) -> None:
    before = closed_as_slow(impatient)
    with RawPeer(impatient.grpc, says_hello=False) as peer:
        peer.send(hello)
        peer.read_to_end()
    until(lambda: closed_as_slow(impatient) == before + 1)


def test_a_hello_a_byte_at_a_time_for_ever_is_closed(impatient: RunningServer) -> None:
    """Each byte proves that the peer is there, and buys it nothing."""
    before = closed_as_slow(impatient)
    with RawPeer(impatient.grpc, says_hello=False) as peer:
        peer.trickle(b"GET /" + b"x" * 1000, pause_s=0.02)
        assert peer.is_closed
    until(lambda: closed_as_slow(impatient) == before + 1)


@pytest.mark.parametrize("is_cut", [True, False], ids=["continuation", "frame"])
def test_a_header_block_a_byte_at_a_time_for_ever_ends_its_connection(
    impatient: RunningServer, is_cut: bool
) -> None:
    before = closed_as_slow(impatient)
    with RawPeer(impatient.grpc) as peer, RawPeer(impatient.grpc) as other:
        assert is_live(bytes(peer.call(1, LIVE).body[5:]))
        if is_cut:
            peer.send(frame(HEADERS, 0, 3, HEAD[:10]))
            peer.listen(30)
        else:
            peer.trickle(frame(HEADERS, END_HEADERS, 3, bytes(10_000)), pause_s=0.02)
        assert peer.end_code() == ENHANCE_YOUR_CALM
        assert_serves(other)
    until(lambda: closed_as_slow(impatient) == before + 1)


def test_many_header_blocks_that_are_each_in_time_are_served(impatient: RunningServer) -> None:
    """Whenever the server looks, one is incomplete."""
    with RawPeer(impatient.grpc) as peer:
        peer.send(frame(HEADERS, 0, 1, HEAD[:10]))
        for n in range(10):
            peer.listen(HEADER_TIMEOUT_MS / 1000 / 4)
            stream = 2 * n + 1
            rest = frame(CONTINUATION, END_HEADERS, stream, HEAD[10:])
            peer.send(rest + frame(DATA, END_STREAM, stream, bytes(5)))
            peer.send(frame(HEADERS, 0, stream + 2, HEAD[:10]))
            assert is_live(bytes(peer.wait_for(stream).body[5:]))


def test_an_idle_connection_and_a_slow_body_may_stay(impatient: RunningServer) -> None:
    """A body's time is its call's own: the deadline that its client set."""
    before = closed_as_slow(impatient)
    message = framed(echo_request(np.arange(4)))
    with RawPeer(impatient.grpc) as idle, RawPeer(impatient.grpc) as slow:
        slow.request(1, INFER)
        data = frame(DATA, END_STREAM, 1, message)
        slow.trickle(data, pause_s=4 * HEADER_TIMEOUT_MS / 1000 / len(data))
        assert numbers(bytes(slow.wait_for(1).body[5:])) == [0, 1, 2, 3]
        assert_serves(idle)
    assert closed_as_slow(impatient) == before


def test_half_a_message_and_then_nothing_ends_at_its_deadline(impatient: RunningServer) -> None:
    with H2Peer(impatient.grpc) as peer:
        call = peer.open(INFER, [("grpc-timeout", "200m")])
        peer.send(call, framed(echo_request(np.arange(100)))[:50])
        peer.wait_for(call)
        assert call.status == 4


# -- those that do not read -----------------------------------------------------------------------


def test_a_peer_that_reads_nothing_of_its_answers_is_closed(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Whatever else it does to look alive; one that reads slowly is let be."""
    repository = tmp_path_factory.mktemp("models")
    add_echo(repository)
    flags = ("--grpc-infer-thread-count=1", "--grpc-stall-timeout-ms=400")
    with (
        RunningServer(repository, flags=flags) as hasty,
        RawPeer(hasty.grpc) as stalled,
        H2Peer(hasty.grpc, window_bytes=1, gives_back=False) as slow,
    ):
        stalled.send(frame(SETTINGS, 0, 0, b"\0\4" + bytes(4)))
        waits = slow.call(LIVE)
        body = framed(echo_request(np.arange(4)))
        stalled.request(1, INFER)
        stalled.send(frame(DATA, END_STREAM, 1, body))
        for _ in range(100):
            if stalled.is_closed:
                break
            stalled.send(frame(PING, 0, 0, bytes(8)))
            stalled.listen(0.05)
            if not waits.is_over:
                slow.give_back(1, waits)
                slow.flush()
                slow.round_trip()
        assert stalled.end_code() == ENHANCE_YOUR_CALM
        assert 1 in stalled.answers
        assert not stalled.answers[1].body
        slow.until(lambda: waits.is_over or slow.is_closed)
        assert is_live(waits.message)
        until(lambda: closed_as_slow(hasty) == 1)


def test_a_connection_that_has_said_nothing_does_not_hold_up_a_drain(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    repository = tmp_path_factory.mktemp("models")
    add_echo(repository)
    with (
        RunningServer(repository, flags=("--exit-timeout-secs=3600",)) as draining,
        RawPeer(draining.grpc, says_hello=False) as silent,
        RawPeer(draining.grpc, says_hello=False) as half,
    ):
        half.send(PREFACE[:7])
        until(lambda: draining.counted("penstock_connections_open") == 2)
        draining.drain()
        # Whoever was about to say hello is heard to the end.
        half.read_until(lambda: any(f.type == GOAWAY for f in half.frames))
        half.send(PREFACE[7:] + frame(SETTINGS, 0, 0))
        assert is_live(bytes(half.call(1, LIVE).body[5:]))
        assert half.end_code() == 0
        assert silent.end_code() == 0
        assert draining.wait() == 0
