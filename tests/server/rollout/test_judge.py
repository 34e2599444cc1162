# SPDX-License-Identifier: Apache-2.0
"""The twin of the core's judge: the cases of tests/cpp/test_judging_judge.cc, by their numbers."""

from dataclasses import replace

import pytest

from penstock.rollout.evidence import BadEvent
from penstock.rollout.judge import Judge, JudgeOptions

EVENT = BadEvent(
    wall_ms=1,
    guardrail="errors",
    kind="error",
    is_canary=True,
    epoch=0,
    canary_bp=500,
    both_bp=10_000,
    key_hash=0,
    canary_good=50,
    baseline_good=1000,
)


def taken(judge: Judge, events: list[BadEvent]) -> list[bool]:
    return [judge.take(event) for event in events]


def test_the_third_error_of_a_clean_pair_rolls_back() -> None:
    judge = Judge(JudgeOptions())
    taken(judge, [replace(EVENT, key_hash=key) for key in range(2)])
    assert judge.verdict is None
    judge.take(replace(EVENT, key_hash=2, wall_ms=9))
    assert judge.verdict is not None
    assert (judge.verdict.cause, judge.verdict.wall_ms) == ("evidence", 9)
    assert judge.verdict.log_e == pytest.approx(6.3617, abs=1e-3)
    assert judge.take(replace(EVENT, key_hash=3)) is False


def test_only_the_first_bad_event_of_a_key_counts() -> None:
    judge = Judge(JudgeOptions())
    assert taken(judge, [EVENT] * 50) == [True] + [False] * 49
    assert (judge.verdict, judge.repeats) == (None, 49)
    assert judge.take(replace(EVENT, guardrail="latency", kind="slow")) is True


def test_non_finite_answers_end_it_while_the_baseline_has_none() -> None:
    nan = replace(EVENT, kind="non_finite")
    judge = Judge(JudgeOptions())
    judge.take(nan)
    assert judge.verdict is not None and judge.verdict.cause == "non_finite"
    judge = Judge(JudgeOptions())
    taken(judge, [replace(nan, is_canary=False), nan])
    assert judge.verdict is None
    judge = Judge(JudgeOptions(breaks_on_non_finite=False))
    judge.take(nan)
    assert judge.verdict is None


def test_first_failures_end_it_while_the_baseline_answers() -> None:
    first = replace(EVENT, canary_good=0, canary_bp=5000)
    judge = Judge(JudgeOptions())
    taken(judge, [replace(first, key_hash=key, baseline_good=100 + key) for key in range(3)])
    assert judge.verdict is not None and judge.verdict.cause == "first_failures"
    judge = Judge(JudgeOptions())
    taken(judge, [replace(first, key_hash=key) for key in range(3)])
    assert judge.verdict is None  # the baseline answered nothing meanwhile


def test_an_event_while_the_canary_had_all_is_no_evidence() -> None:
    judge = Judge(JudgeOptions(first_failures=0))
    taken(judge, [replace(EVENT, key_hash=key, canary_bp=10_000) for key in range(50)])
    assert (judge.log_e("errors"), judge.verdict) == (0.0, None)
