# SPDX-License-Identifier: Apache-2.0
"""The asyncio client: a thin skin of grpc.aio over the calls and attempts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from random import random
from time import monotonic
from types import TracebackType
from typing import TypeVar

import grpc
import numpy.typing as npt

from penstock_client import _calls, _rollout_calls
from penstock_client._attempts import Attempts, Failure, Fleet
from penstock_client._calls import Call
from penstock_client._channel import (
    ChannelOption,
    Compression,
    MetadataLike,
    TlsOptions,
    addresses_of,
    channel_credentials,
    channel_options,
    failure_of,
    grpc_compression,
    grpc_metadata,
    keyed,
)
from penstock_client._drift_skins import AsyncDrift
from penstock_client._rollout_skins import AsyncRollouts
from penstock_client._route_skins import AsyncRoutes
from penstock_client.bfloat16 import Bfloat16
from penstock_client.endpoints import EjectionPolicy
from penstock_client.errors import ClientClosed
from penstock_client.results import (
    HealthStatus,
    InferResult,
    ModelMetadata,
    ParameterValue,
    Readiness,
    ServerMetadata,
)
from penstock_client.retry import RetryPolicy

__all__ = ["AsyncClient"]

R = TypeVar("R")
_DEFAULT_RETRY = RetryPolicy()
METHOD_PATHS = (*_calls.METHOD_PATHS, *_rollout_calls.METHOD_PATHS)


class AsyncClient:
    """The same as Client with coroutines; belongs to the event loop of its first call.

    Cancelling a task that awaits a call cancels the call, and the server is told.
    """

    def __init__(
        self,
        endpoints: str | Sequence[str],
        *,
        tls: TlsOptions | None = None,
        retry: RetryPolicy | None = _DEFAULT_RETRY,
        ejection: EjectionPolicy | None = None,
        options: Sequence[ChannelOption] = (),
    ) -> None:
        """Takes "host:port" or several; ValueError for none. `options` are gRPC channel options."""
        self._addresses = addresses_of(endpoints)
        self._fleet = Fleet(self._addresses, retry, ejection)
        self._trust = None if tls is None else channel_credentials(tls)
        self._settings = channel_options(tls, options)
        self._is_closed = False
        self._channels: list[grpc.aio.Channel] = []
        self._stubs: list[dict[str, grpc.aio.UnaryUnaryMultiCallable[bytes, bytes]]] = []
        self.rollouts = AsyncRollouts(self._run, self._stream)
        self.routes = AsyncRoutes(self._run)
        self.drift = AsyncDrift(self._run)

    async def infer(
        self,
        model: str,
        inputs: Mapping[str, npt.ArrayLike | Bfloat16],
        *,
        version: str = "",
        outputs: Iterable[str] | None = None,
        parameters: Mapping[str, ParameterValue] | None = None,
        request_id: str = "",
        sticky_key: str = "",
        timeout: float | None = None,
        metadata: MetadataLike | None = None,
        raw: bool = True,
        compression: Compression | None = None,
    ) -> InferResult:
        """Sends the inputs to a model and gives its outputs by name, as Client.infer does."""
        call = _calls.infer(
            model,
            inputs,
            version=version,
            outputs=outputs,
            parameters=parameters,
            request_id=request_id,
            raw=raw,
        )
        return await self._run(call, timeout, keyed(metadata, sticky_key), compression)

    async def server_live(self, *, timeout: float | None = None) -> bool:
        """Whether the server is alive."""
        return await self._run(_calls.server_live(), timeout)

    async def server_ready(self, *, timeout: float | None = None) -> bool:
        """Whether the server takes traffic."""
        return await self._run(_calls.server_ready(), timeout)

    async def model_ready(
        self, model: str, version: str = "", *, timeout: float | None = None
    ) -> Readiness:
        """Whether a model can serve and, where the server says so, why not."""
        return await self._run(_calls.model_ready(model, version), timeout)

    async def server_metadata(self, *, timeout: float | None = None) -> ServerMetadata:
        """The server's name, version and extensions."""
        return await self._run(_calls.server_metadata(), timeout)

    async def model_metadata(
        self, model: str, version: str = "", *, timeout: float | None = None
    ) -> ModelMetadata:
        """A model's versions and tensors."""
        return await self._run(_calls.model_metadata(model, version), timeout)

    async def health(self, service: str = "", *, timeout: float | None = None) -> HealthStatus:
        """What the standard health service says; NotFound for a service it does not know."""
        return await self._run(_calls.health(service), timeout)

    async def close(self) -> None:
        """Closes the connections; calls under way in other tasks end with Cancelled."""
        self._is_closed = True
        for channel in self._channels:
            await channel.close()

    async def __aenter__(self) -> AsyncClient:
        """Gives the client."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Closes the client."""
        await self.close()

    def _open(self) -> None:
        """Makes the channels; inside a coroutine, because they belong to its event loop."""
        for target in self._addresses:
            if self._trust is None:
                channel = grpc.aio.insecure_channel(target, self._settings)
            else:
                channel = grpc.aio.secure_channel(target, self._trust, self._settings)
            self._channels.append(channel)
            self._stubs.append({path: channel.unary_unary(path) for path in METHOD_PATHS})

    async def _run(
        self,
        call: Call[R],
        timeout_s: float | None,
        metadata: MetadataLike | None = None,
        compression: Compression | None = None,
    ) -> R:
        pairs = grpc_metadata(metadata)
        packing = grpc_compression(compression)
        now_s = monotonic()
        attempts = Attempts(self._fleet, timeout_s, now_s=now_s, is_repeatable=call.is_repeatable)
        while True:
            endpoint, left_s = attempts.begin(now_s=now_s, random=random())
            if self._is_closed:
                raise ClientClosed("the client is closed")
            if not self._channels:
                self._open()
            made = self._stubs[endpoint][call.path](
                call.request, timeout=left_s, metadata=pairs, compression=packing
            )
            try:
                message = await made
                trailers = tuple(await made.trailing_metadata()) if call.needs_trailers else ()
            except grpc.RpcError as error:
                failure = failure_of(error)
            except asyncio.CancelledError as error:
                failure = self._closed_failure(error)
            else:
                attempts.succeeded()
                return call.decode(message, trailers)
            pause_s = attempts.failed(failure, now_s=monotonic(), random=random())
            await asyncio.sleep(pause_s)
            now_s = monotonic()

    async def _stream(self, call: Call[R]) -> AsyncIterator[R]:
        """Every answer to a call; attempts are made until the first one comes."""
        now_s = monotonic()
        attempts = Attempts(self._fleet, None, now_s=now_s)
        has_begun = False
        while True:
            endpoint, _ = attempts.begin(now_s=now_s, random=random())
            if self._is_closed:
                raise ClientClosed("the client is closed")
            if not self._channels:
                self._open()
            method: grpc.aio.UnaryStreamMultiCallable[bytes, bytes]
            method = self._channels[endpoint].unary_stream(call.path)
            answers = method(call.request)
            try:
                async for message in answers:
                    if not has_begun:
                        has_begun = True
                        attempts.succeeded()
                    yield call.decode(message, ())
                return
            except grpc.RpcError as error:
                failure = failure_of(error)
            except asyncio.CancelledError as error:
                failure = self._closed_failure(error)
            finally:
                answers.cancel()
            pause_s = attempts.failed(
                failure, now_s=monotonic(), random=random(), has_begun=has_begun
            )
            await asyncio.sleep(pause_s)
            now_s = monotonic()

    def _closed_failure(self, error: asyncio.CancelledError) -> Failure:
        """What a cancelled call failed by, if closing did it; else raises `error`."""
        task = asyncio.current_task()
        if not self._is_closed or (task is not None and task.cancelling()):
            raise error
        return Failure("CANCELLED", "the client was closed during the call")
