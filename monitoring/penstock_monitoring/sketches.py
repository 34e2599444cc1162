# SPDX-License-Identifier: Apache-2.0
"""Sketches of sampled rows, off the path of requests: quantiles, distinct values, new categories.

KLL (k = 200, Karnin, Lang & Liberty 2016) by hour, HyperLogLog and Frequent Items of Apache
DataSketches. Without that library there are none of these, and the rest goes on. Sensitive columns
have no values in samples, and no sketch.
"""

import importlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from penstock.drift import Layout, Sample

__all__ = ["RECENT_ROWS", "Sketches", "datasketches"]

#: Sampled rows that are kept as they are.
RECENT_ROWS = 512
_KLL_K = 200
_KLL_ROWS_MIN = 200
_HLL_LOG_K = 12
_FREQUENT_LOG_K = 10
_UNSEEN_MAX = 10
_HOUR_S = 3600
_SEPARATOR = "\x1f"

Arrays = dict[str, npt.NDArray[Any]]


def datasketches() -> Any:
    """The library; None: it is not installed."""
    try:
        return importlib.import_module("datasketches")
    except ImportError:
        return None


class Sketches:
    """Those of all columns of a layout."""

    def __init__(self, layout: Layout, library: Any) -> None:
        """`library`: what datasketches() gives."""
        self._layout = layout
        self._library = library
        self.recent = np.full((RECENT_ROWS, len(layout.columns)), np.nan, dtype=np.float32)
        self._recent_rows = 0
        self._hour = -1
        #: Of the hour that goes on, and of the one before it.
        self._quantiles: list[dict[int, Any]] = [{}, {}]
        self._distinct: dict[int, Any] = {}
        self._unseen: dict[int, Any] = {}

    @property
    def is_there(self) -> bool:
        """Whether the library is installed."""
        return self._library is not None

    def add(self, sample: Sample, at: float) -> None:
        """Adds sampled rows."""
        self._keep(sample.numbers)
        if self._library is None:
            return
        hour = int(at // _HOUR_S)
        if hour != self._hour:
            last = self._quantiles[0] if hour == self._hour + 1 else {}
            self._quantiles, self._hour = [{}, last], hour
        for place, column in enumerate(self._layout.columns):
            if column.is_sensitive or column.reading == "present":
                continue
            if column.reading == "category":
                self._add_texts(place, sample.texts.get(place, ()))
                continue
            values = sample.numbers[:, place]
            finite = values[np.isfinite(values)]
            if len(finite):
                mine = self._quantiles[0]
                if place not in mine:
                    mine[place] = self._library.kll_floats_sketch(_KLL_K)
                mine[place].update(np.ascontiguousarray(finite))

    def _keep(self, numbers: npt.NDArray[np.float32]) -> None:
        rows = numbers[-RECENT_ROWS:]
        slots = (self._recent_rows + np.arange(len(rows))) % RECENT_ROWS
        self.recent[slots] = rows
        self._recent_rows += len(rows)

    def _add_texts(self, place: int, texts: Sequence[str | int]) -> None:
        if not texts:
            return
        known = set(self._layout.columns[place].categories)
        if place not in self._distinct:
            self._distinct[place] = self._library.hll_sketch(_HLL_LOG_K)
            self._unseen[place] = self._library.frequent_strings_sketch(_FREQUENT_LOG_K)
        for text in texts:
            if text == "":
                continue
            self._distinct[place].update(text)
            if text not in known:
                self._unseen[place].update(str(text))

    def quantiles(self, column: int, shares: Sequence[float]) -> tuple[float, ...]:
        """Quantiles of this hour and the one before it; empty where too little was sampled."""
        parts = [hour[column] for hour in self._quantiles if column in hour]
        if not parts or sum(part.n for part in parts) < _KLL_ROWS_MIN:
            return ()
        merged = self._library.kll_floats_sketch(_KLL_K)
        for part in parts:
            merged.merge(part)
        return tuple(float(value) for value in merged.get_quantiles(list(shares)))

    def distinct(self, column: int) -> float | None:
        """About how many different values a column of categories had; None: unknown."""
        found = self._distinct.get(column)
        return None if found is None else float(found.get_estimate())

    def unseen(self, column: int, rows: int) -> tuple[tuple[str, int], ...]:
        """Categories that the reference has not, the commonest first, with their part of `rows`,
        which are all that have such a one.
        """
        found = self._unseen.get(column)
        if found is None or not rows or not found.total_weight:
            return ()
        # Of keys that came once each, the sketch would name any as common.
        kind = self._library.frequent_items_error_type.NO_FALSE_POSITIVES
        items = sorted(found.get_frequent_items(kind), key=lambda item: -item[1])
        return tuple(
            (str(item[0]), max(1, round(item[1] * rows / found.total_weight)))
            for item in items[:_UNSEEN_MAX]
        )

    def arrays(self) -> Arrays:
        """What restore() goes on with: the sketches' own portable bytes."""
        found: Arrays = {"recent": self.recent, "about": np.array([self._recent_rows, self._hour])}
        for name, sketches in self._kinds():
            for place, sketch in sketches.items():
                bytes_ = sketch.serialize_compact() if name == "distinct" else sketch.serialize()
                found[f"{name}{_SEPARATOR}{place}"] = np.frombuffer(bytes_, dtype=np.uint8)
        return found

    def restore(self, arrays: Arrays) -> None:
        """Goes on from what arrays() gave. Raises ValueError or RuntimeError."""
        if arrays["recent"].shape != self.recent.shape:
            raise ValueError("sampled rows are of other columns")
        self.recent[...] = arrays["recent"]
        self._recent_rows, self._hour = (int(value) for value in arrays["about"])
        if self._library is None:
            return
        readers = {
            "now": self._library.kll_floats_sketch,
            "before": self._library.kll_floats_sketch,
            "distinct": self._library.hll_sketch,
            "unseen": self._library.frequent_strings_sketch,
        }
        for name, sketches in self._kinds():
            for key, array in arrays.items():
                kind, _, place = key.partition(_SEPARATOR)
                if kind == name and place:
                    sketches[int(place)] = readers[name].deserialize(array.tobytes())

    def _kinds(self) -> list[tuple[str, dict[int, Any]]]:
        return [
            ("now", self._quantiles[0]),
            ("before", self._quantiles[1]),
            ("distinct", self._distinct),
            ("unseen", self._unseen),
        ]
