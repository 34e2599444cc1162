# SPDX-License-Identifier: Apache-2.0
"""The long forms of `judging_trials` and `routing_trials`: as many runs as their limits need.

What they find is kept by `benchmarks.slow_results`.
"""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
RUN_SECONDS_MAX = 900
#: Of simulated rollouts, and of keys.
RUNS = 10_000
KEYS = 10_000_000

pytestmark = pytest.mark.slow

Figures = dict[str, float]


@pytest.fixture(scope="module")
def program() -> Path:
    """The program of the trials, up to date and optimised."""
    built = subprocess.run(
        [ROOT / "benchmarks/traffic/build.sh"], capture_output=True, text=True, check=False
    )
    assert built.returncode == 0, built.stderr
    return ROOT / "benchmarks/build/traffic_trials"


@pytest.fixture
def figures(
    program: Path, record_property: Callable[[str, object], None]
) -> Callable[[str, int], Figures]:
    """Runs a trial and gives what it found, which the report gets as well."""

    def run(trial: str, count: int) -> Figures:
        ran = subprocess.run(
            [program, trial, str(count)], capture_output=True, text=True, timeout=RUN_SECONDS_MAX
        )
        assert ran.returncode == 0, ran.stderr
        lines = [line.split("\t") for line in ran.stdout.splitlines()]
        found = {name: float(value) for name, value in lines}
        record_property("count", count)
        for name, value in found.items():
            record_property(name, value)
        return found

    return run


def test_a_good_canary_is_rolled_back_no_more_often_than_alpha_says(
    figures: Callable[[str, int], Figures],
) -> None:
    """Looked at after every event, through a ramp, tenfold swings and an outage of both arms."""
    found = figures("null_days", RUNS)
    assert found["false_rollbacks_at_5_percent"] <= found["most_at_5_percent"]
    assert found["false_rollbacks_at_1_percent"] <= found["most_at_1_percent"]


def test_a_storm_of_retries_rolls_back_no_good_canary(
    figures: Callable[[str, int], Figures],
) -> None:
    found = figures("storms", RUNS)
    assert found["false_rollbacks_at_5_percent"] <= found["most_at_5_percent"]
    assert found["false_rollbacks_at_1_percent"] <= found["most_at_1_percent"]


def test_it_would_if_each_failure_counted(figures: Callable[[str, int], Figures]) -> None:
    found = figures("storms_counted", RUNS // 10)
    assert found["false_rollbacks_at_5_percent"] > found["most_at_5_percent"]
    assert found["false_rollbacks_at_1_percent"] > found["most_at_1_percent"]


def test_a_bad_canary_is_found_within_the_requests_that_were_measured(
    figures: Callable[[str, int], Figures],
) -> None:
    found = figures("detection", RUNS)
    medians = [name for name in found if name.endswith("median_requests")]
    assert len(medians) == 5
    for name in medians:
        assert found[name] <= 1.15 * found[name.replace("median_requests", "median_wanted")], name


def test_keys_fall_into_all_buckets_alike(figures: Callable[[str, int], Figures]) -> None:
    assert 0.001 < figures("uniformity", KEYS)["chance_of_chi_square"] < 0.999


def test_arms_get_the_share_that_they_have(figures: Callable[[str, int], Figures]) -> None:
    assert max(figures("shares", KEYS).values()) <= 4.0


def test_no_key_leaves_an_arm_that_grows(figures: Callable[[str, int], Figures]) -> None:
    assert figures("ramp", 1_000_000) == {"moved_keys": 0.0}


def test_another_salt_deals_keys_anew(figures: Callable[[str, int], Figures]) -> None:
    assert abs(figures("salts", 1_000_000)["correlation"]) < 0.004
