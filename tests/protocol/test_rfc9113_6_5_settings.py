# SPDX-License-Identifier: Apache-2.0
"""What the server announces (RFC 9113 section 6.5), and that it holds peers to it."""

from h2.settings import SettingCodes
from tests.doubles.h2_peer import H2Peer
from tests.protocol.calls import INFER, LIVE, executed, is_live, numbers, row
from tests.protocol.conftest import BOUNDED_STREAMS
from tests.server.gate import Gate
from tests.server.running import RunningServer

REFUSED_STREAM = 7


def test_the_settings_are_the_documented_bounds(peer: H2Peer) -> None:
    peer.round_trip()
    announced = peer.h2.remote_settings
    assert announced.max_concurrent_streams == 1024
    assert announced.max_header_list_size == 16 << 10
    assert announced.max_frame_size == 64 << 10
    assert announced.initial_window_size == 4 << 20
    assert peer.h2.outbound_flow_control_window == 16 << 20


def test_the_streams_allowed_are_those_of_the_option(bounded_peer: H2Peer) -> None:
    bounded_peer.round_trip()
    settings = bounded_peer.h2.remote_settings
    assert settings[SettingCodes.MAX_CONCURRENT_STREAMS] == BOUNDED_STREAMS


def test_streams_opened_before_the_limit_was_known_are_refused_unprocessed(
    bounded: RunningServer, gate: Gate
) -> None:
    before = executed(bounded)
    with H2Peer(bounded.grpc) as eager:
        streams = [eager.call(INFER, row(n)) for n in range(BOUNDED_STREAMS + 3)]
        taken, refused = streams[:BOUNDED_STREAMS], streams[BOUNDED_STREAMS:]
        eager.wait_for(*refused)
        assert [stream.reset_code for stream in refused] == [REFUSED_STREAM] * 3
        for _ in taken:
            gate.next_batch().let_through()
        eager.wait_for(*taken)
        for n, stream in enumerate(taken):
            assert numbers(stream.message) == [2 * n] * 2
        # A stream that has ended makes room for the next.
        again = eager.call(LIVE)
        eager.wait_for(again)
        assert is_live(again.message)
    assert executed(bounded) == before + BOUNDED_STREAMS


def test_a_peer_that_ignores_the_limit_hurts_itself_alone(
    bounded: RunningServer, bounded_peer: H2Peer, gate: Gate
) -> None:
    bounded_peer.round_trip()
    first = bounded_peer.call(INFER, row(0))
    batch = gate.next_batch()
    bounded_peer.h2.remote_settings[SettingCodes.MAX_CONCURRENT_STREAMS] = 1000
    bounded_peer.h2.remote_settings.acknowledge()
    extra = [bounded_peer.call(INFER, row(9)) for _ in range(BOUNDED_STREAMS + 1)]
    bounded_peer.until(
        lambda: (
            bounded_peer.is_closed or any(stream.reset_code == REFUSED_STREAM for stream in extra)
        )
    )
    with H2Peer(bounded.grpc) as other:
        answer = other.call(LIVE)
        other.wait_for(answer)
        assert is_live(answer.message)
    bounded_peer.close()
    batch.let_through()
    assert not first.sections
