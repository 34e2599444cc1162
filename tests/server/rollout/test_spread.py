# SPDX-License-Identifier: Apache-2.0
import math

import numpy as np
import numpy.typing as npt
import pytest

from penstock.rollout.spread import BinCounts, log_e_spread

BINS = np.array([0.02, 0.08, 0.2, 0.4, 0.2, 0.08, 0.02])


def counts(share: float, canary: list[int], baseline: list[int]) -> BinCounts:
    return BinCounts(share=share, canary=tuple(canary), baseline=tuple(baseline))


def largest_evidence(
    canary: npt.NDArray[np.float64], *, tolerance: float, seed: int, looks: int = 25
) -> float:
    """Of one rollout at 1, 5, 25 and 50 %, looked at `looks` times at each; 500 answers a look."""
    random = np.random.default_rng(seed)
    baseline_rates = BINS / BINS.sum()
    past: list[BinCounts] = []
    largest = 0.0
    for share in (0.01, 0.05, 0.25, 0.5):
        sums = np.zeros((2, len(BINS)), dtype=int)
        for _ in range(looks):
            here = random.binomial(500, share)
            sums[0] += random.multinomial(here, canary / canary.sum())
            sums[1] += random.multinomial(500 - here, baseline_rates)
            now = counts(share, sums[0].tolist(), sums[1].tolist())
            largest = max(largest, log_e_spread([*past, now], tolerance))
        past.append(now)
    return largest


def test_no_answers_are_no_evidence() -> None:
    assert log_e_spread([], 0.25) == 0.0
    assert math.isclose(log_e_spread([counts(0.5, [0, 0], [0, 0])], 0.25), 0.0, abs_tol=1e-12)


def test_either_direction_counts() -> None:
    more = log_e_spread([counts(0.5, [90, 10], [50, 50])], 0.25)
    fewer = log_e_spread([counts(0.5, [50, 50], [90, 10])], 0.25)
    assert more > math.log(20) and fewer > math.log(20)


@pytest.mark.parametrize(("factor", "chance"), [(1.0, 0.05), (1.25, 0.05)])
def test_a_spread_within_the_tolerance_is_seldom_taken_for_another(
    factor: float, chance: float
) -> None:
    """At the tolerance's edge as well: two bins are fuller by `factor`."""
    canary = BINS * np.where(np.arange(len(BINS)) % 2, factor, 1.0)
    canary[3] -= canary.sum() - BINS.sum()
    runs = [largest_evidence(canary, tolerance=0.25, seed=seed) for seed in range(40)]
    limit = chance + 2.33 * math.sqrt(chance * (1 - chance) / len(runs))
    assert np.mean(np.array(runs) >= math.log(20)) <= limit


def test_a_spread_that_moved_by_half_a_bin_is_found() -> None:
    moved = 0.5 * (BINS + np.roll(BINS, 1))
    runs = [largest_evidence(moved, tolerance=0.25, seed=seed) for seed in range(10)]
    assert min(runs) >= -math.log(0.01 * 0.3)
