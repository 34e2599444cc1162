# SPDX-License-Identifier: Apache-2.0
"""`client.drift`: what can be asked of monitoring, for both clients."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, Protocol, TypeVar

from penstock_client import _drift_calls as calls
from penstock_client._calls import Call
from penstock_client.drift import DriftStatus

__all__ = ["AsyncDrift", "Drift"]

R = TypeVar("R")


class _Run(Protocol):
    def __call__(self, call: Call[R], timeout_s: float | None) -> R: ...


class _RunAsync(Protocol):
    def __call__(self, call: Call[R], timeout_s: float | None) -> Coroutine[Any, Any, R]: ...


class Drift:
    """How live rows of a server's models stand to their references. Each server counts its own."""

    def __init__(self, run: _Run) -> None:
        """Made by Client."""
        self._run = run

    def status(
        self,
        model: str,
        *,
        version: int = 0,
        window_s: float = 0.0,
        timeout: float | None = None,
    ) -> DriftStatus:
        """Of a version; NotFound for one that is not watched. `version` 0: the highest one.

        `window_s`: of the last so many seconds; 0: of the window that alarms are judged by.
        """
        return self._run(calls.status(model, version, window_s), timeout)

    def list(self, *, limit: int = 0, timeout: float | None = None) -> tuple[DriftStatus, ...]:
        """Of all versions that are watched, by model; of columns the numbers alone. `limit` 0:
        100.
        """
        return self._run(calls.listed(limit), timeout)


class AsyncDrift:
    """The same as Drift with coroutines."""

    def __init__(self, run: _RunAsync) -> None:
        """Made by AsyncClient."""
        self._run = run

    async def status(
        self,
        model: str,
        *,
        version: int = 0,
        window_s: float = 0.0,
        timeout: float | None = None,
    ) -> DriftStatus:
        """Of a version; NotFound for one that is not watched. `version` 0: the highest one.

        `window_s`: of the last so many seconds; 0: of the window that alarms are judged by.
        """
        return await self._run(calls.status(model, version, window_s), timeout)

    async def list(
        self, *, limit: int = 0, timeout: float | None = None
    ) -> tuple[DriftStatus, ...]:
        """Of all versions that are watched, by model; of columns the numbers alone. `limit` 0:
        100.
        """
        return await self._run(calls.listed(limit), timeout)
