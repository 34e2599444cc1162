# SPDX-License-Identifier: Apache-2.0
"""Calls that end before their answer: grpc-timeout, RST_STREAM, a connection that goes."""

from collections.abc import Iterator
from contextlib import contextmanager

import hyperframe.frame
import pytest
from tests.doubles.gate import Gate
from tests.doubles.h2_peer import H2Peer, framed
from tests.doubles.running import RunningServer
from tests.protocol.calls import (
    INFER,
    LIVE,
    canceled,
    executed,
    is_live,
    numbers,
    pending,
    row,
    until,
)

DEADLINE_EXCEEDED = 4
FIRST, WAITING, LAST = 1.0, 2.0, 3.0


@contextmanager
def blocked_model(server: RunningServer, gate: Gate) -> Iterator[H2Peer]:
    """Within it the model executes one request, so that others wait in its queue.

    At the end it must find the queue empty: it executes one more request, its own, and no third.
    """
    before = executed(server)
    with H2Peer(server.grpc) as blocker:
        first = blocker.call(INFER, row(FIRST))
        batch = gate.next_batch()
        assert batch.first == [FIRST]
        yield blocker
        until(lambda: pending(server) == 0)
        last = blocker.call(INFER, row(LAST))
        until(lambda: pending(server) == 1)
        batch.let_through()
        following = gate.next_batch()
        assert following.first == [LAST]
        following.let_through()
        blocker.wait_for(first, last)
        assert numbers(first.message) == [2 * FIRST] * 2
        assert numbers(last.message) == [2 * LAST] * 2
    until(lambda: executed(server) >= before + 2)
    assert executed(server) == before + 2


def test_a_deadline_is_kept_by_the_server_while_the_request_waits(
    server: RunningServer, gate: Gate, peer: H2Peer
) -> None:
    expired = server.counted("penstock_requests_expired_total", model="gated")
    with blocked_model(server, gate):
        answers = [peer.call(INFER, row(WAITING), [("grpc-timeout", "100m")]) for _ in "abc"]
        peer.wait_for(*answers)
        for answer in answers:
            assert answer.shape == ["headers"]
            assert (answer.headers[":status"], answer.status) == ("200", DEADLINE_EXCEEDED)
            assert answer.is_ended
    assert server.counted("penstock_requests_expired_total", model="gated") == expired + 3


def test_a_deadline_is_kept_by_the_server_while_the_request_executes(
    server: RunningServer, gate: Gate, peer: H2Peer
) -> None:
    dropped = server.counted("penstock_replies_dropped_total")
    answer = peer.call(INFER, row(FIRST), [("grpc-timeout", "300m")])
    batch = gate.next_batch()
    peer.wait_for(answer)
    assert answer.shape == ["headers"]
    assert answer.status == DEADLINE_EXCEEDED
    batch.let_through()
    until(lambda: server.counted("penstock_replies_dropped_total") == dropped + 1)
    following = peer.call(LIVE)
    peer.wait_for(following)
    assert is_live(following.message)


def test_a_deadline_is_kept_while_the_request_is_still_being_sent(peer: H2Peer) -> None:
    answer = peer.open(INFER, [("grpc-timeout", "50m")])
    peer.send(answer, framed(row(FIRST))[:-1])
    peer.wait_for_reset(answer)
    assert (answer.status, answer.reset_code) == (DEADLINE_EXCEEDED, 0)


@pytest.mark.parametrize("value", ["0S", "0n", "1n"])
def test_a_deadline_that_has_passed_is_answered_and_never_executed(
    server: RunningServer, gate: Gate, peer: H2Peer, value: str
) -> None:
    with blocked_model(server, gate):
        answer = peer.call(INFER, row(WAITING), [("grpc-timeout", value)])
        peer.wait_for(answer)
        assert answer.status == DEADLINE_EXCEEDED


def test_a_reset_request_leaves_the_queue(server: RunningServer, gate: Gate, peer: H2Peer) -> None:
    before = canceled(server)
    with blocked_model(server, gate):
        waiting = [peer.call(INFER, row(WAITING)) for _ in "abc"]
        until(lambda: pending(server) == 3)
        for stream in waiting:
            peer.reset(stream)
        until(lambda: pending(server) == 0)
    assert canceled(server) == before + 3


def test_a_request_that_is_reset_as_it_comes_is_never_executed(
    server: RunningServer, gate: Gate, peer: H2Peer
) -> None:
    before = canceled(server)
    with blocked_model(server, gate):
        with peer.corked():
            stream = peer.call(INFER, row(WAITING))
            peer.reset(stream)
        peer.round_trip()
        assert not stream.sections
    assert canceled(server) == before + 1


def test_a_reset_while_the_request_executes_drops_its_answer(
    server: RunningServer, gate: Gate, peer: H2Peer
) -> None:
    before = canceled(server)
    dropped = server.counted("penstock_replies_dropped_total")
    stream = peer.call(INFER, row(FIRST))
    batch = gate.next_batch()
    peer.reset(stream)
    until(lambda: canceled(server) == before + 1)
    batch.let_through()
    until(lambda: server.counted("penstock_replies_dropped_total") == dropped + 1)
    peer.round_trip()
    assert not stream.sections


def test_a_connection_that_goes_takes_its_requests_with_it(
    server: RunningServer, gate: Gate
) -> None:
    before = canceled(server)
    with blocked_model(server, gate):
        with H2Peer(server.grpc) as leaver:
            for _ in "abc":
                leaver.call(INFER, row(WAITING))
            until(lambda: pending(server) == 3)
        until(lambda: pending(server) == 0)
    assert canceled(server) == before + 3


def test_a_peer_that_says_goodbye_gets_its_answers_first(
    server: RunningServer, gate: Gate, peer: H2Peer
) -> None:
    answer = peer.call(INFER, row(FIRST))
    batch = gate.next_batch()
    peer.send_frame(hyperframe.frame.GoAwayFrame(0))
    peer.round_trip()
    batch.let_through()
    peer.wait_for(answer)
    assert numbers(answer.message) == [2 * FIRST] * 2
    peer.wait_for_end()
