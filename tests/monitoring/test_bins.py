# SPDX-License-Identifier: Apache-2.0
"""Bins of many columns at once, beside a dull loop over the places of each."""

import numpy as np
import numpy.typing as npt
import pytest

from penstock.drift import WatchedColumn
from penstock_monitoring.bins import EXPECTED_MIN, ColumnPlaces, MergedBins, bins_of_rows

Counts = npt.NDArray[np.int64]


def column_of(kind: str, size: int) -> WatchedColumn:
    """A column of numbers with `size` edges, of as many categories, or of presence."""
    if kind == "number":
        edges = tuple(float(edge) for edge in range(size))
        return WatchedColumn(name="x", tensor="x", reading="number", edges=edges)
    if kind == "category":
        return WatchedColumn(
            name="x", tensor="x", reading="category", categories=tuple(map(str, range(size)))
        )
    return WatchedColumn(name="x", tensor="x", reading="present")


def some_counts(random: np.random.Generator, places: int) -> Counts:
    rows = int(10 ** random.uniform(0, 5)) * int(random.random() > 0.05)
    shares = random.dirichlet(np.full(places, 10 ** random.uniform(-1.5, 1)))
    return random.multinomial(rows, shares)


def dull_numbers(column: WatchedColumn, reference: Counts, live: Counts) -> list[int]:
    """Which bin each place is in, place by place."""
    n, m = int(live.sum()), int(reference.sum())
    least, regular = EXPECTED_MIN / min(n, m), len(column.edges) + 1
    wanted = max(least, reference[:regular].sum() / m / 18) - 1e-12
    found, filled, bin_ = [], 0.0, 0
    for share in (reference[:regular] / m).tolist():
        if filled >= wanted:
            bin_, filled = bin_ + 1, 0.0
        found.append(bin_)
        filled += share
    if filled < wanted and bin_ > 0:
        found = [min(one, bin_ - 1) for one in found]
    ordered = bins = found[-1] + 1
    for place in (regular, regular + 1):
        is_alone = (reference[place] + live[place]) / (n + m) >= least
        found.append(bins if is_alone else ordered - 1)
        bins += is_alone
    return found


def test_many_columns_are_joined_as_each_by_itself_would_be() -> None:
    random = np.random.default_rng(0)
    kinds = random.choice(["number", "category", "present"], 600, p=[0.5, 0.4, 0.1]).tolist()
    columns = [column_of(kind, int(random.integers(0, 60))) for kind in kinds]
    reference = [some_counts(random, column.places) for column in columns]
    live = [some_counts(random, column.places) for column in columns]
    places = ColumnPlaces(columns)
    merged = MergedBins(places, places.rows_of(reference), places.rows_of(live))
    sums = merged.sums(places.rows_of(live))
    for place, column in enumerate(columns):
        one = bins_of_rows(column, reference[place], live[place])
        assert merged.one(place).names == one.names
        assert merged.one(place).of_place.tolist() == one.of_place.tolist()
        assert merged.one(place).cuts == one.cuts
        assert sums[place, : len(one.names)].tolist() == one.sums(live[place]).tolist()
        assert sums[place].sum() == live[place].sum()
        if column.reading == "number" and min(live[place].sum(), reference[place].sum()) > 0:
            assert one.of_place.tolist() == dull_numbers(column, reference[place], live[place])


def test_bins_are_named_by_what_is_in_them() -> None:
    """A value of its own by that value; the last bin also has what is too rare for its own."""
    behind = float(np.nextafter(np.float32(1), np.float32(2)))
    column = WatchedColumn(
        name="x", tensor="x", reading="number", edges=(0.0, 1.0, round(behind, 9), 2.5)
    )
    rows = np.array([100, 100, 100, 100, 100, 50, 3])
    bins = bins_of_rows(column, rows, rows)
    assert bins.names == ("< 0", "[0, 1)", "1", "[1, 2.5)", ">= 2.5", "missing")
    assert bins.of_place.tolist() == [0, 1, 2, 3, 4, 5, 4]


@pytest.mark.parametrize(
    ("counts", "names"),
    [
        ([500, 300, 200, 0, 0], ("0", "1", "2")),
        ([500, 495, 3, 2, 0], ("0", "other")),
        ([500, 300, 2, 50, 148], ("0", "1", "missing", "other")),
        ([3, 2, 1, 0, 0], ("all",)),
    ],
)
def test_rare_categories_are_one_bin(counts: list[int], names: tuple[str, ...]) -> None:
    rows = np.array(counts)
    assert bins_of_rows(column_of("category", 3), rows, rows).names == names
