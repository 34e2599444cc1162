# SPDX-License-Identifier: Apache-2.0
"""Flow control (RFC 9113 section 5.2): small windows, closed windows, and big neighbours."""

import zlib
from collections.abc import Iterator

import hyperframe.frame
import numpy as np
import pytest
from h2.settings import SettingCodes
from tests.doubles.h2_peer import WINDOW_BYTES_MAX, H2Peer, Stream, framed
from tests.doubles.running import RunningServer
from tests.protocol.calls import (
    INFER,
    LIVE,
    SERVICE,
    echo_request,
    infer_request,
    is_live,
    numbers,
)

MIB = 1 << 20
UNIMPLEMENTED = 12
FLOW_CONTROL_ERROR = 3


@pytest.mark.parametrize(
    ("window_bytes", "answer_bytes"),
    [(1, 2000), (37, 64 << 10), (1024, MIB), (65_535, MIB), (WINDOW_BYTES_MAX, MIB)],
)
def test_an_answer_passes_a_window_of_any_size_whole(
    server: RunningServer, window_bytes: int, answer_bytes: int
) -> None:
    x = np.arange(answer_bytes // 4)
    with H2Peer(server.grpc, window_bytes=window_bytes) as peer:
        answer = peer.call(INFER, echo_request(x))
        peer.wait_for(answer)
        assert numbers(answer.message) == x.tolist()


def test_headers_and_trailers_need_no_window(server: RunningServer) -> None:
    with H2Peer(server.grpc, window_bytes=0) as peer:
        error = peer.call(f"{SERVICE}/NoSuchMethod")
        peer.wait_for(error)
        assert error.status == UNIMPLEMENTED
        stalled = peer.call(LIVE)
        peer.until(lambda: bool(stalled.sections))
        peer.round_trip()
        assert stalled.shape == ["headers"]
        peer.h2.increment_flow_control_window(1000, stalled.number)
        peer.flush()
        peer.wait_for(stalled)
        assert is_live(stalled.message)


def test_a_stream_that_never_opens_its_window_does_not_stall_the_others(
    server: RunningServer,
) -> None:
    x = np.arange(MIB // 4)
    with H2Peer(server.grpc, window_bytes=1000, gives_back=False) as peer:
        stalled = [peer.call(INFER, echo_request(x)) for _ in range(3)]
        peer.until(lambda: all(len(stream.body) == 1000 for stream in stalled))
        for _ in range(20):
            answer = peer.call(INFER, echo_request(x[:10]))
            peer.wait_for(answer)
            assert numbers(answer.message) == x[:10].tolist()
        peer.round_trip()
        assert [len(stream.body) for stream in stalled] == [1000] * 3
        # One that opens late still gets all of it, and one that is reset nothing more.
        peer.reset(stalled[0])
        peer.h2.increment_flow_control_window(8 * MIB)
        peer.h2.increment_flow_control_window(8 * MIB, stalled[1].number)
        peer.flush()
        peer.wait_for(stalled[1])
        assert numbers(stalled[1].message) == x.tolist()
        assert len(stalled[2].body) == 1000


def test_a_peer_that_does_not_read_does_not_stall_another(server: RunningServer) -> None:
    big = echo_request(np.zeros(4 * MIB // 4))
    with H2Peer(server.grpc, window_bytes=WINDOW_BYTES_MAX) as deaf, H2Peer(server.grpc) as other:
        unread = [deaf.call(INFER, big) for _ in range(8)]
        for _ in range(20):
            answer = other.call(INFER, echo_request(np.arange(4)))
            other.wait_for(answer)
            assert numbers(answer.message) == [0, 1, 2, 3]
        deaf.wait_for(*unread)
        assert all(len(stream.message) > 4 * MIB for stream in unread)


def pieces_of(message: bytes, size: int) -> Iterator[bytes]:
    whole = memoryview(framed(message))
    return (bytes(whole[i : i + size]) for i in range(0, len(whole), size))


def test_small_requests_pass_a_64_mib_tensor_on_its_connection_and_on_another(
    server: RunningServer, peer: H2Peer
) -> None:
    """Each is answered before the next mebibyte is sent: none waits for the tensor's end."""
    tensor = np.arange(64 * MIB // 4, dtype=np.float32)
    with H2Peer(server.grpc) as other:
        large = peer.open(INFER)
        for piece in pieces_of(infer_request("digest", tensor), 4 * MIB):
            peer.send(large, piece)
            for each in (peer, other):
                small: Stream = each.call(INFER, echo_request(tensor[:4]))
                each.wait_for(small)
                assert numbers(small.message) == [0, 1, 2, 3]
        assert not large.sections
        peer.send(large, b"", is_last=True)
        peer.wait_for(large)
        assert numbers(large.message, np.int64) == [zlib.crc32(tensor.tobytes())]


def test_two_big_tensors_share_a_connection(peer: H2Peer) -> None:
    """Together they fill the connection's window many times over."""
    tensors = [np.full(16 * MIB // 4, n, np.float32) for n in range(2)]
    streams = [peer.open(INFER) for _ in tensors]
    for pieces in zip(
        *(pieces_of(infer_request("digest", tensor), 100_000) for tensor in tensors), strict=True
    ):
        for stream, piece in zip(streams, pieces, strict=True):
            peer.send(stream, piece)
    for stream in streams:
        peer.send(stream, b"", is_last=True)
    peer.wait_for(*streams)
    for stream, tensor in zip(streams, tensors, strict=True):
        assert numbers(stream.message, np.int64) == [zlib.crc32(tensor.tobytes())]


def test_padding_is_given_back_to_the_windows(peer: H2Peer) -> None:
    peer.round_trip()
    stream = peer.open(INFER)
    window = peer.h2.local_flow_control_window(stream.number)
    message = framed(echo_request(np.arange(4)))
    sent = 0
    while sent < window:
        peer.h2.send_data(stream.number, message[:1] if not sent else b"", pad_length=255)
        sent += 256
        if sent % (1 << 19) == 0:
            peer.round_trip()
    peer.round_trip()
    assert peer.h2.local_flow_control_window(stream.number) > window // 2
    peer.send(stream, message[1:], is_last=True)
    peer.wait_for(stream)
    assert numbers(stream.message) == [0, 1, 2, 3]


def test_a_body_that_nobody_reads_any_more_does_not_use_up_the_connection(peer: H2Peer) -> None:
    """After an early error the rest may still be on its way: RFC 9113 section 5.1."""
    peer.round_trip()
    room = peer.h2.outbound_flow_control_window
    part = bytes(16 << 10)
    for _ in range(3):
        stream = peer.open(f"{SERVICE}/NoSuchMethod")
        for _ in range(room // 3 // len(part)):
            frame = hyperframe.frame.DataFrame(stream.number, part)
            peer.send_frame(frame)
        peer.wait_for_reset(stream)
        assert (stream.status, stream.reset_code) == (UNIMPLEMENTED, 0)
        peer.round_trip()
    # h2 has not counted those frames, so what it sees of the window is what was given back.
    assert peer.h2.outbound_flow_control_window - room > room // 3
    answer = peer.call(INFER, echo_request(np.arange(MIB)))
    peer.wait_for(answer)
    assert len(numbers(answer.message)) == MIB


def test_a_window_that_is_opened_too_far_ends_the_connection(peer: H2Peer) -> None:
    peer.send_frame(hyperframe.frame.WindowUpdateFrame(0, window_increment=2**31 - 1))
    peer.wait_for_end()
    assert [goaway.error_code for goaway in peer.goaways] == [FLOW_CONTROL_ERROR]


def test_a_setting_opens_the_windows_of_streams_that_wait(server: RunningServer) -> None:
    """RFC 9113 section 6.9.2: SETTINGS_INITIAL_WINDOW_SIZE acts on open streams, too."""
    x = np.arange(MIB // 4)
    with H2Peer(server.grpc, window_bytes=0) as peer:
        peer.h2.increment_flow_control_window(2 * MIB)
        answer = peer.call(INFER, echo_request(x))
        peer.until(lambda: bool(answer.sections))
        peer.round_trip()
        assert not answer.body
        peer.h2.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: 2 * MIB})
        peer.flush()
        peer.wait_for(answer)
        assert numbers(answer.message) == x.tolist()
