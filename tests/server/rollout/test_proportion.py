# SPDX-License-Identifier: Apache-2.0
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.rollout.proportion import log_e_below, proportion_high, proportion_low


def test_about_3300_good_requests_show_a_rate_below_a_thousandth() -> None:
    assert proportion_high(0, 3300, 0.05) <= 0.001 < proportion_high(0, 3200, 0.05)
    assert proportion_high(1, 8000, 0.05) < 0.001  # one failure costs, and is no end
    assert proportion_low(3300, 3300, 0.05) >= 0.999


def test_nothing_is_known_before_the_first_outcome() -> None:
    assert (proportion_high(0, 0, 0.05), proportion_low(0, 0, 0.05)) == (1.0, 0.0)


@settings(deadline=None)
@given(st.integers(0, 200), st.integers(0, 50), st.floats(1e-4, 0.9), st.floats(0.0, 1.0))
def test_evidence_falls_on_average_while_the_chance_is_not_below(
    good: int, bad: int, proportion: float, more: float
) -> None:
    chance = proportion + more * (1 - proportion)
    now = math.exp(log_e_below(bad, good + bad, proportion))
    after_bad = math.exp(log_e_below(bad + 1, good + bad + 1, proportion))
    after_good = math.exp(log_e_below(bad, good + bad + 1, proportion))
    assert chance * after_bad + (1 - chance) * after_good <= now * (1 + 1e-9)


@settings(deadline=None)
@given(st.integers(0, 100), st.integers(0, 1000))
def test_the_bound_is_above_what_was_seen(bad: int, good: int) -> None:
    assert proportion_high(bad, good + bad, 0.05) >= bad / max(1, good + bad)


@pytest.mark.parametrize("chance", [0.001, 0.02, 0.5])
def test_the_bound_misses_the_chance_no_more_often_than_it_may(chance: float) -> None:
    random = np.random.default_rng(1)
    looks = np.unique(np.geomspace(1, 20_000, 60).astype(int))
    steps = np.diff(looks, prepend=0)
    misses = 0
    for _ in range(400):
        bad = np.cumsum(random.binomial(steps, chance))
        misses += any(
            log_e_below(int(b), int(n), chance) >= -math.log(0.05)
            for b, n in zip(bad, looks, strict=True)
        )
    assert misses / 400 <= 0.05 + 2.33 * math.sqrt(0.05 * 0.95 / 400)
