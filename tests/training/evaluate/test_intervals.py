# SPDX-License-Identifier: Apache-2.0
"""Intervals that hold what they promise, and none where there is nothing to resample."""

import math

import numpy as np
import pytest

from penstock_training.evaluate.intervals import (
    DRAWS_MAX,
    RESAMPLES_MIN,
    estimates,
    interval,
    resampled,
    resamples_of,
)
from penstock_training.evaluate.predictions import Predictions


def rows_with_errors(wrong: int, rows: int) -> Predictions:
    predicted = np.tile([0.2, 0.8], (rows, 1))
    target = np.ones(rows, dtype=np.int64)
    target[:wrong] = 0
    return Predictions(task="binary", target=target, predicted=predicted, classes=("a", "b"))


def test_an_interval_covers_the_truth_as_often_as_it_says() -> None:
    draws = np.random.default_rng(0)
    covered = 0
    for seed in range(200):
        wrong = int(draws.binomial(120, 0.2))
        found = estimates(
            ["accuracy"],
            rows_with_errors(wrong, 120),
            resamples=300,
            confidence=0.9,
            seed=seed,
        )["accuracy"]
        assert found.low is not None and found.high is not None
        covered += found.low <= 0.8 <= found.high
    # A binomial of 200 at 0.9 lies within this but for one in a thousand.
    assert 165 <= covered <= 194


def test_the_same_seed_gives_the_same_interval_and_another_one_another() -> None:
    rows = rows_with_errors(20, 100)
    one, same, other = (
        estimates(["log_loss"], rows, resamples=200, confidence=0.95, seed=seed)
        for seed in (3, 3, 4)
    )
    assert one == same
    assert one != other


def test_rows_of_which_none_is_wrong_have_no_interval() -> None:
    rows = rows_with_errors(0, 50)
    found = estimates(["accuracy"], rows, resamples=200, confidence=0.95, seed=0)["accuracy"]
    assert found.value == 1.0
    assert (found.low, found.high) == (None, None)


def test_without_resamples_there_is_an_estimate_and_no_interval() -> None:
    rows = rows_with_errors(10, 50)
    found = estimates(["accuracy"], rows, resamples=0, confidence=0.95, seed=0)["accuracy"]
    assert (found.value, found.low) == (0.8, None)


def test_a_metric_that_most_resamples_cannot_compute_has_no_interval() -> None:
    assert interval(0.5, np.array([math.nan, math.nan, math.nan, 0.4, 0.6]), 0.95) == (None, None)


def test_the_calibration_error_is_not_pushed_up_by_drawing_rows_anew() -> None:
    draws = np.random.default_rng(2)
    chance = draws.random(400)
    target = (draws.random(400) < chance).astype(np.int64)
    rows = Predictions(
        task="binary",
        target=target,
        predicted=np.column_stack([1 - chance, chance]),
        classes=(0, 1),
    )
    found = estimates(["ece"], rows, resamples=300, confidence=0.9, seed=0)["ece"]
    assert found.low is not None and found.low < found.value


@pytest.mark.parametrize(
    ("asked", "rows", "wanted"),
    [
        (1000, 500, 1000),
        (0, 500, 0),
        (1000, 0, 0),
        (1000, DRAWS_MAX // 400, 400),
        (1000, DRAWS_MAX, RESAMPLES_MIN),
        (50, DRAWS_MAX, 50),
    ],
)
def test_the_work_of_resampling_is_bounded(asked: int, rows: int, wanted: int) -> None:
    assert resamples_of(asked, rows) == wanted


def test_every_resample_draws_as_many_rows_as_there_are() -> None:
    blocks = list(resampled(7, 5, 0))
    weights = np.concatenate(blocks)
    assert weights.shape == (5, 7)
    assert weights.sum(axis=1).tolist() == [7.0] * 5
