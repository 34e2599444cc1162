# SPDX-License-Identifier: Apache-2.0
"""Bounds and what is found: who passes, and what is said of those who do not."""

import math

import pytest

from penstock_training.evaluate.intervals import Estimate
from penstock_training.evaluate.verdict import GroupScore, judge, judge_latency
from penstock_training.spec import GroupSpec, Guardrail, ProblemSpec


def problem(**more: object) -> ProblemSpec:
    return ProblemSpec.model_validate(
        {"task": "binary", "target": "y", "metric": "accuracy"} | more
    )


FOUND = {
    "accuracy": Estimate(value=0.9, low=0.85, high=0.94),
    "log_loss": Estimate(value=0.3, low=0.2, high=0.4),
    "recall": Estimate(value=0.7, low=0.6, high=0.8),
    "roc_auc": Estimate(value=math.nan),
}


def test_without_bounds_everything_is_accepted() -> None:
    verdict = judge(problem(), FOUND, [], 10)
    assert (verdict.accepted, verdict.checks, verdict.reasons) == (True, (), [])


@pytest.mark.parametrize(
    ("metric", "threshold", "accepted"),
    [
        ("accuracy", 0.9, True),
        ("accuracy", 0.91, False),
        ("log_loss", 0.3, True),
        ("log_loss", 0.29, False),
    ],
)
def test_a_threshold_is_a_floor_or_of_a_loss_a_ceiling(
    metric: str, threshold: float, accepted: bool
) -> None:
    verdict = judge(problem(metric=metric, threshold=threshold), FOUND, [], 10)
    assert verdict.accepted is accepted


def test_a_reason_says_what_was_found_and_what_was_wanted() -> None:
    verdict = judge(problem(threshold=0.95), FOUND, [], 10)
    assert verdict.reasons == [
        "metric accuracy is 0.9 (0.85 to 0.94), wanted at least 0.95: missed."
    ]


def test_a_bound_within_the_interval_is_met_without_being_sure() -> None:
    near, far = (judge(problem(threshold=t), FOUND, [], 10).checks[0] for t in (0.87, 0.5))
    assert (near.passed, near.is_sure) == (True, False)
    assert (far.passed, far.is_sure) == (True, True)


def test_every_guardrail_counts() -> None:
    guards = (Guardrail(metric="recall", at_least=0.8), Guardrail(metric="log_loss", at_most=0.5))
    verdict = judge(problem(guardrails=guards), FOUND, [], 10)
    assert not verdict.accepted
    assert [check.passed for check in verdict.checks] == [False, True]


def test_what_cannot_be_computed_does_not_pass() -> None:
    guard = Guardrail(metric="roc_auc", at_least=0.5)
    verdict = judge(problem(guardrails=(guard,)), FOUND, [], 10)
    assert verdict.checks[0].found is None
    assert verdict.reasons == [
        "guardrail roc_auc cannot be computed of these rows, wanted at least 0.5."
    ]


def test_a_group_that_is_too_small_is_told_and_not_judged() -> None:
    spec = GroupSpec(column="city", metric="accuracy", at_least=0.8, rows_min=30)
    scores = [
        GroupScore(name="city = a", rows=30, estimate=Estimate(value=0.5)),
        GroupScore(name="city = b", rows=29, estimate=Estimate(value=0.5)),
    ]
    verdict = judge(problem(groups=(spec,)), FOUND, [(spec, scores)], 10)
    assert verdict.reasons == ["accuracy of group city = a is 0.5, wanted at least 0.8: missed."]


def test_a_model_that_is_too_large_is_refused() -> None:
    assert judge(problem(size_bytes_max=10), FOUND, [], 10).accepted
    assert not judge(problem(size_bytes_max=9), FOUND, [], 10).accepted


def test_a_latency_is_judged_only_where_a_bound_is_set_and_unknown_does_not_pass() -> None:
    assert judge_latency(problem(), math.nan).accepted
    assert judge_latency(problem(latency_us_max=5), 4.9).accepted
    assert not judge_latency(problem(latency_us_max=5), 5.1).accepted
    assert not judge_latency(problem(latency_us_max=5), math.nan).accepted
