# SPDX-License-Identifier: Apache-2.0
"""gRPC's interop test descriptions: messages of every shape of call."""

from __future__ import annotations

from typing import Any

import grpc
import pytest
from tests.interop.conversation import Caller

REQUEST_BYTES = (27_182, 8, 1_828, 45_904)
RESPONSE_BYTES = (31_415, 9, 2_653, 58_979)
OK = grpc.StatusCode.OK


def stream_request(pb: Any, *sizes: int, body_bytes: int = 0) -> Any:
    return pb.StreamRequest(
        response_parameters=[pb.ResponseParameters(size=size) for size in sizes],
        payload=pb.Payload(body=bytes(body_bytes)),
    )


def test_empty_unary(pb: Any, caller: Caller) -> None:
    exchange = caller.exchange("EmptyCall", pb.Empty())
    assert exchange.answer == pb.Empty()


def test_large_unary(pb: Any, caller: Caller) -> None:
    request = pb.UnaryRequest(response_size=314_159, payload=pb.Payload(body=bytes(271_828)))
    assert caller.exchange("UnaryCall", request).answer.payload.body == bytes(314_159)


def test_client_streaming(pb: Any, caller: Caller) -> None:
    requests = [pb.InputRequest(payload=pb.Payload(body=bytes(size))) for size in REQUEST_BYTES]
    exchange = caller.exchange("StreamingInputCall", *requests)
    assert exchange.answer.aggregated_payload_size == 74_922


def test_server_streaming(pb: Any, caller: Caller) -> None:
    exchange = caller.exchange("StreamingOutputCall", stream_request(pb, *RESPONSE_BYTES))
    assert [one.payload.body for one in exchange.answers] == [*map(bytes, RESPONSE_BYTES)]
    assert exchange.ending.code is OK


def test_ping_pong(pb: Any, caller: Caller) -> None:
    call = caller.open("FullDuplexCall")
    for size, response_size in zip(REQUEST_BYTES, RESPONSE_BYTES, strict=True):
        call.send(stream_request(pb, response_size, body_bytes=size))
        assert call.receive().payload.body == bytes(response_size)
    call.half_close()
    assert call.receive() is None
    assert call.end().code is OK


def test_empty_stream(caller: Caller) -> None:
    exchange = caller.exchange("FullDuplexCall")
    assert (exchange.answers, exchange.ending.code) == ([], OK)


def test_an_empty_stream_of_requests_has_an_answer(caller: Caller) -> None:
    assert caller.exchange("StreamingInputCall").answer.aggregated_payload_size == 0


def test_half_duplex(pb: Any, caller: Caller) -> None:
    """All requests first; the server goes on streaming to a client that has half-closed."""
    exchange = caller.exchange("HalfDuplexCall", *(stream_request(pb, n, n + 1) for n in range(8)))
    sizes = [len(one.payload.body) for one in exchange.answers]
    assert sizes == [size for n in range(8) for size in (n, n + 1)]
    assert exchange.ending.code is OK


def test_messages_larger_than_four_mebibytes(pb: Any, caller: Caller) -> None:
    size = (4 << 20) + (1 << 18)
    request = pb.UnaryRequest(response_size=size, payload=pb.Payload(body=bytes(size)))
    assert caller.exchange("UnaryCall", request).answer.payload.body == bytes(size)


def test_every_byte_arrives_as_it_was_sent(pb: Any, caller: Caller) -> None:
    body = bytes(range(256))
    exchange = caller.exchange("UnaryCall", pb.UnaryRequest(payload=pb.Payload(body=body)))
    assert exchange.answer.payload_seen == body


@pytest.mark.parametrize("caller", ["grpcio", "grpc-js"], indirect=True)
def test_a_server_may_answer_before_the_last_request(pb: Any, caller: Caller) -> None:
    """The client has not half-closed, and may be about to send more.

    The answer is followed by a reset without error, for which grpclib drops the answer.
    """
    call = caller.open("FirstInputCall")
    call.send(pb.InputRequest(payload=pb.Payload(body=bytes(5))))
    assert call.receive().aggregated_payload_size == 5
    call.send(pb.InputRequest(payload=pb.Payload(body=bytes(7))))
    call.half_close()
    assert call.end().code is OK
