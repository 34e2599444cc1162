# SPDX-License-Identifier: Apache-2.0
"""Hosted calls frame by frame: what clients hide, and peers that behave oddly.

The peer is python-hyper's h2 (doubles/h2_peer.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from tests.doubles.h2_peer import H2Peer, framed
from tests.interop.conftest import InteropServer, only_penstock
from tests.interop.contract import LABEL_KEY
from tests.interop.conversation import FOR_EVER_US, Caller, Method

MEBIBYTE = 1 << 20
CANCEL = 8


@pytest.fixture
def peer(interop_server: InteropServer) -> Iterator[H2Peer]:
    with H2Peer(interop_server.address) as made:
        yield made


@pytest.mark.parametrize("way", ["ABORT", "RAISE"])
def test_a_failure_without_an_answer_is_trailers_only(
    pb: Any, methods: dict[str, Method], peer: H2Peer, way: str
) -> None:
    """One header list that ends the stream, with HTTP's status and gRPC's."""
    failure = pb.Failure(way=pb.Failure.Way.Value(way), message="lost")
    stream = peer.call(methods["FailUnary"].path, failure.SerializeToString())
    peer.wait_for(stream)
    assert stream.shape == ["headers"]
    assert stream.headers[":status"] == "200"
    assert stream.headers["content-type"].startswith("application/grpc")
    assert stream.status in {2, 15}
    assert stream.headers["x-left-behind"] == "yes"


@pytest.mark.parametrize(
    "path", ["/penstock.interop.v1.Interop/NoSuchCall", "/penstock.interop.v1.Unregistered/Call"]
)
def test_what_is_not_there_is_trailers_only(peer: H2Peer, path: str) -> None:
    stream = peer.call(path)
    peer.wait_for(stream)
    assert (stream.shape, stream.status) == (["headers"], 12)


def test_a_failure_behind_an_answer_comes_in_trailers(
    pb: Any, methods: dict[str, Method], peer: H2Peer
) -> None:
    failure = pb.Failure(way=pb.Failure.ABORT, answers_before=1)
    stream = peer.call(methods["FailStream"].path, failure.SerializeToString())
    peer.wait_for(stream)
    assert stream.shape == ["headers", "data", "trailers"]
    assert (bytes(stream.body), stream.status) == (framed(b""), 15)


def test_a_percent_sign_and_line_breaks_are_encoded(
    pb: Any, methods: dict[str, Method], peer: H2Peer
) -> None:
    message = "100 %\r\n☺ and %20"
    request = pb.UnaryRequest(response_status=pb.EchoStatus(code=3, message=message))
    stream = peer.call(methods["UnaryCall"].path, request.SerializeToString())
    peer.wait_for(stream)
    assert stream.trailers["grpc-message"] == "100 %25%0D%0A%E2%98%BA and %2520"
    assert stream.why == message


@pytest.mark.parametrize("code", [0, CANCEL])
def test_a_reset_stops_the_servicer(
    pb: Any, methods: dict[str, Method], peer: H2Peer, grpcio: Caller, label: str, code: int
) -> None:
    """CANCEL, or NO_ERROR as from a client that has heard enough."""
    parameters = [pb.ResponseParameters(size=1), pb.ResponseParameters(interval_us=FOR_EVER_US)]
    request = pb.StreamRequest(response_parameters=parameters)
    stream = peer.open(methods["StreamingOutputCall"].path, [(LABEL_KEY, label)])
    peer.send(stream, framed(request.SerializeToString()), is_last=True)
    grpcio.sightings(label, "written", at_least=1)  # and so waits before the next
    peer.reset(stream, code)
    assert grpcio.sightings(label, "cancelled", at_least=1) == 1


def test_a_connection_that_breaks_stops_its_servicers(
    interop_server: InteropServer, pb: Any, methods: dict[str, Method], grpcio: Caller, label: str
) -> None:
    parameters = [pb.ResponseParameters(size=1), pb.ResponseParameters(interval_us=FOR_EVER_US)]
    request = framed(pb.StreamRequest(response_parameters=parameters).SerializeToString())
    with H2Peer(interop_server.address) as peer:
        path = methods["StreamingOutputCall"].path
        streams = [peer.open(path, [(LABEL_KEY, label)]) for _ in range(3)]
        for stream in streams:
            peer.send(stream, request, is_last=True)
        grpcio.sightings(label, "written", at_least=3)
    assert grpcio.sightings(label, "cancelled", at_least=3) == 3


def test_a_caller_that_does_not_read_stops_its_servicer(
    interop_server: InteropServer, pb: Any, methods: dict[str, Method], grpcio: Caller, label: str
) -> None:
    """Of 64 MiB a few are taken from the servicer, until the caller reads; then all arrive."""
    count = 64
    parameters = [pb.ResponseParameters(size=MEBIBYTE)] * count
    request = framed(pb.StreamRequest(response_parameters=parameters).SerializeToString())
    with H2Peer(interop_server.address, gives_back=False) as peer:
        stream = peer.open(methods["StreamingOutputCall"].path, [(LABEL_KEY, label)])
        peer.send(stream, request, is_last=True)
        peer.until(lambda: len(stream.body) == 65_535)
        counts = [grpcio.sightings(label, "written") for _ in range(100)]
        assert counts[-1] <= 4
        assert counts[-1] == counts[-20]
        peer.gives_back = True
        peer.give_back(65_535, stream)
        peer.flush()
        peer.wait_for(stream)
    assert stream.status == 0
    assert len(stream.body) > count * MEBIBYTE
    assert grpcio.sightings(label, "written") == count


def test_a_servicer_that_does_not_read_stops_its_caller(
    pb: Any, methods: dict[str, Method], peer: H2Peer
) -> None:
    """The first message keeps the servicer from the others: their senders run out of window."""
    waits = pb.StreamRequest(response_parameters=[pb.ResponseParameters(interval_us=FOR_EVER_US)])
    stream = peer.open(methods["FullDuplexCall"].path)
    peer.send(stream, framed(waits.SerializeToString()))
    message = framed(pb.StreamRequest(payload=pb.Payload(body=bytes(60_000))).SerializeToString())
    sent = 0
    while peer.h2.local_flow_control_window(stream.number) >= len(message):
        peer.send(stream, message)
        peer.round_trip()
        sent += len(message)
        assert sent < 64 * MEBIBYTE
    peer.reset(stream)


def test_a_caller_that_goes_on_behind_the_answer_is_told_to_stop(
    pb: Any, methods: dict[str, Method], peer: H2Peer
) -> None:
    """By a reset without error, as HTTP/2 has it; the connection goes on."""
    path = methods["FirstInputCall"].path
    message = framed(pb.InputRequest(payload=pb.Payload(body=bytes(1_000))).SerializeToString())
    for _ in range(3):
        stream = peer.open(path)
        peer.send(stream, message * 30)
        peer.wait_for_reset(stream)
        assert (stream.reset_code, stream.status) == (0, 0)
        answer = pb.InputResponse.FromString(bytes(stream.body[5:]))
        assert answer.aggregated_payload_size == 1_000


def test_a_message_in_many_frames_is_one(pb: Any, methods: dict[str, Method], peer: H2Peer) -> None:
    body = bytes(range(200))
    message = framed(pb.UnaryRequest(payload=pb.Payload(body=body)).SerializeToString())
    stream = peer.open(methods["UnaryCall"].path)
    for place in range(len(message)):
        peer.send(stream, message[place : place + 1], is_last=place + 1 == len(message))
    peer.wait_for(stream)
    assert pb.UnaryResponse.FromString(stream.message).payload_seen == body


def test_messages_in_one_frame_are_many(pb: Any, methods: dict[str, Method], peer: H2Peer) -> None:
    messages = [
        framed(pb.InputRequest(payload=pb.Payload(body=bytes(size))).SerializeToString())
        for size in range(100)
    ]
    stream = peer.open(methods["StreamingInputCall"].path)
    peer.send(stream, b"".join(messages), is_last=True)
    peer.wait_for(stream)
    answer = pb.InputResponse.FromString(stream.message)
    assert answer.aggregated_payload_size == sum(range(100))


@only_penstock
def test_a_request_that_breaks_off_within_a_message_is_an_error(
    methods: dict[str, Method], peer: H2Peer
) -> None:
    """grpcio's own servers take what is missing for the end of the messages."""
    stream = peer.open(methods["StreamingInputCall"].path)
    peer.send(stream, framed(bytes(100))[:50], is_last=True)
    peer.wait_for(stream)
    assert stream.status == grpc.StatusCode.INTERNAL.value[0]


def test_a_message_that_is_none_of_the_methods_is_an_error(
    methods: dict[str, Method], peer: H2Peer
) -> None:
    stream = peer.call(methods["UnaryCall"].path, b"\xff\xff\xff")
    peer.wait_for(stream)
    # INTERNAL, or of grpc.aio UNKNOWN.
    assert stream.status in {2, 13}
