# SPDX-License-Identifier: Apache-2.0
"""Places of columns joined to bins that are large enough to compare, and what those are called.

Of all columns at once, in arrays that are as wide as the widest column has places.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from penstock.drift import WatchedColumn
from penstock.drift.layout import PRESENCE
from penstock.profile import SPECIALS

__all__ = ["BINS_MAX", "Bins", "ColumnPlaces", "MergedBins", "bins_of_rows"]

#: Rows that are expected in a bin of either sample: below, a log ratio is mostly noise.
EXPECTED_MIN = 10
BINS_MAX = 20
#: What is left for bins that are no special's.
_REGULAR_MAX = BINS_MAX - len(SPECIALS)
_ALMOST = 1e-12

Counts = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Places = npt.NDArray[np.bool_]


class ColumnPlaces:
    """Columns of one layout or of several, and the places of each: rows of arrays (d, places)."""

    def __init__(self, columns: Sequence[WatchedColumn]) -> None:
        self.columns = tuple(columns)
        self.sizes = np.array([column.places for column in columns], dtype=np.int64)
        readings = np.array([column.reading for column in columns])
        self.is_category = readings == "category"
        self.is_presence = readings == "present"
        self.is_number = ~(self.is_category | self.is_presence)
        #: Places that are no special's.
        self.regular = np.where(
            self.is_number,
            self.sizes - len(SPECIALS),
            np.where(self.is_category, self.sizes - 2, 2),
        )
        self.width = int(self.sizes.max(initial=1))

    @cached_property
    def is_place(self) -> Places:
        """(d, places)"""
        return np.asarray(np.arange(self.width) < self.sizes[:, None])

    @cached_property
    def edges(self) -> Floats:
        """Of columns of numbers (d, edges); NaN where there is none."""
        counts = np.where(self.is_number, self.regular - 1, 0)
        found = np.full((len(self.columns), int(counts.max(initial=0))), np.nan)
        every = chain.from_iterable(
            column.edges
            for column, is_number in zip(self.columns, self.is_number, strict=True)
            if is_number
        )
        found[np.arange(found.shape[1]) < counts[:, None]] = np.fromiter(every, dtype=np.float64)
        return found

    def rows_of(self, counts: Sequence[Counts]) -> Floats:
        """Counts of each column (d, places); 0 of what is no place."""
        found = np.zeros((len(self.columns), self.width))
        if len(counts):
            found[self.is_place] = np.concatenate(counts)
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Bins:
    """Which bin each place of a column is in (places,), and what the bins are called.

    Of numbers the first `ordered` bins follow each other, with `cuts` (ordered - 1) between them;
    of categories none do.
    """

    of_place: Integers
    names: tuple[str, ...]
    ordered: int = 0
    cuts: tuple[float, ...] = ()

    def sums(self, counts: Counts) -> Floats:
        """Counts (places,) by bin."""
        weights = counts.astype(np.float64)
        summed = np.bincount(self.of_place, weights=weights, minlength=len(self.names))
        return summed.astype(np.float64)


class MergedBins:
    """Bins for reference and live rows with EXPECTED_MIN expected in both, if they can.

    Regular places are joined by the reference's shares alone, so that live rows do not choose what
    they are judged by. A special one, which the reference may not have at all, is a bin of its own
    once both samples together make that many expected.
    """

    def __init__(self, places: ColumnPlaces, reference: Floats, live: Floats) -> None:
        """`reference`, `live`: counts (d, places), as of independent rows."""
        self._places = places
        n, m = live.sum(axis=1), reference.sum(axis=1)
        fewest = np.minimum(n, m)
        self._is_empty = (fewest <= 0) & ~places.is_presence
        least = EXPECTED_MIN / np.maximum(fewest, _ALMOST)
        shares = reference / np.maximum(m, 1)[:, None]
        pooled = (reference + live) / np.maximum(n + m, 1)[:, None]
        #: Which bin each place is in (d, places); how many bins there are, and follow each other.
        self.of_place = np.zeros(reference.shape, dtype=np.int64)
        self.bins = np.ones(len(reference), dtype=np.int64)
        self.ordered = np.zeros(len(reference), dtype=np.int64)
        self.of_place[places.is_presence, 1:] = 1
        self.bins[places.is_presence] = len(PRESENCE)
        #: Of categories: the places that are bins of their own, in the order of those, then -1.
        self.alone = np.full((len(reference), BINS_MAX), -1, dtype=np.int64)
        for is_mine, join in (
            (places.is_number & ~self._is_empty, self._join_numbers),
            (places.is_category & ~self._is_empty, self._join_categories),
        ):
            mine = np.flatnonzero(is_mine)
            if len(mine):
                join(mine, shares[mine], pooled[mine], least[mine])

    def _join_numbers(self, mine: Integers, shares: Floats, pooled: Floats, least: Floats) -> None:
        regular = self._places.regular[mine]
        width = int(regular.max())
        is_regular = np.arange(width) < regular[:, None]
        held = np.where(is_regular, shares[:, :width], 0.0)
        below = np.cumsum(held, axis=1)
        wanted = np.maximum(least, below[:, -1] / _REGULAR_MAX) - _ALMOST
        begins = np.zeros(held.shape, dtype=bool)
        column, base = np.arange(len(mine)), np.zeros(len(mine))
        last, is_open = np.zeros(len(mine), dtype=np.int64), np.ones(len(mine), dtype=bool)
        for _ in range(_REGULAR_MAX):
            # A bin begins behind the place that fills the one before it.
            place = (below < (base + wanted)[:, None]).sum(axis=1) + 1
            is_open &= place < regular
            if not is_open.any():
                break
            begins[column[is_open], place[is_open]] = True
            last = np.where(is_open, place, last)
            base = np.where(is_open, below[column, last - 1], base)
        # What is left over goes to the bin before it.
        begins[column, last] &= below[:, -1] - base >= wanted
        of_place = np.cumsum(begins, axis=1)
        self.ordered[mine] = of_place[:, -1] + 1
        self.bins[mine] = self.ordered[mine]
        self.of_place[mine, :width] = of_place
        for special in range(len(SPECIALS)):
            at = regular + special
            self._put_special(mine, at, pooled[np.arange(len(mine)), at] >= least)

    def _put_special(self, mine: Integers, place: Integers, is_alone: Places) -> None:
        """In a bin of its own, or the last one of those that follow each other."""
        self.of_place[mine, place] = np.where(is_alone, self.bins[mine], self.ordered[mine] - 1)
        self.bins[mine] += is_alone

    def _join_categories(
        self, mine: Integers, shares: Floats, pooled: Floats, least: Floats
    ) -> None:
        regular, rows = self._places.regular[mine], np.arange(len(mine))
        is_regular = np.arange(shares.shape[1]) < regular[:, None]
        held = np.where(is_regular, shares, -1.0)
        order = np.argsort(-held, axis=1, kind="stable")[:, :_REGULAR_MAX]
        chosen = np.take_along_axis(held, order, axis=1)
        is_alone = (chosen >= least[:, None]) & (chosen >= 0)
        counts = is_alone.sum(axis=1)
        is_rest = self._places.is_place[mine]
        column, rank = np.nonzero(is_alone)
        self.alone[mine[column], rank] = order[column, rank]
        missing = regular + 1
        has_missing = pooled[rows, missing] >= least
        self.alone[mine[has_missing], counts[has_missing]] = missing[has_missing]
        counts += has_missing
        is_one = self.alone[mine] >= 0
        column, rank = np.nonzero(is_one)
        is_rest[column, self.alone[mine][column, rank]] = False
        of_rest = (pooled * is_rest).sum(axis=1)
        has_rest = (counts == 0) | (of_rest >= least)
        self.bins[mine] = counts + has_rest
        # Too little for a bin joins the last one, which then is called "other".
        self.of_place[mine] = np.where(is_rest, (self.bins[mine] - 1)[:, None], 0)
        self.of_place[mine[column], self.alone[mine][column, rank]] = rank
        is_joined = ~has_rest & (of_rest > 0)
        self.alone[mine[is_joined], counts[is_joined] - 1] = -1

    @property
    def is_bin(self) -> Places:
        """Which bins each column has (BINS_MAX, d)."""
        return _first(self.bins)

    @property
    def follows(self) -> Places:
        """Which of them follow each other (BINS_MAX, d)."""
        return _first(self.ordered)

    def sums(self, counts: Floats) -> Floats:
        """Counts (d, places) by bin (d, BINS_MAX)."""
        rows = np.arange(len(counts))[:, None] * BINS_MAX
        flat = np.bincount(
            (rows + self.of_place).ravel(), weights=counts.ravel(), minlength=len(counts) * BINS_MAX
        )
        return np.asarray(flat.reshape(len(counts), BINS_MAX))

    @cached_property
    def cuts(self) -> Floats:
        """Between bins that follow each other (d, BINS_MAX - 1); NaN where there is none."""
        found = np.full((len(self.bins), BINS_MAX - 1), np.nan)
        edges = self._places.edges
        begins = np.diff(self.of_place[:, : edges.shape[1] + 1], axis=1) == 1
        is_edge = np.arange(edges.shape[1]) < (self._places.regular - 1)[:, None]
        begins &= is_edge & (self.ordered > 0)[:, None]
        column, place = np.nonzero(begins)
        found[column, self.of_place[column, place]] = edges[column, place]
        return found

    def one(self, place: int) -> Bins:
        """Of one column."""
        column = self._places.columns[place]
        ordered = int(self.ordered[place])
        cuts = tuple(self.cuts[place, : ordered - 1].tolist()) if ordered else ()
        return Bins(
            of_place=self.of_place[place, : column.places],
            names=self._names(place, column, cuts),
            ordered=ordered,
            cuts=cuts,
        )

    def _names(self, place: int, column: WatchedColumn, cuts: Sequence[float]) -> tuple[str, ...]:
        if column.reading == "present":
            return PRESENCE
        if self._is_empty[place]:
            return ("all",)
        bins = int(self.bins[place])
        if column.reading == "category":
            alone = self.alone[place, :bins].tolist()
            regular = len(column.categories)
            rest = "other" if bins > 1 or alone[0] >= 0 else "all"
            return tuple(
                rest if one < 0 else str(column.categories[one]) if one < regular else "missing"
                for one in alone
            )
        names = _interval_names(cuts)
        of_specials = self.of_place[place, len(column.edges) + 1 : column.places].tolist()
        specials = zip(of_specials, SPECIALS, strict=True)
        return (*names, *(special for bin_, special in specials if bin_ >= len(names)))


def _first(counts: Integers) -> Places:
    return np.asarray(np.arange(BINS_MAX)[:, None] < counts)


def bins_of_rows(
    column: WatchedColumn, reference: Counts, live: Counts, *, dispersion: float = 1.0
) -> Bins:
    """Bins of one column for reference and live rows (places,): see MergedBins.

    `dispersion`: how many times more live counts vary than those of independent rows.
    """
    rows = np.array([reference, live / dispersion], dtype=np.float64)
    return MergedBins(ColumnPlaces([column]), rows[:1], rows[1:]).one(0)


def _interval_names(cuts: Sequence[float]) -> list[str]:
    if not cuts:
        return ["all"]
    narrow = np.asarray(cuts, dtype=np.float32)
    is_one_value = (np.nextafter(narrow[:-1], np.float32(np.inf)) == narrow[1:]).tolist()
    inner = [
        f"{low:.6g}" if is_one else f"[{low:.6g}, {high:.6g})"
        for (low, high), is_one in zip(pairwise(cuts), is_one_value, strict=True)
    ]
    return [f"< {cuts[0]:.6g}", *inner, f">= {cuts[-1]:.6g}"]
