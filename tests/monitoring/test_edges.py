# SPDX-License-Identifier: Apache-2.0
"""Edges of bins: even where values differ, and apart where many rows have the same."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sklearn.isotonic import IsotonicRegression

from penstock.profile import number_places
from penstock_monitoring.edges import (
    BINS_MIN,
    bins_of,
    counts_of_sorted,
    isotonic,
    quantile_edges,
    shortest,
)


def counts_of(values: np.ndarray, edges: list[float]) -> list[int]:
    counts = np.bincount(number_places(values, edges), minlength=len(edges) + 1)
    return [int(count) for count in counts]


def test_different_values_are_parted_evenly() -> None:
    values = np.random.default_rng(0).normal(0, 1, 6400).astype(np.float32)
    counts = counts_of(values, quantile_edges(values, 64))
    assert len(counts) == 64
    assert min(counts) >= 99 and max(counts) <= 101


def test_a_value_that_many_rows_have_stands_alone() -> None:
    draws = np.random.default_rng(1)
    values = np.concatenate([np.zeros(500), np.full(300, -1.0), draws.exponential(1, 1200)])
    edges = quantile_edges(values.astype(np.float32), 64)
    for value, rows in ((0.0, 500), (-1.0, 300)):
        place = int(number_places([value], edges)[0])
        assert counts_of(values, edges)[place] == rows
        nearest = np.nextafter(np.float32(value), np.float32(9))
        assert int(number_places([nearest], edges)[0]) == place + 1


@example(numbers=[3.4028234663852886e38], bins=4)
@given(
    st.lists(
        st.one_of(
            st.sampled_from([0.0, -0.0, 1.0, 999.0]),
            st.floats(width=32, allow_nan=False, allow_infinity=False),
        ),
        max_size=300,
    ),
    st.integers(BINS_MIN, 64),
)
def test_edges_ascend_are_few_and_are_float32(numbers: list[float], bins: int) -> None:
    values = np.array(numbers, dtype=np.float32)
    edges = quantile_edges(values, bins)
    assert len(edges) < bins
    assert all(low < high for low, high in pairwise(edges))
    assert [float(np.float32(edge)) == float(np.float32(shortest(edge))) for edge in edges] == [
        True
    ] * len(edges)
    assert sum(counts_of(values, edges)) == len(values)


@given(
    st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), max_size=200),
    st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), max_size=20, unique=True),
)
def test_sorted_values_are_counted_where_each_would_be(
    numbers: list[float], edges: list[float]
) -> None:
    # Values that are edges, too: a bin begins with its own.
    values = np.sort(np.array([*numbers, *edges], dtype=np.float32))
    ascending = sorted({float(edge) for edge in edges})
    assert counts_of_sorted(values, ascending).tolist() == counts_of(values, ascending)


def test_no_value_has_no_edges() -> None:
    assert quantile_edges(np.empty(0, dtype=np.float32), 64) == []


def test_one_value_everywhere_is_told_from_less_and_from_more() -> None:
    edges = quantile_edges(np.full(50, 7.0, dtype=np.float32), 5)
    assert number_places([6.9, 7.0, 7.1], edges).tolist() == [0, 1, 2]


@pytest.mark.parametrize(("rows", "bins"), [(0, 4), (100, 10), (640, 64), (10_000, 64)])
def test_few_rows_have_few_bins(rows: int, bins: int) -> None:
    assert bins_of(rows) == bins


def test_shares_that_must_not_fall_are_scikit_learns() -> None:
    draws = np.random.default_rng(2)
    counts = draws.integers(1, 40, 30)
    hits = draws.binomial(counts, np.linspace(0.1, 0.9, 30))
    wanted = IsotonicRegression().fit_transform(np.arange(30), hits / counts, sample_weight=counts)
    assert isotonic(hits, counts) == pytest.approx(wanted.tolist())


def test_a_bin_without_rows_has_a_neighbours_share() -> None:
    assert isotonic(np.array([1, 0, 3]), np.array([4, 0, 4])) == [0.25, 0.25, 0.75]
