# SPDX-License-Identifier: Apache-2.0
"""The judges of bench_canary_judges: Penstock's is its twin, the rivals do what they say."""

from dataclasses import replace

import numpy as np
import pytest
from benchmarks.canary.judges import (
    by_event,
    by_mann_whitney,
    by_threshold,
    evidence_of,
    is_high,
)
from benchmarks.canary.streams import World, stream_of

from penstock.rollout.evidence import BadEvent
from penstock.rollout.judge import Judge, JudgeOptions

RAMP = ((60, 100), (60, 500), (60, 5000))


@pytest.mark.parametrize("world", [World(retries=2), World(ratio=5.0), World(poison_keys=20)])
def test_all_events_at_once_give_what_the_twin_finds_one_by_one(world: World) -> None:
    stream = stream_of(world, 3, ramp=RAMP)
    judge = Judge(JudgeOptions(alpha=1e-12, first_failures=0))
    log_e, when = evidence_of(stream)
    counted = []
    for second, is_canary, key in zip(
        stream.events_second, stream.events_canary, stream.events_key, strict=True
    ):
        event = BadEvent(
            wall_ms=0,
            guardrail="errors",
            kind="error",
            is_canary=bool(is_canary),
            epoch=0,
            canary_bp=round(stream.shares[second] * 10_000),
            both_bp=10_000,
            key_hash=int(key) % 2**64,
            canary_good=1,
            baseline_good=1,
        )
        if judge.take(event):
            counted.append(judge.log_e("errors"))
    assert counted == pytest.approx(log_e[: len(counted)].tolist(), abs=1e-9)
    assert len(when) == len(log_e) >= len(counted) > 50


def test_a_stream_has_the_rates_of_its_world() -> None:
    stream = stream_of(World(ratio=3.0, base_rate=0.01), 1)
    assert stream.canary_bad.sum() / stream.canary.sum() == pytest.approx(0.03, rel=0.05)
    assert stream.control_bad.sum() / stream.control.sum() == pytest.approx(0.01, rel=0.1)
    assert (np.diff(stream.events_second) >= 0).all()
    again = stream_of(World(ratio=3.0, base_rate=0.01), 1)
    assert (again.events_second == stream.events_second).all()


def test_retries_are_events_of_the_key_that_failed() -> None:
    stream = stream_of(World(retries=4), 1, ramp=RAMP)
    keys, counts = np.unique(stream.events_key, return_counts=True)
    assert counts.max() == 5 and len(keys) > 100


def test_the_threshold_rule_rolls_back_a_look_after_its_last_check_failed() -> None:
    bad = stream_of(World(ratio=20.0), 1)
    assert by_threshold(bad) == 60 * 6
    assert by_threshold(bad, checks_max=1) == 120
    assert by_threshold(replace(bad, canary=bad.canary * 0)) == 60 * 6  # no traffic fails as well
    assert by_threshold(stream_of(World(base_rate=0.0), 1)) is None


def test_the_rank_test_needs_points_and_errors_of_both() -> None:
    points = np.linspace(0.01, 0.02, 30)
    assert is_high(points + 0.05, points, tolerance=0.25)
    assert not is_high(points, points + 0.05, tolerance=0.25)
    assert not is_high(points + 0.05, points * 0.0, tolerance=0.25)
    assert not is_high(points[:2] + 0.05, points[:2], tolerance=0.25)
    assert by_mann_whitney(stream_of(World(ratio=20.0), 1)) == 600


def test_a_canary_that_is_ten_times_worse_is_found_by_events_first() -> None:
    stream = stream_of(World(ratio=10.0), 2)
    ours, threshold = by_event(stream), by_threshold(stream)
    assert ours is not None and threshold is not None and ours < threshold
