# SPDX-License-Identifier: Apache-2.0
"""The attempts of one call: where each goes, with what time left, and what follows a failure.

No IO and no clock: a client says what time it is, makes the attempt itself and reports how it
went. The synchronous client holds a lock while it asks; the asyncio one needs none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from penstock_client._calls import Metadata
from penstock_client.endpoints import EjectionPolicy, EndpointRing
from penstock_client.errors import DeadlineExceeded, error_class
from penstock_client.retry import RETRYABLE_CODE, RetryBudget, RetryPolicy, next_pause_s

__all__ = ["Attempts", "Failure", "Fleet"]

# These say nothing about whether the endpoint is well.
_NEUTRAL_CODES = frozenset({"CANCELLED", "DEADLINE_EXCEEDED"})


@dataclass(frozen=True, slots=True)
class Failure:
    """How an attempt failed: a gRPC status by name, the server's sentence, its metadata."""

    code: str
    why: str
    trailing_metadata: Metadata = ()


class Fleet:
    """What all calls of one client share: its endpoints and its retry budget."""

    def __init__(
        self,
        addresses: Sequence[str],
        retry: RetryPolicy | None = None,
        ejection: EjectionPolicy | None = None,
    ) -> None:
        """Starts with all endpoints admitted and a full budget. No policy: one attempt per call."""
        self.ring = EndpointRing(addresses, ejection)
        self.retry = RetryPolicy(attempts_max=1) if retry is None else retry
        self.budget = RetryBudget(self.retry)


class Attempts:
    """One call's way through the fleet: `begin`, then `succeeded` or `failed`, again and again."""

    __slots__ = ("_count", "_deadline_s", "_endpoint", "_fleet", "_is_repeatable", "_timeout_s")

    def __init__(
        self,
        fleet: Fleet,
        timeout_s: float | None,
        *,
        now_s: float,
        is_repeatable: bool = True,
    ) -> None:
        """Fixes the deadline; None: there is none. Not repeatable: there is one attempt."""
        self._fleet = fleet
        self._timeout_s = timeout_s
        self._deadline_s = None if timeout_s is None else now_s + timeout_s
        self._is_repeatable = is_repeatable
        self._count = 0
        self._endpoint = 0

    def begin(self, *, now_s: float, random: float) -> tuple[int, float | None]:
        """Gives the next attempt's endpoint by index, and the seconds it may take.

        DeadlineExceeded when no time is left.
        """
        left_s = None if self._deadline_s is None else self._deadline_s - now_s
        if left_s is not None and left_s <= 0:
            raise DeadlineExceeded(f"the timeout of {self._timeout_s} s left no time to send")
        self._endpoint = self._fleet.ring.pick(now_s=now_s, random=random)
        self._count += 1
        return self._endpoint, left_s

    def succeeded(self) -> None:
        """The attempt was answered with OK."""
        self._fleet.ring.record_success(self._endpoint)
        self._fleet.budget.record_success()

    def failed(
        self, failure: Failure, *, now_s: float, random: float, has_begun: bool = False
    ) -> float:
        """Gives the seconds to wait before the next attempt, or raises the call's error.

        `has_begun`: a part of the answer was handed out already, so that there is no other attempt.
        """
        fleet = self._fleet
        if failure.code == RETRYABLE_CODE:
            fleet.ring.record_failure(self._endpoint, now_s=now_s, random=random)
            fleet.budget.record_failure()
        elif failure.code not in _NEUTRAL_CODES:
            fleet.ring.record_success(self._endpoint)
        pause_s = next_pause_s(
            fleet.retry,
            fleet.budget,
            code=failure.code,
            attempts=self._count,
            now_s=now_s,
            deadline_s=self._deadline_s,
            random=random,
        )
        if pause_s is not None and self._is_repeatable and not has_begun:
            return pause_s
        raise error_class(failure.code)(
            failure.why,
            endpoint=fleet.ring.addresses[self._endpoint],
            attempts=self._count,
            trailing_metadata=failure.trailing_metadata,
        )
