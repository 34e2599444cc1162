# SPDX-License-Identifier: Apache-2.0
"""The four clients of tritonclient behind one face, so that one story is told by each.

A client of asyncio is called like the others: each call runs its coroutine to the end. What
tritonclient.grpc answers as protobuf is asked for as JSON, which is what tritonclient.http answers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import numpy as np
import tritonclient.grpc
import tritonclient.grpc.aio
import tritonclient.http
import tritonclient.http.aio
from tests.doubles.running import RunningServer

KINDS = ["grpc", "grpc.aio", "http", "http.aio"]
Array = np.ndarray[Any, Any]


class TritonClient:
    """One of KINDS, connected to `server`. Unknown attributes are the client's own methods."""

    def __init__(self, kind: str, server: RunningServer) -> None:
        self.kind = kind
        self.is_grpc = kind.startswith("grpc")
        self.library: Any = tritonclient.grpc if self.is_grpc else tritonclient.http
        self._runner = asyncio.Runner() if kind.endswith("aio") else None
        address = server.grpc if self.is_grpc else server.rest
        self._client: Any = self._run(self._make, address)

    def _make(self, address: str) -> Any:
        match self.kind:
            case "grpc":
                return tritonclient.grpc.InferenceServerClient(address)
            case "http":
                return tritonclient.http.InferenceServerClient(address, concurrency=4)
            case "grpc.aio":
                return self._made_in_a_loop(tritonclient.grpc.aio.InferenceServerClient, address)
        return self._made_in_a_loop(tritonclient.http.aio.InferenceServerClient, address)

    async def _made_in_a_loop(self, kind: Any, address: str) -> Any:
        return kind(address)

    def _run(self, function: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        result = function(*arguments, **options)
        return self._runner.run(result) if self._runner else result

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            return self._run(getattr(self._client, name), *arguments, **options)

        return call

    def told(self, name: str, *arguments: Any, **options: Any) -> Any:
        """What a call that asks for something answers, as JSON."""
        if self.is_grpc:
            options["as_json"] = True
        return getattr(self, name)(*arguments, **options)

    def input(self, name: str, values: Array, datatype: str, **options: Any) -> Any:
        made = self.library.InferInput(name, list(values.shape), datatype)
        return made.set_data_from_numpy(values, **options)

    def output(self, name: str, **options: Any) -> Any:
        return self.library.InferRequestedOutput(name, **options)

    def answer(self, result: Any) -> Any:
        """The answer without its tensors' values, as JSON."""
        return result.get_response(as_json=True) if self.is_grpc else result.get_response()

    def close(self) -> None:
        self._run(self._client.close)
        if self._runner:
            self._runner.close()
