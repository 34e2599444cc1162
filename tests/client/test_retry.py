# SPDX-License-Identifier: Apache-2.0
"""Retries are decided from the failure, the budget, the deadline and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock_client.retry import RetryBudget, RetryPolicy, next_pause_s

POLICY = RetryPolicy(attempts_max=4, backoff_first_s=0.1, backoff_max_s=1.0)


def pause_after(
    *,
    code: str = "UNAVAILABLE",
    attempts: int = 1,
    deadline_s: float | None = None,
    random: float = 0.5,
    budget: RetryBudget | None = None,
) -> float | None:
    return next_pause_s(
        POLICY,
        budget or RetryBudget(POLICY),
        code=code,
        attempts=attempts,
        now_s=100.0,
        deadline_s=deadline_s,
        random=random,
    )


@pytest.mark.parametrize(
    "code", ["INTERNAL", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED", "CANCELLED", "UNKNOWN"]
)
def test_only_unavailable_is_tried_again(code: str) -> None:
    assert pause_after() is not None
    assert pause_after(code=code) is None


def test_the_wait_doubles_up_to_its_ceiling() -> None:
    assert [POLICY.backoff_s(failures, random=0.5) for failures in (1, 2, 3, 4, 5, 6)] == [
        pytest.approx(seconds) for seconds in (0.05, 0.1, 0.2, 0.4, 0.5, 0.5)
    ]


@given(st.integers(1, 10**6), st.floats(0, 1, exclude_max=True))
def test_a_wait_is_never_negative_nor_above_the_ceiling(failures: int, random: float) -> None:
    assert 0 <= POLICY.backoff_s(failures, random=random) <= POLICY.backoff_max_s


def test_attempts_end_at_their_maximum() -> None:
    assert pause_after(attempts=3) is not None
    assert pause_after(attempts=4) is None


def test_no_wait_reaches_the_deadline() -> None:
    assert pause_after(deadline_s=100.06) == pytest.approx(0.05)
    assert pause_after(deadline_s=100.05) is None
    assert pause_after(deadline_s=99.0) is None


def test_a_budget_at_half_allows_no_retry_until_successes_refill_it() -> None:
    budget = RetryBudget(POLICY)
    for _ in range(4):
        budget.record_failure()
        assert budget.allows_retry
    budget.record_failure()
    assert not budget.allows_retry
    assert pause_after(budget=budget) is None
    budget.record_success()
    assert budget.allows_retry


@given(st.lists(st.booleans(), max_size=200))
def test_tokens_stay_between_none_and_all(outcomes: list[bool]) -> None:
    budget = RetryBudget(POLICY)
    for succeeded in outcomes:
        budget.record_success() if succeeded else budget.record_failure()
        assert 0 <= budget.tokens <= POLICY.tokens_max


@pytest.mark.parametrize(
    "wrong",
    [
        {"attempts_max": 0},
        {"backoff_first_s": -1.0},
        {"backoff_first_s": 3.0, "backoff_max_s": 2.0},
        {"backoff_multiplier": 0.5},
        {"tokens_max": 0.0},
        {"tokens_per_success": -0.1},
    ],
)
def test_a_policy_refuses_numbers_that_make_no_sense(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"must|between"):
        RetryPolicy(**wrong)  # type: ignore[arg-type]
