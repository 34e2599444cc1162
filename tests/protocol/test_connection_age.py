# SPDX-License-Identifier: Apache-2.0
"""The maximum age of a connection: GOAWAY in two steps (RFC 9113 section 6.8), then the grace."""

from collections.abc import Iterator

import pytest
from tests.doubles.gate import Gate
from tests.doubles.h2_peer import Goaway, H2Peer
from tests.doubles.running import RunningServer
from tests.protocol.calls import INFER, LIVE, add_gated, canceled, is_live, numbers, row, until

NOTICE = Goaway(2**31 - 1, 0)
AGE_MS, GRACE_MS = 500, 1500


@pytest.fixture(scope="module")
def aging(tmp_path_factory: pytest.TempPathFactory, gate: Gate) -> Iterator[RunningServer]:
    repository = tmp_path_factory.mktemp("models")
    add_gated(repository, gate)
    flags = (
        f"--grpc-max-connection-age={AGE_MS}",
        f"--grpc-max-connection-age-grace={GRACE_MS}",
        "--grpc-keepalive-time=50",
        "--grpc-keepalive-permit-without-calls=true",
    )
    with RunningServer(repository, flags=flags) as running:
        yield running


def test_an_idle_connection_is_pinged_if_permitted_and_ends_at_its_age(
    aging: RunningServer,
) -> None:
    with H2Peer(aging.grpc) as peer:
        peer.until(lambda: peer.pings >= 1)
        assert not peer.goaways
        peer.wait_for_end()
        assert peer.goaways == [NOTICE, Goaway(0, 0)]


def test_calls_begun_before_the_notice_was_read_are_answered(aging: RunningServer) -> None:
    with H2Peer(aging.grpc) as peer:
        first = peer.call(LIVE)
        peer.wait_for(first)
        peer.is_mute = True
        peer.until(lambda: NOTICE in peer.goaways)
        late = peer.call(LIVE)
        peer.speak()
        peer.wait_for(late)
        assert is_live(late.message)
        peer.wait_for_end()
        assert peer.goaways == [NOTICE, Goaway(late.number, 0)]


def test_a_peer_that_does_not_answer_the_notice_gets_its_last_id_all_the_same(
    aging: RunningServer,
) -> None:
    with H2Peer(aging.grpc) as peer:
        peer.round_trip()
        peer.is_mute = True
        peer.wait_for_end()
        assert peer.goaways == [NOTICE, Goaway(0, 0)]


def test_a_call_in_flight_is_answered_within_the_grace(aging: RunningServer, gate: Gate) -> None:
    with H2Peer(aging.grpc) as peer:
        call = peer.call(INFER, row(1))
        batch = gate.next_batch()
        peer.until(lambda: len(peer.goaways) == 2)
        assert peer.goaways == [NOTICE, Goaway(call.number, 0)]
        batch.let_through()
        peer.wait_for(call)
        assert numbers(call.message) == [2, 2]
        peer.wait_for_end()


def test_a_call_past_the_grace_is_cut(aging: RunningServer, gate: Gate) -> None:
    before = canceled(aging)
    with H2Peer(aging.grpc) as peer:
        call = peer.call(INFER, row(1))
        batch = gate.next_batch()
        peer.wait_for_end()
        assert peer.goaways == [NOTICE, Goaway(call.number, 0)]
        assert not call.sections
        until(lambda: canceled(aging) == before + 1)
        assert aging.counted("penstock_connections_closed_total", reason="age") >= 1
        batch.let_through()
