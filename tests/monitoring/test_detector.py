# SPDX-License-Identifier: Apache-2.0
"""Scores, bets on them and what a tick makes of those: beside dull forms of the same."""

from typing import Any

import numpy as np
import pytest

from penstock_monitoring.coarse import REGULAR_MAX, coarse_starts
from penstock_monitoring.detector import Detector
from penstock_monitoring.multiplicity import alpha_of, ed_bh, log_limit
from penstock_monitoring.scores import BETS, bets_of, scores_of
from penstock_monitoring.tick import advance, advance_in_numpy

SHAPES = [
    (np.array([100] * 32 + [20, 0]), "number"),
    (np.array([5000, 1, 1, 300, 0, 3]), "number"),
    (np.array([0, 1000, 0, 0, 0]), "number"),
    (np.array([500, 300, 100, 50, 20, 10, 7, 0]), "category"),
    (np.array([1000, 0, 0]), "category"),
    (np.array([990, 10]), "present"),
    (np.zeros(34, dtype=np.int64), "number"),
]
shape = pytest.mark.parametrize(("counts", "reading"), SHAPES)


@shape
def test_scores_have_mean_zero_and_are_within_one(counts: Any, reading: str) -> None:
    scores = scores_of(counts, reading, 0.02)
    shares = counts / counts.sum() if counts.sum() else np.full(len(counts), 1 / len(counts))
    assert np.abs(scores.values @ shares).max() < 1e-12
    assert np.abs(scores.values).max() <= 1.0
    assert (scores.tolerances >= 0.005).all()


@shape
def test_no_bet_grows_in_the_mean_while_scores_are_within_tolerance(
    counts: Any, reading: str
) -> None:
    scores = scores_of(counts, reading, 0.02)
    bets = bets_of(scores).astype(np.float64)
    shares = counts / counts.sum() if counts.sum() else np.full(len(counts), 1 / len(counts))
    for place in range(len(shares)):
        # Shifted toward one place as far as every tolerance allows.
        moved = np.eye(len(shares))[place] - shares
        reach = np.abs(scores.values @ moved)
        step = min(1.0, *(scores.tolerances / np.maximum(reach, 1e-12)))
        edge = shares + step * moved
        assert (np.exp(bets) @ edge).max() <= 1 + 1e-9


def test_a_small_reference_is_tolerated_for_what_it_does_not_know() -> None:
    few = scores_of(np.array([10] * 5 + [0, 0]), "number", 0.02)
    many = scores_of(np.array([10_000] * 5 + [0, 0]), "number", 0.02)
    assert (few.tolerances > many.tolerances).all()
    assert many.tolerances[0] == 0.02


def random_tick(seed: int) -> list[Any]:
    random = np.random.default_rng(seed)
    tables = [bets_of(scores_of(counts, reading, 0.02)) for counts, reading in SHAPES]
    detector = Detector(tables)
    detector.sums[:] = random.normal(0, 5, len(detector.sums))
    counts = [random.poisson(3, table.shape[1]) for table in tables]
    return [tables, detector, np.concatenate(counts).astype(np.int64)]


@pytest.mark.parametrize("step", [advance, advance_in_numpy])
def test_a_tick_is_what_a_dull_loop_over_rows_says(step: Any) -> None:
    for seed in range(20):
        tables, detector, counts = random_tick(seed)
        before, onsets = detector.sums.copy(), detector.onsets.copy()
        step(
            detector._bets,
            detector._begins,
            detector._places,
            detector._rows,
            counts,
            77.0,
            detector.sums,
            detector.onsets,
            detector.log_e,
            detector.leaders,
        )
        first = place = 0
        for column, table in enumerate(tables):
            seen = counts[place : place + table.shape[1]]
            wanted = [
                max(before[first + row], 0.0)
                + sum(
                    float(gain) * int(count) for gain, count in zip(table[row], seen, strict=True)
                )
                for row in range(len(table))
            ]
            mine = slice(first, first + len(table))
            assert detector.sums[mine] == pytest.approx(wanted, abs=1e-4)
            is_anew = before[mine] <= 0
            assert (detector.onsets[mine] == np.where(is_anew, 77.0, onsets[mine])).all()
            assert detector.log_e[column] == pytest.approx(
                np.log(np.mean(np.exp(wanted))), abs=1e-4
            )
            assert wanted[detector.leaders[column]] == pytest.approx(max(wanted), abs=1e-4)
            first, place = first + len(table), place + len(seen)


def test_arrays_that_do_not_belong_together_are_refused() -> None:
    _, detector, counts = random_tick(0)
    with pytest.raises(ValueError, match=r"not belong together|reshape"):
        detector.update(counts[:-1], 0.0)


def test_a_restart_forgets_one_column_alone() -> None:
    _, detector, counts = random_tick(1)
    detector.update(counts, 5.0)
    kept = detector.log_e[1]
    detector.restart([0])
    assert detector.log_e[0] == 0.0 and detector.log_e[1] == kept
    assert detector.onset(0) is None


@pytest.mark.parametrize("counts", [np.arange(1, 67), np.array([9000] + [1] * 65), np.ones(258)])
def test_coarse_places_are_few_and_hold_all_rows(counts: Any) -> None:
    starts = coarse_starts(counts, "number")
    assert len(starts) <= REGULAR_MAX + 6
    assert starts[0] == 0 and (np.diff(starts) > 0).all()
    assert np.add.reduceat(counts, starts).sum() == counts.sum()
    assert list(starts[-2:]) == [len(counts) - 2, len(counts) - 1]


def test_a_value_that_many_rows_have_stays_a_place_of_its_own() -> None:
    counts = np.array([10] * 40 + [5000] + [10] * 23 + [0, 0])
    starts = coarse_starts(counts, "number").tolist()
    assert 40 in starts and 41 in starts


def test_the_largest_evidence_needs_least_when_there_is_much_of_it() -> None:
    alpha = alpha_of(1.0)
    limit = log_limit(10, alpha)
    alone = np.zeros(10)
    alone[3] = limit
    assert ed_bh(alone, alpha).tolist() == [place == 3 for place in range(10)]
    alone[3] = limit - 1e-9
    assert not ed_bh(alone, alpha).any()
    assert ed_bh(np.full(10, limit - np.log(10) + 1e-9), alpha).all()
    assert len(ed_bh(np.zeros(0), alpha)) == 0


def test_bets_are_two_for_each_part_and_rounded_down() -> None:
    scores = scores_of(SHAPES[0][0], "number", 0.02)
    bets = bets_of(scores)
    assert len(bets) == BETS * len(scores.names)
    exact = np.log1p(0.8 * (scores.values[0] - scores.tolerances[0]))
    assert (bets[3] < exact).all()
    assert bets_of(scores, 4.0)[3] == pytest.approx(exact / 4, rel=1e-5)
