# SPDX-License-Identifier: Apache-2.0
"""What the server announces (RFC 9113 section 6.5), and that it holds peers to it."""

import hyperframe.frame
import numpy as np
from h2.settings import SettingCodes
from tests.doubles.gate import Gate
from tests.doubles.h2_peer import H2Peer, framed
from tests.doubles.running import RunningServer
from tests.protocol.calls import (
    INFER,
    LIVE,
    echo_request,
    executed,
    is_live,
    numbers,
    row,
)
from tests.protocol.conftest import BOUNDED_STREAMS

PROTOCOL_ERROR, REFUSED_STREAM = 1, 7


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


def test_an_answer_fits_a_peer_that_remembers_no_fields(server: RunningServer) -> None:
    with H2Peer(server.grpc, settings={SettingCodes.HEADER_TABLE_SIZE: 0}) as peer:
        for _ in range(3):
            answer = peer.call(INFER, echo_request(np.arange(4)))
            peer.wait_for(answer)
            assert numbers(answer.message) == [0, 1, 2, 3]


def test_a_peer_that_takes_large_frames_gets_large_frames(server: RunningServer) -> None:
    settings = {SettingCodes.MAX_FRAME_SIZE: 1 << 20}
    with H2Peer(server.grpc, window_bytes=8 << 20, settings=settings) as peer:
        answer = peer.call(INFER, echo_request(np.arange(1 << 20)))
        peer.wait_for(answer)
        assert len(answer.message) > 4 << 20
        assert peer.largest_frame_bytes > 16 << 10


def test_a_peer_that_takes_small_frames_gets_small_frames(peer: H2Peer) -> None:
    answer = peer.call(INFER, echo_request(np.arange(1 << 18)))
    peer.wait_for(answer)
    assert len(answer.message) > 1 << 20
    assert peer.largest_frame_bytes <= 16 << 10


def test_frames_of_unknown_types_and_priorities_are_passed_over(peer: H2Peer) -> None:
    """RFC 9113 sections 5.5 and 5.3.2."""
    unknown = hyperframe.frame.ExtensionFrame(0xFA, 0, flag_byte=0xFF, body=b"whatever")
    unknown.body_len = len(unknown.body)  # which hyperframe leaves to the caller
    peer.send_frame(unknown)
    answer = peer.open(INFER)
    unknown.stream_id = answer.number
    peer.send_frame(unknown)
    peer.send_frame(hyperframe.frame.PriorityFrame(answer.number, depends_on=99, stream_weight=7))
    peer.send_frame(hyperframe.frame.PriorityFrame(4001))
    peer.send(answer, framed(echo_request(np.arange(4))), is_last=True)
    peer.wait_for(answer)
    assert numbers(answer.message) == [0, 1, 2, 3]
