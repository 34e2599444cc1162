# SPDX-License-Identifier: Apache-2.0
"""`client.rollouts`: what can be asked of rollouts, for both clients."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import Any, Protocol, TypeVar

from penstock_client import _rollout_calls as calls
from penstock_client._calls import Call
from penstock_client._rollout_calls import SpecLike
from penstock_client.rollouts import RolloutStatus
from penstock_client.shadows import ShadowExamples

__all__ = ["AsyncRollouts", "Rollouts"]

R = TypeVar("R")


class _Run(Protocol):
    def __call__(self, call: Call[R], timeout_s: float | None) -> R: ...


class _RunAsync(Protocol):
    def __call__(self, call: Call[R], timeout_s: float | None) -> Coroutine[Any, Any, R]: ...


class Rollouts:
    """The rollouts of a server. Each server has its own, so ask one endpoint, not several.

    `rollout` is the id of one; without it, the model's present one is meant, or its last. A call
    that changes something then raises FailedPrecondition if it is another one by now, and is made
    once: after Unavailable, look at the status.
    """

    def __init__(
        self, run: _Run, stream: Callable[[Call[RolloutStatus]], Iterator[RolloutStatus]]
    ) -> None:
        """Made by Client."""
        self._run = run
        self._stream = stream

    def start(
        self,
        model: str,
        candidate: int,
        *,
        spec: SpecLike = None,
        stable: int | None = None,
        allows_signature_change: bool = False,
        timeout: float | None = None,
    ) -> RolloutStatus:
        """Begins to roll out version `candidate`; returns once the first state is reached.

        `spec`: the keys of a rollout.toml or its text; None: the one next to the model, else the
        defaults. `stable`: the version to compare with; None: the one that is served now.
        """
        call = calls.start(
            model,
            candidate,
            spec=spec,
            stable=stable,
            allows_signature_change=allows_signature_change,
        )
        return self._run(call, timeout)

    def status(
        self, model: str, rollout: str = "", *, timeout: float | None = None
    ) -> RolloutStatus:
        """How a rollout stands, with its evidence; NotFound for a model that never had one."""
        return self._run(calls.status(model, rollout), timeout)

    def list(
        self,
        model: str = "",
        *,
        ongoing_only: bool = False,
        limit: int = 0,
        timeout: float | None = None,
    ) -> tuple[RolloutStatus, ...]:
        """Those that are kept, newest first, without evidence and log. `limit` 0: 100."""
        call = calls.listed(model, ongoing_only=ongoing_only, limit=limit)
        return self._run(call, timeout)

    def watch(
        self, model: str, rollout: str = "", *, interval: float = 1.0
    ) -> Iterator[RolloutStatus]:
        """How a rollout stands, at once and after each change, to its end.

        `interval`: seconds between two, at least 0.1. Raises Unavailable where the server goes
        away; a rollout that survives it can be watched again.
        """
        return self._stream(calls.watch(model, rollout, interval_s=interval))

    def promote(
        self, model: str, rollout: str = "", *, timeout: float | None = None
    ) -> RolloutStatus:
        """Makes the candidate live now, whatever was shown."""
        return self._run(calls.promote(model, rollout), timeout)

    def pause(
        self, model: str, rollout: str = "", *, timeout: float | None = None
    ) -> RolloutStatus:
        """Stays at the present share; the judge rolls back all the same."""
        return self._run(calls.pause(model, rollout), timeout)

    def resume(
        self, model: str, rollout: str = "", *, timeout: float | None = None
    ) -> RolloutStatus:
        """Goes on with a rollout that is paused or held."""
        return self._run(calls.resume(model, rollout), timeout)

    def roll_back(
        self, model: str, rollout: str = "", *, reason: str = "", timeout: float | None = None
    ) -> RolloutStatus:
        """Takes the candidate out of traffic now."""
        return self._run(calls.roll_back(model, rollout, reason=reason), timeout)

    def explain(
        self, model: str, rollout: str = "", *, timeout: float | None = None
    ) -> dict[str, Any]:
        """Everything counted and decided, event by event, and the verdict computed anew of it."""
        return self._run(calls.explain(model, rollout), timeout)

    def examples(
        self, model: str, rollout: str = "", *, limit: int = 0, timeout: float | None = None
    ) -> ShadowExamples:
        """Pairs of answers that the shadow has kept for a person to look at, newest first.

        None unless the spec's shadow.examples wants some. `limit` 0: 20.
        """
        return self._run(calls.examples(model, rollout, limit=limit), timeout)


class AsyncRollouts:
    """The same as Rollouts with coroutines."""

    def __init__(
        self,
        run: _RunAsync,
        stream: Callable[[Call[RolloutStatus]], AsyncIterator[RolloutStatus]],
    ) -> None:
        """Made by AsyncClient."""
        self._run = run
        self._stream = stream

    async def start(
        self,
        model: str,
        candidate: int,
        *,
        spec: SpecLike = None,
        stable: int | None = None,
        allows_signature_change: bool = False,
        timeout: float | None = None,
    ) -> RolloutStatus:
        """Begins to roll out version `candidate`, as Rollouts.start does."""
        call = calls.start(
            model,
            candidate,
            spec=spec,
            stable=stable,
            allows_signature_change=allows_signature_change,
        )
        return await self._run(call, timeout)

    async def status(
        self, model: str, rollout: str = "", *, timeout: float | None = None
    ) -> RolloutStatus:
        """How a rollout stands, with its evidence; NotFound for a model that never had one."""
        return await self._run(calls.status(model, rollout), timeout)

    async def list(
        self,
        model: str = "",
        *,
        ongoing_only: bool = False,
        limit: int = 0,
        timeout: float | None = None,
    ) -> tuple[RolloutStatus, ...]:
        """Those that are kept, newest first, without evidence and log. `limit` 0: 100."""
        call = calls.listed(model, ongoing_only=ongoing_only, limit=limit)
        return await self._run(call, timeout)

    def watch(
        self, model: str, rollout: str = "", *, interval: float = 1.0
    ) -> AsyncIterator[RolloutStatus]:
        """How a rollout stands, at once and after each change, to its end, as Rollouts.watch."""
        return self._stream(calls.watch(model, rollout, interval_s=interval))

    async def promote(
        self, model: str, rollout: str = "", *, timeout: float | None = None
    ) -> RolloutStatus:
        """Makes the candidate live now, whatever was shown."""
        return await self._run(calls.promote(model, rollout), timeout)

    async def pause(
        self, model: str, rollout: str = "", *, timeout: float | None = None
    ) -> RolloutStatus:
        """Stays at the present share; the judge rolls back all the same."""
        return await self._run(calls.pause(model, rollout), timeout)

    async def resume(
        self, model: str, rollout: str = "", *, timeout: float | None = None
    ) -> RolloutStatus:
        """Goes on with a rollout that is paused or held."""
        return await self._run(calls.resume(model, rollout), timeout)

    async def roll_back(
        self, model: str, rollout: str = "", *, reason: str = "", timeout: float | None = None
    ) -> RolloutStatus:
        """Takes the candidate out of traffic now."""
        return await self._run(calls.roll_back(model, rollout, reason=reason), timeout)

    async def explain(
        self, model: str, rollout: str = "", *, timeout: float | None = None
    ) -> dict[str, Any]:
        """Everything counted and decided, event by event, and the verdict computed anew of it."""
        return await self._run(calls.explain(model, rollout), timeout)

    async def examples(
        self, model: str, rollout: str = "", *, limit: int = 0, timeout: float | None = None
    ) -> ShadowExamples:
        """Pairs of answers that the shadow has kept, newest first, as Rollouts.examples."""
        return await self._run(calls.examples(model, rollout, limit=limit), timeout)
