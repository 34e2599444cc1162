# SPDX-License-Identifier: Apache-2.0
"""`client.routes`: what can be asked of routes, for both clients."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, Protocol, TypeVar

from penstock_client import _route_calls as calls
from penstock_client._calls import Call
from penstock_client.routes import RouteStatus
from penstock_client.shadows import ShadowExamples

__all__ = ["AsyncRoutes", "Routes"]

R = TypeVar("R")


class _Run(Protocol):
    def __call__(self, call: Call[R], timeout_s: float | None) -> R: ...


class _RunAsync(Protocol):
    def __call__(self, call: Call[R], timeout_s: float | None) -> Coroutine[Any, Any, R]: ...


class Routes:
    """How a server shares out the requests of its models. Each server has counts of its own."""

    def __init__(self, run: _Run) -> None:
        """Made by Client."""
        self._run = run

    def status(self, model: str, *, timeout: float | None = None) -> RouteStatus:
        """The route of a model; NotFound for one without: its highest version answers."""
        return self._run(calls.status(model), timeout)

    def list(self, *, limit: int = 0, timeout: float | None = None) -> tuple[RouteStatus, ...]:
        """Of all models that have one, by name; of shadows the counts alone. `limit` 0: 100."""
        return self._run(calls.listed(limit), timeout)

    def examples(
        self, model: str, *, limit: int = 0, timeout: float | None = None
    ) -> ShadowExamples:
        """Pairs of answers that its shadows have kept, newest first. `limit` 0: 20."""
        return self._run(calls.examples(model, limit), timeout)


class AsyncRoutes:
    """The same as Routes with coroutines."""

    def __init__(self, run: _RunAsync) -> None:
        """Made by AsyncClient."""
        self._run = run

    async def status(self, model: str, *, timeout: float | None = None) -> RouteStatus:
        """The route of a model; NotFound for one without: its highest version answers."""
        return await self._run(calls.status(model), timeout)

    async def list(
        self, *, limit: int = 0, timeout: float | None = None
    ) -> tuple[RouteStatus, ...]:
        """Of all models that have one, by name; of shadows the counts alone. `limit` 0: 100."""
        return await self._run(calls.listed(limit), timeout)

    async def examples(
        self, model: str, *, limit: int = 0, timeout: float | None = None
    ) -> ShadowExamples:
        """Pairs of answers that its shadows have kept, newest first. `limit` 0: 20."""
        return await self._run(calls.examples(model, limit), timeout)
