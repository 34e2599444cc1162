# SPDX-License-Identifier: Apache-2.0
"""The synchronous client: a thin skin of gRPC over the calls and attempts."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from random import random
from time import monotonic
from types import TracebackType
from typing import TypeVar

import grpc
import numpy.typing as npt

from penstock_client import _calls, _rollout_calls
from penstock_client._attempts import Attempts, Fleet
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
from penstock_client._drift_skins import Drift
from penstock_client._rollout_skins import Rollouts
from penstock_client._route_skins import Routes
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

__all__ = ["Client"]

R = TypeVar("R")
_DEFAULT_RETRY = RetryPolicy()
METHOD_PATHS = (*_calls.METHOD_PATHS, *_rollout_calls.METHOD_PATHS)


class Client:
    """Talks to one server, or to several that serve the same models, in turns.

    Safe to share between threads. Connects at the first call. Timeouts are in seconds and cover
    the whole call with all its attempts; None waits for ever. Any call may raise the classes of
    `penstock_client.errors`; an UNAVAILABLE answer is tried again as `retry` says.
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
        addresses = addresses_of(endpoints)
        self._fleet = Fleet(addresses, retry, ejection)
        self._lock = threading.Lock()
        self._closed = threading.Event()
        settings = channel_options(tls, options)
        if tls is None:
            self._channels = [grpc.insecure_channel(target, settings) for target in addresses]
        else:
            trust = channel_credentials(tls)
            self._channels = [grpc.secure_channel(target, trust, settings) for target in addresses]
        self._stubs: list[dict[str, grpc.UnaryUnaryMultiCallable[bytes, bytes]]] = [
            {path: channel.unary_unary(path) for path in METHOD_PATHS} for channel in self._channels
        ]
        self.rollouts = Rollouts(self._run, self._stream)
        self.routes = Routes(self._run)
        self.drift = Drift(self._run)

    def infer(
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
        """Sends the inputs to a model and gives its outputs by name.

        Requests of one `sticky_key`, such as a user's id, get the same version while a model's
        traffic is shared among several; `result.arm` tells which.

        `outputs` names those wanted; None means all. `raw=False` sends typed contents; FP16 and
        BF16 then travel as fp32_contents, which a Penstock server takes and others may refuse.
        """
        call = _calls.infer(
            model,
            inputs,
            version=version,
            outputs=outputs,
            parameters=parameters,
            request_id=request_id,
            raw=raw,
        )
        return self._run(call, timeout, keyed(metadata, sticky_key), compression)

    def server_live(self, *, timeout: float | None = None) -> bool:
        """Whether the server is alive."""
        return self._run(_calls.server_live(), timeout)

    def server_ready(self, *, timeout: float | None = None) -> bool:
        """Whether the server takes traffic."""
        return self._run(_calls.server_ready(), timeout)

    def model_ready(
        self, model: str, version: str = "", *, timeout: float | None = None
    ) -> Readiness:
        """Whether a model can serve and, where the server says so, why not."""
        return self._run(_calls.model_ready(model, version), timeout)

    def server_metadata(self, *, timeout: float | None = None) -> ServerMetadata:
        """The server's name, version and extensions."""
        return self._run(_calls.server_metadata(), timeout)

    def model_metadata(
        self, model: str, version: str = "", *, timeout: float | None = None
    ) -> ModelMetadata:
        """A model's versions and tensors."""
        return self._run(_calls.model_metadata(model, version), timeout)

    def health(self, service: str = "", *, timeout: float | None = None) -> HealthStatus:
        """What the standard health service says; NotFound for a service it does not know."""
        return self._run(_calls.health(service), timeout)

    def close(self) -> None:
        """Closes the connections; calls under way in other threads end with Cancelled."""
        self._closed.set()
        for channel in self._channels:
            channel.close()

    def __enter__(self) -> Client:
        """Gives the client."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Closes the client."""
        self.close()

    def _run(
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
            with self._lock:
                endpoint, left_s = attempts.begin(now_s=now_s, random=random())
            if self._closed.is_set():
                raise ClientClosed("the client is closed")
            stub = self._stubs[endpoint][call.path]
            try:
                if call.needs_trailers:
                    message, ended = stub.with_call(
                        call.request, left_s, pairs, None, None, packing
                    )
                    trailers = tuple(ended.trailing_metadata() or ())
                else:
                    message = stub(call.request, left_s, pairs, None, None, packing)
                    trailers = ()
            except grpc.RpcError as error:
                failure = failure_of(error)
            except ValueError as error:
                # What gRPC raises when the channel was closed just now.
                raise ClientClosed("the client is closed") from error
            else:
                with self._lock:
                    attempts.succeeded()
                return call.decode(message, trailers)
            with self._lock:
                pause_s = attempts.failed(failure, now_s=monotonic(), random=random())
            self._closed.wait(pause_s)
            now_s = monotonic()

    def _stream(self, call: Call[R]) -> Iterator[R]:
        """Every answer to a call; attempts are made until the first one comes."""
        now_s = monotonic()
        attempts = Attempts(self._fleet, None, now_s=now_s)
        has_begun = False
        while True:
            with self._lock:
                endpoint, _ = attempts.begin(now_s=now_s, random=random())
            if self._closed.is_set():
                raise ClientClosed("the client is closed")
            try:
                method: grpc.UnaryStreamMultiCallable[bytes, bytes]
                method = self._channels[endpoint].unary_stream(call.path)
                answers = method(call.request)
            except ValueError as error:
                raise ClientClosed("the client is closed") from error
            try:
                for message in answers:
                    if not has_begun:
                        has_begun = True
                        with self._lock:
                            attempts.succeeded()
                    yield call.decode(message, ())
                return
            except grpc.RpcError as error:
                failure = failure_of(error)
            finally:
                answers.cancel()
            with self._lock:
                pause_s = attempts.failed(
                    failure, now_s=monotonic(), random=random(), has_begun=has_begun
                )
            self._closed.wait(pause_s)
            now_s = monotonic()
