# SPDX-License-Identifier: Apache-2.0
"""SIGTERM as peers see it: unready, still accepting, GOAWAY in two steps, answered, gone."""

import time
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from tests.doubles.gate import Gate
from tests.doubles.h2_peer import Goaway, H2Peer, framed
from tests.doubles.running import RunningServer
from tests.protocol.calls import (
    HEALTH,
    HOLDS_THE_LOCK,
    INFER,
    LIVE,
    READY,
    add_echo,
    add_gated,
    health_status,
    infer_request,
    is_live,
    is_ready,
    numbers,
    row,
    until,
)

NOTICE = Goaway(2**31 - 1, 0)


def answered(peer: H2Peer, path: str) -> bytes:
    answer = peer.call(path)
    peer.wait_for(answer)
    return answer.message


def test_a_drain_goes_step_by_step(tmp_path: Path) -> None:
    with Gate() as gate:
        add_gated(tmp_path, gate)
        with (
            RunningServer(tmp_path, flags=("--drain-delay-secs=2",)) as server,
            H2Peer(server.grpc) as peer,
            H2Peer(server.grpc) as idle,
        ):
            assert is_ready(answered(peer, READY))
            assert health_status(answered(peer, HEALTH)) == "SERVING"
            idle.round_trip()
            in_flight = peer.call(INFER, row(1))
            batch = gate.next_batch()
            server.drain()
            until(lambda: not is_ready(answered(peer, READY)))
            assert health_status(answered(peer, HEALTH)) == "NOT_SERVING"
            with H2Peer(server.grpc) as newcomer:
                assert is_live(answered(newcomer, LIVE))
                assert not newcomer.goaways
            assert is_live(answered(peer, LIVE))
            assert not peer.goaways

            idle.wait_for_end()
            assert idle.goaways == [NOTICE, Goaway(0, 0)]

            peer.is_mute = True
            peer.until(lambda: NOTICE in peer.goaways)
            late = peer.call(LIVE)
            peer.speak()
            peer.wait_for(late)
            assert is_live(late.message)
            peer.until(lambda: len(peer.goaways) == 2)
            assert peer.goaways == [NOTICE, Goaway(late.number, 0)]

            unseen = peer.call(INFER, row(2))  # past the last id: never executed
            until(lambda: is_refused(server.grpc))
            batch.let_through()
            peer.wait_for(in_flight)
            assert numbers(in_flight.message) == [2, 2]
            peer.wait_for_end()
            assert not unseen.sections
            assert server.wait() == 0


def is_refused(address: str) -> bool:
    """Whether nobody listens any more. A socket accepted at the last moment is closed at once."""
    try:
        with H2Peer(address) as peer:
            peer.wait_for_end()
    except ConnectionRefusedError:
        return True
    except OSError:
        pass
    return False


def test_a_drain_without_delay_ends_idle_connections_at_once(tmp_path: Path) -> None:
    add_echo(tmp_path)
    with RunningServer(tmp_path) as server, ExitStack() as stack:
        peers = [stack.enter_context(H2Peer(server.grpc)) for _ in range(10)]
        calls = [peer.call(INFER, infer_request("echo", np.ones(4))) for peer in peers]
        for peer, call in zip(peers, calls, strict=True):
            peer.wait_for(call)
        server.drain()
        for peer, call in zip(peers, calls, strict=True):
            peer.wait_for_end()
            assert peer.goaways == [NOTICE, Goaway(call.number, 0)]
        assert server.wait() == 0


def test_a_big_answer_under_way_is_delivered_whole(tmp_path: Path) -> None:
    add_echo(tmp_path)
    x = np.arange(1 << 20)
    with RunningServer(tmp_path) as server, H2Peer(server.grpc, gives_back=False) as peer:
        answer = peer.call(INFER, infer_request("echo", x))
        peer.until(lambda: len(answer.body) == 65_535)
        server.drain()
        peer.until(lambda: len(peer.goaways) == 2)
        peer.gives_back = True
        peer.give_back(65_535, answer)
        peer.flush()
        peer.wait_for(answer)
        assert numbers(answer.message) == x.tolist()
        peer.wait_for_end()
        assert server.wait() == 0


def test_a_drain_goes_on_while_a_model_holds_the_interpreters_lock(tmp_path: Path) -> None:
    with Gate() as gate:
        add_gated(tmp_path, gate, code=HOLDS_THE_LOCK)
        with (
            RunningServer(tmp_path) as server,
            H2Peer(server.grpc) as peer,
            H2Peer(server.grpc) as idle,
        ):
            held = peer.call(INFER, row(1))
            batch = gate.next_batch()
            waiting = peer.call(INFER, row(2))
            peer.round_trip()
            idle.round_trip()
            server.drain()
            idle.wait_for_end()
            assert idle.goaways == [NOTICE, Goaway(0, 0)]
            peer.until(lambda: len(peer.goaways) == 2)
            assert peer.goaways == [NOTICE, Goaway(waiting.number, 0)]
            until(lambda: is_refused(server.grpc))
            assert not held.sections
            batch.let_through()
            gate.next_batch().let_through()
            peer.wait_for(held, waiting)
            assert numbers(held.message) == [1, 1]
            assert numbers(waiting.message) == [2, 2]
            peer.wait_for_end()
            assert server.wait() == 0


def test_the_exit_timeout_holds_while_a_model_keeps_the_lock_for_good(tmp_path: Path) -> None:
    with Gate() as gate:
        add_gated(tmp_path, gate, code=HOLDS_THE_LOCK)
        with (
            RunningServer(tmp_path, flags=("--exit-timeout-secs=1",)) as server,
            H2Peer(server.grpc) as peer,
        ):
            stuck = peer.call(INFER, row(1))
            gate.next_batch()
            began = time.monotonic()
            server.drain()
            assert server.wait() == 1
            assert time.monotonic() - began >= 1
            peer.wait_for_end()
            assert not stuck.sections
            assert "requests are still in flight" in server.log()


def test_a_request_half_sent_is_awaited(tmp_path: Path) -> None:
    add_echo(tmp_path)
    with RunningServer(tmp_path) as server, H2Peer(server.grpc) as peer:
        whole = framed(infer_request("echo", np.ones(4)))
        half = peer.open(INFER)
        peer.send(half, whole[:9])
        peer.round_trip()
        server.drain()
        peer.until(lambda: len(peer.goaways) == 2)
        peer.send(half, whole[9:], is_last=True)
        peer.wait_for(half)
        assert numbers(half.message) == [1] * 4
        peer.wait_for_end()
        assert server.wait() == 0
