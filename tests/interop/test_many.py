# SPDX-License-Identifier: Apache-2.0
"""Many calls at a time on one connection."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc.aio
import pytest
from tests.interop.conftest import InteropServer
from tests.interop.conversation import PATIENCE_S, Caller
from tests.interop.grpcio_client import OPTIONS

#: What a connection of penstock's may have open, less one for the test's own.
CALLS = 1_000
STREAMS = 100


def test_a_thousand_calls_are_open_at_a_time_on_one_connection(
    interop_server: InteropServer,
    loop: asyncio.AbstractEventLoop,
    pb: Any,
    rpc: Any,
    label: str,
) -> None:
    """None is answered before the last has begun; of the plain servicer, as many as threads."""
    count = 8 if interop_server.is_plain else CALLS

    async def meet() -> list[int]:
        async with grpc.aio.insecure_channel(interop_server.address, options=OPTIONS) as channel:
            sighting = pb.Sighting(label=label, count=count)
            stub = rpc.InteropStub(channel)
            calls = [stub.Meet(sighting, timeout=PATIENCE_S) for _ in range(count)]
            return [answer.count for answer in await asyncio.gather(*calls)]

    assert loop.run_until_complete(meet()) == [count] * count


def test_a_thousand_calls_at_once_get_their_own_answers(
    interop_server: InteropServer, loop: asyncio.AbstractEventLoop, pb: Any, rpc: Any
) -> None:
    async def call() -> list[bytes]:
        async with grpc.aio.insecure_channel(interop_server.address, options=OPTIONS) as channel:
            stub = rpc.InteropStub(channel)
            calls = [
                stub.UnaryCall(
                    pb.UnaryRequest(payload=pb.Payload(body=b"%d" % number)), timeout=PATIENCE_S
                )
                for number in range(CALLS)
            ]
            return [answer.payload_seen for answer in await asyncio.gather(*calls)]

    assert loop.run_until_complete(call()) == [b"%d" % number for number in range(CALLS)]


def test_a_hundred_streams_take_turns(
    interop_server: InteropServer, pb: Any, caller: Caller
) -> None:
    """Every stream has sent its message before any reads its answer. Round after round."""
    streams = [
        caller.open("FullDuplexCall") for _ in range(12 if interop_server.is_plain else STREAMS)
    ]
    for round_ in range(3):
        for number, stream in enumerate(streams):
            parameters = pb.ResponseParameters(size=1 + number + 1_000 * round_)
            stream.send(pb.StreamRequest(response_parameters=[parameters]))
        sizes = [len(stream.receive().payload.body) for stream in reversed(streams)]
        assert sizes == [1 + n + 1_000 * round_ for n in reversed(range(len(streams)))]
    for stream in streams:
        stream.half_close()
        assert stream.receive() is None
        assert stream.end().code is grpc.StatusCode.OK


@pytest.mark.parametrize("interop_server", ["penstock-plain", "grpc"], indirect=True)
def test_the_plain_servicers_threads_do_not_bound_how_many_calls_wait(
    interop_server: InteropServer, loop: asyncio.AbstractEventLoop, pb: Any, rpc: Any
) -> None:
    async def call() -> int:
        async with grpc.aio.insecure_channel(interop_server.address, options=OPTIONS) as channel:
            stub = rpc.InteropStub(channel)
            calls = [stub.StreamingInputCall(iter(()), timeout=PATIENCE_S) for _ in range(200)]
            return len(await asyncio.gather(*calls))

    assert loop.run_until_complete(call()) == 200
