# SPDX-License-Identifier: Apache-2.0
"""Acceptance check 3: both sequences hold the true mean at all times, as often as they say."""

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest

from penstock.rollout.bounded_mean import AsymptoticMean, BettingMean

ALPHA = 0.05
Values = npt.NDArray[np.float64]


def draws(kind: str, random: np.random.Generator, shape: tuple[int, int]) -> tuple[Values, float]:
    """Values of one kind, a row a run, and their mean."""
    match kind:
        case "rare":
            return random.binomial(1, 0.01, shape).astype(float), 0.01
        case "coin":
            return random.binomial(1, 0.5, shape).astype(float), 0.5
        case "beta":
            return random.beta(2.0, 5.0, shape), 2 / 7
        case _:
            return random.lognormal(0.0, 1.0, shape), math.exp(0.5)


def betting_misses(values: Values, mean: float) -> float:
    """The part of runs in which the betting sequence ever is without the mean: BettingMean, for
    all runs at once and only at that candidate.
    """
    t = np.arange(1, values.shape[1] + 1)
    means = (0.5 + np.cumsum(values, axis=1)) / (t + 1)
    squares = 0.25 + np.cumsum((values - means) ** 2, axis=1)
    before = np.hstack([np.full((len(values), 1), 0.25), squares[:, :-1]]) / t
    bets = np.sqrt(2 * math.log(2 / ALPHA) / (before * t * np.log1p(t)))
    gains = values - mean
    up = np.cumsum(np.log1p(np.minimum(bets, 0.5 / mean) * gains), axis=1)
    down = np.cumsum(np.log1p(-np.minimum(bets, 0.5 / (1 - mean)) * gains), axis=1)
    return float(np.mean(np.maximum(up, down).max(axis=1) >= math.log(2 / ALPHA)))


def asymptotic_misses(values: Values, mean: float, *, first: int, best_at: int) -> float:
    log = -2.0 * math.log(ALPHA)
    r2 = (log + math.log1p(log)) / best_at
    t = np.arange(1, values.shape[1] + 1)
    means = np.cumsum(values, axis=1) / t
    variances = np.maximum(np.cumsum(values**2, axis=1) / t - means**2, 0.0)
    grown = t * r2 + 1
    radii = np.sqrt(variances * 2 * grown / (t * t * r2) * np.log(np.sqrt(grown) / ALPHA))
    return float(np.mean((np.abs(means - mean) > radii)[:, first - 1 :].any(axis=1)))


def limit(runs: int) -> float:
    return ALPHA + 2.33 * math.sqrt(ALPHA * (1 - ALPHA) / runs)


def test_the_sequence_for_bounded_values_is_what_the_vectors_reckon() -> None:
    values, mean = draws("beta", np.random.default_rng(5), (40, 300))
    out = []
    for row in values:
        sequence = BettingMean(ALPHA, candidates=(mean,))
        is_out = False
        for value in row:
            sequence.add(float(value))
            is_out |= sequence.is_out(0)
        out.append(is_out)
    assert np.mean(out) == betting_misses(values, mean)


def test_the_sequence_for_unbounded_values_is_what_the_vectors_reckon() -> None:
    values, mean = draws("lognormal", np.random.default_rng(6), (30, 400))
    out = []
    for row in values:
        sequence = AsymptoticMean(ALPHA, best_at=200)
        is_out = False
        for count, value in enumerate(row, 1):
            sequence.add(float(value))
            low, high = sequence.interval()
            is_out |= count >= 20 and not low <= mean <= high
        out.append(is_out)
    assert np.mean(out) == asymptotic_misses(values, mean, first=20, best_at=200)


def test_the_interval_of_bounded_values_closes_about_their_mean() -> None:
    sequence = BettingMean(ALPHA)
    assert sequence.interval() == (0.0, 1.0)
    for value in np.random.default_rng(7).beta(2.0, 5.0, 1500):
        sequence.add(float(value))
    low, high = sequence.interval()
    assert low < 2 / 7 < high < low + 0.06


def test_constant_values_leave_an_interval_about_them() -> None:
    sequence = BettingMean(ALPHA)
    for _ in range(3000):
        sequence.add(1.0)
    low, high = sequence.interval()
    assert 0.98 < low < high == 1.0


@pytest.mark.parametrize("kind", ["rare", "coin", "beta"])
def test_the_betting_sequence_seldom_misses(kind: str) -> None:
    values, mean = draws(kind, np.random.default_rng(8), (300, 4000))
    assert betting_misses(values, mean) <= limit(300)


def test_the_asymptotic_sequence_seldom_misses_after_two_thousand_values() -> None:
    values, mean = draws("lognormal", np.random.default_rng(9), (200, 10_000))
    assert asymptotic_misses(values, mean, first=2000, best_at=2000) <= limit(200)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["rare", "coin", "beta", "lognormal"])
def test_no_sequence_misses_more_often_than_alpha_up_to_a_hundred_thousand(
    kind: str, record_property: Callable[[str, object], None]
) -> None:
    random = np.random.default_rng(10)
    chunks, runs = 50, 40
    misses = []
    for _ in range(chunks):
        values, mean = draws(kind, random, (runs, 100_000))
        if kind == "lognormal":
            misses.append(asymptotic_misses(values, mean, first=2000, best_at=2000))
        else:
            misses.append(betting_misses(values, mean))
    share = float(np.mean(misses))
    record_property(f"missed_{kind}", share)
    record_property("runs", chunks * runs)
    assert share <= limit(chunks * runs)
