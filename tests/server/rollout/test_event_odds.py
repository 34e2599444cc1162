# SPDX-License-Identifier: Apache-2.0
"""The test of bad events against its definition, and against what its source promises."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.rollout.event_odds import (
    NOT_WORSE_RATIOS,
    WORSE_RATIOS,
    EventCount,
    log_e_not_worse,
    log_e_worse,
    ratio_high,
    ratio_interval,
    ratio_low,
)

SHARES = (0.01, 0.05, 0.25, 0.5)
EVENTS = st.lists(st.tuples(st.sampled_from(SHARES), st.booleans()), max_size=60)


def counted(events: list[tuple[float, bool]]) -> list[EventCount]:
    return [
        EventCount(
            share=share,
            canary=sum(is_canary for one, is_canary in events if one == share),
            baseline=sum(not is_canary for one, is_canary in events if one == share),
        )
        for share in SHARES
    ]


def chance(theta: float, share: float) -> float:
    return share * theta / (1 - share + share * theta)


def by_definition(
    events: list[tuple[float, bool]], alternatives: list[float], null: float
) -> float:
    products = []
    for theta in alternatives:
        product = 1.0
        for share, is_canary in events:
            p, p0 = chance(theta, share), chance(null, share)
            product *= p / p0 if is_canary else (1 - p) / (1 - p0)
        products.append(product)
    return sum(products) / len(products)


@settings(deadline=None)
@given(EVENTS, st.sampled_from([1.0, 1.2, 2.0]))
def test_counts_give_what_the_events_give_one_by_one(
    events: list[tuple[float, bool]], tolerated: float
) -> None:
    worse = by_definition(events, [tolerated * ratio for ratio in WORSE_RATIOS], tolerated)
    assert math.isclose(math.exp(log_e_worse(counted(events), tolerated)), worse, rel_tol=1e-9)
    fit = by_definition(events, list(NOT_WORSE_RATIOS), 1.25)
    assert math.isclose(math.exp(log_e_not_worse(counted(events), 0.25)), fit, rel_tol=1e-9)


@settings(deadline=None)
@given(EVENTS, st.sampled_from(SHARES))
def test_while_both_are_alike_the_next_event_is_worth_nothing_on_average(
    events: list[tuple[float, bool]], share: float
) -> None:
    now = math.exp(log_e_worse(counted(events)))
    after = [math.exp(log_e_worse(counted([*events, (share, bad)]))) for bad in (True, False)]
    assert math.isclose(share * after[0] + (1 - share) * after[1], now, rel_tol=1e-9)


@settings(deadline=None)
@given(EVENTS, st.sampled_from(SHARES), st.floats(0.01, 1.0))
def test_below_what_is_tolerated_evidence_falls_on_average(
    events: list[tuple[float, bool]], share: float, theta: float
) -> None:
    p = chance(1.3 * theta, share)
    now = math.exp(log_e_worse(counted(events), 1.3))
    after = [math.exp(log_e_worse(counted([*events, (share, bad)]), 1.3)) for bad in (True, False)]
    assert p * after[0] + (1 - p) * after[1] <= now * (1 + 1e-9)


def test_the_first_three_errors_of_a_clean_pair_at_five_percent_are_enough() -> None:
    evidence = [math.exp(log_e_worse([EventCount(share=0.05, canary=n, baseline=0)])) for n in
                (1, 2, 3)]  # fmt: skip
    assert evidence == pytest.approx([5.75, 51.4, 579.2], rel=1e-3)
    assert evidence[1] < 1 / (0.01 * 0.8) <= evidence[2]


@settings(deadline=None)
@given(EVENTS)
def test_the_interval_holds_what_no_test_rejects(events: list[tuple[float, bool]]) -> None:
    counts = counted(events)
    low, high = ratio_interval(counts)
    assert 0.0 <= low <= high
    canary = sum(one.canary for one in counts)
    if not canary:
        assert low == 0.0
    if canary == len(events):
        assert high == math.inf


@pytest.mark.parametrize("theta", [0.5, 1.0, 2.0])
def test_the_interval_closes_about_the_true_ratio(theta: float) -> None:
    counts = [
        EventCount(share=share, canary=round(n * chance(theta, share)), baseline=0)
        for share, n in ((0.05, 4000), (0.5, 4000))
    ]
    counts = [
        EventCount(share=one.share, canary=one.canary, baseline=4000 - one.canary) for one in counts
    ]
    low, high = ratio_interval(counts)
    assert 0.85 * theta < low < theta < high < 1.17 * theta
    assert ratio_low(counts, 0.2) > low and ratio_high(counts, 0.2) < high


def test_nothing_is_known_without_events() -> None:
    assert log_e_worse([]) == log_e_not_worse([], 0.25) == 0.0
    assert ratio_interval([]) == (0.0, math.inf)
