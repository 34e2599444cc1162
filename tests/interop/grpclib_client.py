# SPDX-License-Identifier: Apache-2.0
"""grpclib: gRPC in Python on python-hyper's h2."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.rpc import status_pb2
from grpclib.client import (
    Channel,
    StreamStreamMethod,
    StreamUnaryMethod,
    UnaryStreamMethod,
    UnaryUnaryMethod,
)
from grpclib.exceptions import GRPCError, StreamTerminatedError
from h2.exceptions import StreamClosedError
from tests.interop.conversation import Ending, Method, Pairs

SHAPES: dict[tuple[bool, bool], Any] = {
    (False, False): UnaryUnaryMethod,
    (False, True): UnaryStreamMethod,
    (True, False): StreamUnaryMethod,
    (True, True): StreamStreamMethod,
}
STATUSES = {status.value[0]: status for status in grpc.StatusCode}


class GrpclibClient:
    """One connection; for the event loop it is made on."""

    name = "grpclib"

    def __init__(self, address: str) -> None:
        host, _, port = address.rpartition(":")
        self._channel = Channel(host, int(port))

    def open(
        self, method: Method, metadata: Pairs, timeout_s: float | None, is_compressing: bool
    ) -> GrpclibCall:
        assert not is_compressing, "grpclib does not compress"
        shape = SHAPES[method.streams_requests, method.streams_responses]
        bound = shape(self._channel, method.path, method.request, method.response)
        return GrpclibCall(bound.open(timeout=timeout_s, metadata=list(metadata)))

    async def close(self) -> None:
        self._channel.close()


class GrpclibCall:
    """A call by grpclib's stream, whose block is entered by the first verb and left by `end`."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._is_begun = False
        self._error: BaseException | None = None

    async def send(self, message: Any, *, is_compressed: bool) -> None:
        await self._begin()
        with suppress(StreamTerminatedError):
            await self._stream.send_message(message)

    async def half_close(self) -> None:
        if not self._is_begun:
            await self._begin()
            await self._stream.send_request(end=True)
        else:
            with suppress(StreamClosedError, StreamTerminatedError):  # the call is over
                await self._stream.end()

    async def receive(self) -> Any:
        await self._begin()
        if self._error is not None:
            return None
        try:
            return await self._stream.recv_message()
        except (GRPCError, StreamTerminatedError, TimeoutError) as error:
            self._error = error
            return None

    async def cancel(self) -> None:
        await self._begin()
        if not self._stream._send_request_done:
            await self._stream.send_request()
        await self._stream.cancel()
        # grpclib has no status of its own for this.
        self._error = asyncio.CancelledError()

    async def end(self) -> Ending:
        error = self._error
        try:
            if error is None:
                await self._stream.recv_trailing_metadata()
        except (GRPCError, TimeoutError) as raised:
            error = raised
        try:
            await self._stream.__aexit__(
                type(error) if error else None, error, error.__traceback__ if error else None
            )
        except (GRPCError, TimeoutError) as raised:
            error = raised
        code, details, status = _told(error)
        return Ending(
            code=code,
            details=details,
            initial=_pairs(self._stream.initial_metadata),
            trailing=_pairs(self._stream.trailing_metadata),
            status=status,
        )

    async def _begin(self) -> None:
        if not self._is_begun:
            self._is_begun = True
            await self._stream.__aenter__()


def _told(error: BaseException | None) -> tuple[grpc.StatusCode, str, Any]:
    """Code, details and google.rpc.Status of what grpclib has raised."""
    match error:
        case None:
            return grpc.StatusCode.OK, "", None
        case TimeoutError():
            return grpc.StatusCode.DEADLINE_EXCEEDED, "", None
        case asyncio.CancelledError():
            return grpc.StatusCode.CANCELLED, "", None
        case GRPCError():
            code, message = error.status.value, error.message or ""
            rich = None
            if error.details is not None:
                rich = status_pb2.Status(code=code, message=message)
                for detail in error.details:
                    packed = AnyMessage()
                    packed.Pack(detail)
                    rich.details.append(packed)
            return STATUSES[code], message, rich
    raise error


def _pairs(metadata: Any) -> tuple[tuple[str, str | bytes], ...]:
    return tuple(metadata.items()) if metadata is not None else ()
