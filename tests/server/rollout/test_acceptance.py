# SPDX-License-Identifier: Apache-2.0
"""Acceptance of the policy as a whole: who goes live, who is rolled back, and how soon.

The short form of each has few runs and fixed seeds; the slow one the number that its limit needs.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from tests.server.rollout.simulation import End, Simulation

from penstock.rollout.spec import RolloutSpec

Record = Callable[[str, object], None]
SPEC = RolloutSpec(shadow=None)


def flat(rate: float) -> Callable[[float], float]:
    return lambda second: rate


def day(second: float) -> float:
    """Ten times as high at noon as at midnight; a day of ten minutes."""
    return 0.005 * math.exp(0.5 * math.log(10.0) * math.sin(2 * math.pi * second / 600.0))


def outage(second: float) -> float:
    """Half of all requests fail for a minute, whoever answers them."""
    return 0.5 if 200.0 <= second < 260.0 else 0.005


def ends(runs: int, spec: RolloutSpec = SPEC, **world: Any) -> list[End]:
    return [Simulation(spec, seed=seed, **world).run() for seed in range(runs)]


def part(found: list[End], state: str) -> float:
    return float(np.mean([end.state == state for end in found]))


def at_most(chance: float, runs: int, deviations: float = 3.0) -> float:
    return chance + deviations * math.sqrt(chance * (1 - chance) / runs)


GOOD = dict[str, Any](rps=1000.0, rate=flat(0.005), tick_s=10.0, seconds_max=4 * 3600.0)
BAD = dict[str, Any](GOOD, ratio=1.25, seconds_max=1800.0)


def test_good_candidates_go_live() -> None:
    found = ends(12, **GOOD)
    assert part(found, "live") >= 0.9
    assert all(end.steps[0] == 100 and end.steps[-1] == 5000 for end in found)


def test_candidates_that_are_a_quarter_worse_do_not() -> None:
    assert part(ends(6, **BAD), "live") <= 0.17


def test_a_pair_without_any_error_goes_live() -> None:
    (end,) = ends(1, rps=200.0, rate=flat(0.0))
    assert (end.state, end.steps) == ("live", [100, 500, 2500, 5000])
    assert end.seconds < 600


@pytest.mark.parametrize("rate", [day, outage])
def test_candidates_that_are_as_good_are_not_rolled_back(rate: Callable[[float], float]) -> None:
    found = ends(12, rps=200.0, rate=rate, tick_s=5.0, seconds_max=900.0)
    assert part(found, "rolled_back") <= at_most(0.01, 12)


@pytest.mark.parametrize(("ratio", "seconds"), [(10.0, 60.0), (4.0, 400.0)])
def test_candidates_that_are_much_worse_are_rolled_back(ratio: float, seconds: float) -> None:
    spec = RolloutSpec(shadow=None, stages_bp=(500, 10_000))
    found = ends(8, spec, rps=1000.0, rate=flat(0.005), ratio=ratio, seconds_max=600.0)
    assert part(found, "rolled_back") == 1.0
    assert np.median([end.seconds for end in found]) <= seconds


def test_a_candidate_that_alone_fails_is_rolled_back_at_its_third_error() -> None:
    spec = RolloutSpec(shadow=None, stages_bp=(500, 10_000))
    found = ends(8, spec, rps=200.0, rate=flat(0.0), canary_rate=0.01)
    assert part(found, "rolled_back") == 1.0
    assert np.median([end.canary_requests for end in found]) <= 500


def test_low_traffic_alone_decides_nothing() -> None:
    found = ends(4, rps=0.5, rate=flat(0.02), tick_s=30.0, seconds_max=3600.0)
    assert [end.state for end in found] == ["canary"] * 4


@pytest.mark.slow
def test_good_candidates_go_live_in_95_of_100_and_worse_ones_in_5(record_property: Record) -> None:
    good, bad = ends(1000, **GOOD), ends(1000, **BAD)
    record_property("good_live", part(good, "live"))
    record_property("good_rolled_back", part(good, "rolled_back"))
    record_property("good_median_s", float(np.median([end.seconds for end in good])))
    record_property("quarter_worse_live", part(bad, "live"))
    record_property("quarter_worse_rolled_back", part(bad, "rolled_back"))
    record_property("runs", 1000)
    assert part(good, "live") >= 0.95
    assert part(bad, "live") <= 0.05


@pytest.mark.slow
@pytest.mark.parametrize("alpha", [0.05, 0.01])
@pytest.mark.parametrize("rate", [day, outage])
def test_false_rollbacks_stay_within_alpha_with_the_policy_in_the_loop(
    alpha: float, rate: Callable[[float], float], record_property: Record
) -> None:
    spec = RolloutSpec.model_validate({"shadow": None, "guardrails": {"alpha": alpha}})
    runs = 1000
    found = ends(runs, spec, rps=200.0, rate=rate, tick_s=5.0, seconds_max=1200.0)
    record_property("rolled_back", part(found, "rolled_back"))
    record_property("held", part(found, "held"))
    record_property("runs", runs)
    assert part(found, "rolled_back") <= at_most(alpha, runs)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("bp", "ratio", "requests"),
    [(100, 4.0, 40_600), (500, 2.0, 58_100), (500, 4.0, 8_300), (500, 10.0, 1_800)],
)
def test_worse_candidates_are_found_after_the_median_of_requests(
    bp: int, ratio: float, requests: int, record_property: Record
) -> None:
    """All of alpha on the errors; the look is each 100 requests, so half of that is added."""
    spec = RolloutSpec.model_validate(
        {"shadow": None, "stages_bp": [bp, 10_000], "dwell_s": 3600, "requests_min": 10**6}
    )
    world = dict[str, Any](rps=1000.0, rate=flat(0.005), ratio=ratio, seconds_max=900.0)
    found = ends(300, spec, tick_s=0.1 if ratio > 3 and bp > 100 else 1.0, **world)
    median = float(np.median([end.requests for end in found]))
    record_property("median_requests", median)
    record_property("reference", requests)
    record_property("missed", 1.0 - part(found, "rolled_back"))
    assert median <= 1.15 * requests + 1000 * (1.0 if ratio < 3 or bp == 100 else 0.1)
