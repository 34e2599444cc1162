# SPDX-License-Identifier: Apache-2.0
"""Acceptance check 5, its part on the sample ratio, and the arithmetic behind."""

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest

from penstock.rollout.split import KAPPA, log_e_split

ALPHA = 1e-4
STEP = 50
log_gamma: Callable[[npt.NDArray[np.float64]], npt.NDArray[np.float64]] = np.vectorize(math.lgamma)


def largest_evidence(chance: float, runs: int, keys: int, seed: int) -> npt.NDArray[np.float64]:
    """Of each run the largest log E in looks every 50 keys at a split that is set to 1/2."""
    random = np.random.default_rng(seed)
    looks = keys // STEP
    totals = np.arange(1, looks + 1) * STEP
    table = log_gamma(KAPPA / 2 + np.arange(keys + 1.0))
    constant = math.lgamma(KAPPA) - 2 * math.lgamma(KAPPA / 2)
    grown = constant - log_gamma(KAPPA + totals.astype(float)) + totals * math.log(2.0)
    found = []
    for _ in range(runs):
        first = np.cumsum(random.binomial(STEP, chance, size=looks))
        found.append(float((table[first] + table[totals - first] + grown).max()))
    return np.array(found)


def test_the_evidence_is_the_mean_of_likelihood_ratios() -> None:
    """Against a numerical integral over the prior, for two arms."""
    p = np.linspace(0.0, 1.0, 200_001)[1:-1]
    a, b = KAPPA * 0.3, KAPPA * 0.7
    log_prior = (a - 1) * np.log(p) + (b - 1) * np.log1p(-p)
    log_ratio = 40 * np.log(p / 0.3) + 60 * np.log((1 - p) / 0.7)
    weights = np.exp(log_prior - log_prior.max())
    mean = float((weights * np.exp(log_ratio)).sum() / weights.sum())
    assert math.isclose(log_e_split([40, 60], [0.3, 0.7]), math.log(mean), rel_tol=1e-6)


def test_a_key_of_each_arm_is_worth_nothing_on_average() -> None:
    shares = [0.98, 0.01, 0.01]
    now = math.exp(log_e_split([970, 12, 8], shares))
    after = [
        math.exp(log_e_split([970 + (i == 0), 12 + (i == 1), 8 + (i == 2)], shares))
        for i in range(3)
    ]
    assert math.isclose(sum(s * e for s, e in zip(shares, after, strict=True)), now, rel_tol=1e-9)


def test_a_split_that_is_wrong_by_a_point_is_found() -> None:
    evidence = largest_evidence(0.51, runs=200, keys=150_000, seed=1)
    assert np.mean(evidence >= -math.log(ALPHA)) >= 0.96  # 0.99 less the chance of 200 runs


def test_a_split_that_is_right_is_not_frozen() -> None:
    assert largest_evidence(0.5, runs=200, keys=150_000, seed=2).max() < -math.log(ALPHA)


@pytest.mark.slow
def test_a_wrong_split_is_found_and_a_right_one_left_alone(
    record_property: Callable[[str, object], None],
) -> None:
    wrong = largest_evidence(0.51, runs=10_000, keys=150_000, seed=3) >= -math.log(ALPHA)
    right = largest_evidence(0.5, runs=10_000, keys=150_000, seed=4) >= -math.log(ALPHA)
    record_property("found_of_51_49_in_150k_keys", float(wrong.mean()))
    record_property("frozen_of_50_50", float(right.mean()))
    record_property("runs", 10_000)
    assert wrong.mean() >= 0.99
    assert right.sum() <= 4  # 1 expected at most; 5 or more have a chance below 1 %
