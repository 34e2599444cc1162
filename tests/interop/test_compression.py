# SPDX-License-Identifier: Apache-2.0
"""gRPC's interop test descriptions: compressed messages, whichever side compresses.

Clients do not tell whether an answer came compressed: that is asserted on the wire, by a peer that
is python-hyper's h2, and the clients must understand it. grpclib does not compress.
"""

from __future__ import annotations

import gzip
import os
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from tests.doubles.h2_peer import H2Peer, framed
from tests.interop.conftest import InteropServer, clients_that_compress, only_penstock
from tests.interop.conversation import Caller, Method

INVALID_ARGUMENT = grpc.StatusCode.INVALID_ARGUMENT
OK = grpc.StatusCode.OK


def unary_request(pb: Any, is_expected: bool) -> Any:
    return pb.UnaryRequest(
        expect_compressed=is_expected,
        response_size=314_159,
        payload=pb.Payload(body=bytes(271_828)),
    )


@only_penstock
@clients_that_compress
def test_client_compressed_unary(pb: Any, caller: Caller) -> None:
    probe = caller.exchange("UnaryCall", unary_request(pb, True))
    assert probe.ending.code is INVALID_ARGUMENT
    for is_compressing in (True, False):
        exchange = caller.exchange(
            "UnaryCall", unary_request(pb, is_compressing), is_compressing=is_compressing
        )
        assert exchange.answer.payload.body == bytes(314_159)


@only_penstock
@clients_that_compress
def test_client_compressed_streaming(pb: Any, caller: Caller) -> None:
    """Each message is compressed or not by itself."""
    zeros = pb.Payload(body=bytes(27_182))
    probe = caller.exchange(
        "StreamingInputCall", pb.InputRequest(expect_compressed=True, payload=zeros)
    )
    assert probe.ending.code is INVALID_ARGUMENT
    call = caller.open("StreamingInputCall", is_compressing=True)
    call.send(pb.InputRequest(expect_compressed=True, payload=zeros))
    # Noise, for the C core leaves it as it is; grpc-js is told to.
    noise = pb.Payload(body=os.urandom(45_904))
    call.send(pb.InputRequest(expect_compressed=False, payload=noise), is_compressed=False)
    call.half_close()
    assert call.receive().aggregated_payload_size == 73_086
    assert call.end().code is OK


@clients_that_compress
def test_server_compressed_unary(pb: Any, caller: Caller) -> None:
    for is_compressed in (True, False):
        request = pb.UnaryRequest(response_compressed=is_compressed, response_size=314_159)
        assert caller.exchange("UnaryCall", request).answer.payload.body == bytes(314_159)


@clients_that_compress
def test_server_compressed_streaming(pb: Any, caller: Caller) -> None:
    exchange = caller.exchange("StreamingOutputCall", stream_request(pb))
    assert [len(one.payload.body) for one in exchange.answers] == [31_415, 92_653]
    assert exchange.ending.code is OK


@only_penstock
@pytest.mark.parametrize("caller", ["grpclib"], indirect=True)
def test_a_client_that_accepts_no_compression_gets_plain_answers(pb: Any, caller: Caller) -> None:
    """grpcio's own servers compress for it all the same."""
    exchange = caller.exchange("StreamingOutputCall", stream_request(pb))
    assert [len(one.payload.body) for one in exchange.answers] == [31_415, 92_653]
    assert exchange.ending.code is OK


def stream_request(pb: Any) -> Any:
    return pb.StreamRequest(
        response_parameters=[
            pb.ResponseParameters(compressed=True, size=31_415),
            pb.ResponseParameters(compressed=False, size=92_653),
        ]
    )


def frames(body: bytes) -> Iterator[tuple[int, bytes]]:
    """The messages of a body, each with its flag."""
    while body:
        size = 5 + int.from_bytes(body[1:5], "big")
        yield body[0], body[5:size]
        body = body[size:]


@pytest.fixture
def peer(interop_server: InteropServer) -> Iterator[H2Peer]:
    with H2Peer(interop_server.address) as made:
        yield made


@only_penstock
@pytest.mark.parametrize("is_accepted", [True, False], ids=["accepted", "not-accepted"])
def test_an_answer_is_compressed_where_it_was_wanted_and_is_accepted(
    pb: Any, methods: dict[str, Method], peer: H2Peer, is_accepted: bool
) -> None:
    fields = [("grpc-accept-encoding", "identity,gzip")] if is_accepted else []
    path = methods["StreamingOutputCall"].path
    stream = peer.call(path, stream_request(pb).SerializeToString(), fields)
    peer.wait_for(stream)
    assert stream.status == 0
    assert stream.headers.get("grpc-encoding", "identity") == (
        "gzip" if is_accepted else "identity"
    )
    (first_flag, first), (second_flag, second) = frames(bytes(stream.body))
    assert (first_flag, second_flag) == (int(is_accepted), 0)
    plain = gzip.decompress(first) if is_accepted else first
    assert len(pb.StreamResponse.FromString(plain).payload.body) == 31_415
    assert len(pb.StreamResponse.FromString(second).payload.body) == 92_653


# grpc.aio's server forgets what a unary handler has set.
@pytest.mark.parametrize("interop_server", ["penstock", "penstock-plain", "grpc"], indirect=True)
@pytest.mark.parametrize("is_compressed", [True, False])
def test_a_unary_answer_is_compressed_as_its_request_says(
    pb: Any, methods: dict[str, Method], peer: H2Peer, is_compressed: bool
) -> None:
    request = pb.UnaryRequest(response_compressed=is_compressed, response_size=10_000)
    stream = peer.call(
        methods["UnaryCall"].path,
        request.SerializeToString(),
        [("grpc-accept-encoding", "gzip")],
    )
    peer.wait_for(stream)
    ((flag, message),) = frames(bytes(stream.body))
    assert flag == is_compressed
    plain = gzip.decompress(message) if is_compressed else message
    assert pb.UnaryResponse.FromString(plain).payload.body == bytes(10_000)


def test_a_compressed_message_without_a_named_encoding_is_refused(
    pb: Any, methods: dict[str, Method], peer: H2Peer
) -> None:
    message = gzip.compress(pb.UnaryRequest(response_size=3).SerializeToString())
    stream = peer.open(methods["UnaryCall"].path)
    peer.send(stream, framed(message, flag=1), is_last=True)
    peer.wait_for(stream)
    assert stream.reset_code is not None or stream.status == grpc.StatusCode.INTERNAL.value[0]


@only_penstock
def test_an_encoding_that_is_not_known_is_refused_with_those_that_are(
    methods: dict[str, Method], peer: H2Peer
) -> None:
    stream = peer.open(methods["UnaryCall"].path, [("grpc-encoding", "snail")])
    peer.send(stream, framed(b"x", flag=1), is_last=True)
    peer.wait_for(stream)
    assert stream.status == grpc.StatusCode.UNIMPLEMENTED.value[0]
    assert "gzip" in stream.headers["grpc-accept-encoding"]
