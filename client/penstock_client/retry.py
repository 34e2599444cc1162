# SPDX-License-Identifier: Apache-2.0
"""When a failed attempt may be repeated, and after how long. Decisions only: no clock, no IO.

Only UNAVAILABLE is ever repeated. Any other status is an answer, and the same request would get it
again. Note that a request may have reached the model before the connection broke, so a repeated
inference can run twice; give `retry=None` to a client where that matters.

Two things bound the repeats. Per call: `attempts_max` and the call's deadline. Per client: a
budget, as in gRPC's retry throttling. It starts full, each UNAVAILABLE takes one token out, each
success puts `tokens_per_success` back, and repeats are allowed only while it is more than half
full. So a passing hiccup is hidden, and an outage is not made worse by a storm of repeats.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["RetryBudget", "RetryPolicy", "next_pause_s"]

RETRYABLE_CODE = "UNAVAILABLE"


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How often, how fast and out of what budget. ValueError when a number makes no sense."""

    attempts_max: int = 4
    backoff_first_s: float = 0.05
    backoff_max_s: float = 2.0
    backoff_multiplier: float = 2.0
    tokens_max: float = 10.0
    tokens_per_success: float = 0.1

    def __post_init__(self) -> None:
        """Refuses numbers that make no sense."""
        if self.attempts_max < 1:
            raise ValueError(f"attempts_max must be at least 1, got {self.attempts_max}")
        if not 0 <= self.backoff_first_s <= self.backoff_max_s:
            raise ValueError(
                "backoff_first_s must be between 0 and backoff_max_s, "
                f"got {self.backoff_first_s} and {self.backoff_max_s}"
            )
        if self.backoff_multiplier < 1:
            raise ValueError(
                f"backoff_multiplier must be at least 1, got {self.backoff_multiplier}"
            )
        if self.tokens_max <= 0 or self.tokens_per_success < 0:
            raise ValueError("tokens_max must be positive and tokens_per_success not negative")

    def backoff_s(self, failures: int, *, random: float) -> float:
        """The wait after so many failures in a row, in seconds; `random` is in [0, 1).

        The wait is drawn from 0 up to a ceiling that grows with each failure, so that many
        clients that failed together do not come back together.
        """
        # The exponent is bounded because a float overflows near 2**1024.
        growth = self.backoff_multiplier ** min(failures - 1, 64)
        return random * min(self.backoff_max_s, self.backoff_first_s * growth)


class RetryBudget:
    """A client's tokens. Shared by its calls; whoever shares it between threads locks it."""

    def __init__(self, policy: RetryPolicy) -> None:
        """Starts full."""
        self._policy = policy
        self.tokens = policy.tokens_max

    def record_success(self) -> None:
        """A call was answered with OK."""
        self.tokens = min(self._policy.tokens_max, self.tokens + self._policy.tokens_per_success)

    def record_failure(self) -> None:
        """An attempt was answered with UNAVAILABLE."""
        self.tokens = max(0.0, self.tokens - 1.0)

    @property
    def allows_retry(self) -> bool:
        """True while more than half of the tokens are left."""
        return self.tokens > self._policy.tokens_max / 2


def next_pause_s(
    policy: RetryPolicy,
    budget: RetryBudget,
    *,
    code: str,
    attempts: int,
    now_s: float,
    deadline_s: float | None,
    random: float,
) -> float | None:
    """How long to wait before the next attempt, in seconds; None when there must be none.

    `attempts` counts those made, this failed one included. No wait ends at or after the deadline:
    the failure is then reported at once, because it says more than an expired deadline would.
    """
    if code != RETRYABLE_CODE or attempts >= policy.attempts_max or not budget.allows_retry:
        return None
    pause_s = policy.backoff_s(attempts, random=random)
    if deadline_s is not None and now_s + pause_s >= deadline_s:
        return None
    return pause_s
