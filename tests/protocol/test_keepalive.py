# SPDX-License-Identifier: Apache-2.0
"""Keepalive: a silent peer is pinged, and one that does not answer is gone.

The model waits at the gate, so calls stay open. Nothing sleeps: connections are compared.
"""

from collections.abc import Iterator

import pytest
from tests.doubles.gate import Gate
from tests.doubles.h2_peer import H2Peer
from tests.doubles.running import RunningServer
from tests.protocol.calls import INFER, add_gated, numbers, row, until

TIME_MS, TIMEOUT_MS = 150, 1200


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory, gate: Gate) -> Iterator[RunningServer]:
    repository = tmp_path_factory.mktemp("models")
    add_gated(repository, gate)
    flags = (f"--grpc-keepalive-time={TIME_MS}", f"--grpc-keepalive-timeout={TIMEOUT_MS}")
    with RunningServer(repository, flags=flags) as running:
        yield running


def test_a_silent_peer_with_a_call_is_pinged_and_lives_as_long_as_it_answers(
    kept: RunningServer, gate: Gate
) -> None:
    with H2Peer(kept.grpc) as idle, H2Peer(kept.grpc) as answering, H2Peer(kept.grpc) as dumb:
        idle.round_trip()
        call = answering.call(INFER, row(1))
        batch = gate.next_batch()
        lost = dumb.call(INFER, row(2))
        until(lambda: kept.counted("nv_inference_pending_request_count", model="gated") == 1)
        dumb.is_mute = True
        answering.until(lambda: answering.pings >= 3)
        # A ping follows each silence of TIME_MS, not each TIMEOUT_MS: three have come, and the peer
        # that answered none has not been given up yet.
        assert closed_by_keepalive(kept) == 0
        dumb.wait_for_end()
        assert dumb.pings == 1
        assert not lost.sections
        until(lambda: closed_by_keepalive(kept) == 1)
        assert kept.counted("nv_inference_request_failure", reason="CANCELED") == 1
        batch.let_through()
        answering.wait_for(call)
        assert numbers(call.message) == [2, 2]
        idle.round_trip()
        assert idle.pings == 0


def closed_by_keepalive(server: RunningServer) -> float:
    return server.counted("penstock_connections_closed_total", reason="keepalive")
