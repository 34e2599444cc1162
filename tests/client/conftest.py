# SPDX-License-Identifier: Apache-2.0
"""A server double, and both clients behind one face so that one test holds for both."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.doubles.v2_server import V2Server

from penstock_client import AsyncClient, Client


class BlockingFace:
    """An AsyncClient that is called like a Client: each call runs its coroutine to the end."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self._runner = asyncio.Runner()
        self._client = AsyncClient(*arguments, **options)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            return self._runner.run(getattr(self._client, name)(*arguments, **options))

        return call

    def close(self) -> None:
        self._runner.run(self._client.close())

    def end(self) -> None:
        self.close()
        self._runner.close()


class ClientFactory:
    """Makes clients of one kind and closes them after the test."""

    def __init__(self, kind: type[Any]) -> None:
        self.kind = kind
        self._made: list[Any] = []

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        made = self.kind(*arguments, **options)
        self._made.append(made)
        return made

    def end(self) -> None:
        for made in self._made:
            made.end() if isinstance(made, BlockingFace) else made.close()


@pytest.fixture
def server() -> Iterator[V2Server]:
    with V2Server() as running:
        yield running


@pytest.fixture(params=[Client, BlockingFace], ids=["Client", "AsyncClient"])
def make_client(request: pytest.FixtureRequest) -> Iterator[ClientFactory]:
    factory = ClientFactory(request.param)
    yield factory
    factory.end()
