# SPDX-License-Identifier: Apache-2.0
"""Rows of a table counted at the places of a reference's columns, a batch at a time."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from penstock.drift import WatchedColumn
from penstock.profile import number_places
from penstock_monitoring.column_types import Datatype, codes_of, numbers_of
from penstock_monitoring.edges import counts_of_sorted

__all__ = ["ColumnCounts"]

#: Values that quantiles are taken of, about.
SAMPLE_MAX = 1 << 16
#: Names of unseen categories that are counted at once; the rarest are forgotten.
UNSEEN_MAX = 4096


@dataclass(slots=True, kw_only=True)
class ColumnCounts:
    """What is known of one column, so far. `windows`: spans of time that rows are counted by."""

    column: WatchedColumn
    datatype: Datatype
    rows: int
    windows: int = 0
    #: (places,)
    counts: npt.NDArray[np.int64] = field(init=False)
    #: Finite values below the reference's minimum, above its maximum (2,).
    outside: npt.NDArray[np.int64] = field(init=False)
    least: float = float("inf")
    greatest: float = float("-inf")
    #: (windows, places)
    by_window: npt.NDArray[np.int64] = field(init=False)
    #: (windows, 2): how many finite values, and their sum.
    sums: npt.NDArray[np.float64] = field(init=False)
    unseen: Counter[str | int] = field(default_factory=Counter)
    _sample: list[npt.NDArray[np.float32]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.counts = np.zeros(self.column.places, dtype=np.int64)
        self.outside = np.zeros(2, dtype=np.int64)
        self.by_window = np.zeros((self.windows, self.column.places), dtype=np.int64)
        self.sums = np.zeros((self.windows, 2))

    def add(self, array: Any, window: npt.NDArray[np.int64] | None) -> None:
        """Count a batch's values, an Arrow array; `window` (n,) is the span that each row is in."""
        match self.column.reading:
            case "present":
                places = self._presence(array)
            case "category":
                places = self._categories(array)
            case _ if window is None:
                self._add_sorted(numbers_of(array))
                return
            case _:
                places = self._numbers(numbers_of(array), window)
        self.counts += np.bincount(places, minlength=len(self.counts))
        if window is not None:
            cells = np.bincount(window * len(self.counts) + places, minlength=self.by_window.size)
            self.by_window += cells.reshape(self.by_window.shape)

    def sample(self) -> npt.NDArray[np.float32]:
        """Some of the finite values, drawn evenly over the rows."""
        return np.concatenate([*self._sample, np.zeros(0, dtype=np.float32)])

    def commonest_unseen(self, most: int, rows_min: int) -> tuple[tuple[str, int], ...]:
        """Categories that the reference has not, with their rows, unless those are few."""
        ranked = sorted(self.unseen.items(), key=lambda one: (-one[1], str(one[0])))
        return tuple((str(name), rows) for name, rows in ranked[:most] if rows >= rows_min)

    def _presence(self, array: Any) -> npt.NDArray[np.int64]:
        if self.datatype == "FP32":
            return np.isnan(numbers_of(array)).astype(np.int64)
        codes, names = codes_of(array, self.datatype)
        return np.array([name == "" for name in names], dtype=np.int64)[codes]

    def _categories(self, array: Any) -> npt.NDArray[np.int64]:
        codes, names = codes_of(array, self.datatype)
        known = {name: place for place, name in enumerate(self.column.categories)}
        other, missing = len(known), len(known) + 1
        places = np.array(
            [missing if name == "" else known.get(name, other) for name in names], dtype=np.int64
        )
        rows = np.bincount(codes, minlength=len(names))
        for place in np.flatnonzero((places == other) & (rows > 0)).tolist():
            self.unseen[names[place]] += int(rows[place])
        if len(self.unseen) > UNSEEN_MAX:
            self.unseen = Counter(dict(self.unseen.most_common(UNSEEN_MAX // 2)))
        return places[codes]

    def _add_sorted(self, values: npt.NDArray[np.float32]) -> None:
        """Count numbers whose order does not matter."""
        finite = self._seen(values)
        infinite = int(np.isinf(values).sum())
        specials = [len(values) - len(finite) - infinite, infinite]
        self.counts += np.concatenate([counts_of_sorted(finite, self.column.edges), specials])

    def _numbers(
        self, values: npt.NDArray[np.float32], window: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.int64]:
        self._seen(values)
        is_finite = np.isfinite(values)
        at, finite = window[is_finite], values[is_finite]
        self.sums[:, 0] += np.bincount(at, minlength=self.windows)
        self.sums[:, 1] += np.bincount(at, weights=finite, minlength=self.windows)
        return number_places(values, self.column.edges)

    def _seen(self, values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """The finite ones, ascending: their range and some of them are noted."""
        finite = values[np.isfinite(values)]
        self._sample.append(finite[:: max(1, self.rows // SAMPLE_MAX)])
        finite = np.sort(finite)
        if len(finite):
            self.least = min(self.least, float(finite[0]))
            self.greatest = max(self.greatest, float(finite[-1]))
            minimum, maximum = self.column.minimum, self.column.maximum
            if minimum is not None:
                self.outside[0] += np.searchsorted(finite, np.float32(minimum), side="left")
            if maximum is not None:
                above = np.searchsorted(finite, np.float32(maximum), side="right")
                self.outside[1] += len(finite) - above
        return finite
