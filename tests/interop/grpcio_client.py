# SPDX-License-Identifier: Apache-2.0
"""gRPC's C core, by grpcio's asyncio client and the stubs that protoc generates."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
import grpc.aio
from google.rpc import status_pb2
from tests.interop.conversation import Ending, Method, Pairs

OPTIONS = [
    # A connection of its own.
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
]


class GrpcioClient:
    """One channel; for the event loop it is made on."""

    name = "grpcio"

    def __init__(self, address: str, rpc: Any) -> None:
        self._channel = grpc.aio.insecure_channel(address, options=OPTIONS)
        self._stubs = {
            "Interop": rpc.InteropStub(self._channel),
            "Unregistered": rpc.UnregisteredStub(self._channel),
        }

    def open(
        self, method: Method, metadata: Pairs, timeout_s: float | None, is_compressing: bool
    ) -> GrpcioCall:
        begin = getattr(self._stubs[method.service.rpartition(".")[2]], method.name)
        options = {
            "metadata": metadata,
            "timeout": timeout_s,
            "compression": grpc.Compression.Gzip if is_compressing else None,
        }
        return GrpcioCall(method, begin, options)

    async def close(self) -> None:
        await self._channel.close()


class GrpcioCall:
    """A call by the stub of its shape: one with a unary request begins with its message.

    The C core compresses what becomes smaller by it, message by message: whoever wants one that is
    not compressed sends one that cannot be.
    """

    def __init__(self, method: Method, begin: Any, options: dict[str, Any]) -> None:
        self._method = method
        self._begin = begin
        self._options = options
        self._call: Any = begin(**options) if method.streams_requests else None
        self._has_answered = False

    async def send(self, message: Any, *, is_compressed: bool) -> None:
        if not self._method.streams_requests:
            self._call = self._begin(message, **self._options)
        elif not self._call.done():
            try:
                await self._call.write(message)
            except (grpc.RpcError, asyncio.InvalidStateError):
                assert self._call.done()

    async def half_close(self) -> None:
        if self._method.streams_requests:
            await self._call.done_writing()

    async def receive(self) -> Any:
        try:
            if self._method.streams_responses:
                answer = await self._call.read()
                return None if answer is grpc.aio.EOF else answer
            if not self._has_answered:
                self._has_answered = True
                return await self._call
        except grpc.RpcError:
            pass
        except asyncio.CancelledError:
            if not self._call.cancelled():
                raise
        return None

    async def cancel(self) -> None:
        self._call.cancel()

    async def end(self) -> Ending:
        call = self._call
        code, details = await call.code(), await call.details()
        initial = tuple(tuple(pair) for pair in await call.initial_metadata() or ())
        trailing = tuple(tuple(pair) for pair in await call.trailing_metadata() or ())
        rich = dict(trailing).get("grpc-status-details-bin")
        return Ending(
            code=code,
            details=details,
            initial=initial,
            trailing=trailing,
            status=None if rich is None else status_pb2.Status.FromString(rich),
        )
