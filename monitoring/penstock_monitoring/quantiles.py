# SPDX-License-Identifier: Apache-2.0
"""Quantiles from counts by bins."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from penstock.drift import WatchedColumn

__all__ = ["QUANTILES", "quantiles_of"]

#: What is shown.
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


def quantiles_of(
    column: WatchedColumn,
    counts: npt.NDArray[Any],
    shares: Sequence[float],
    *,
    minimum: float | None = None,
    maximum: float | None = None,
) -> tuple[float, ...]:
    """Quantiles of a column of numbers from counts (places,), linear within each bin.

    `minimum`, `maximum`: of the rows counted, else the reference's. Empty where there are none.
    """
    edges = np.asarray(column.edges, dtype=np.float64)
    bins = counts[: len(edges) + 1].astype(np.float64)
    total = float(bins.sum())
    if column.reading in ("category", "present") or total <= 0:
        return ()
    least = column.minimum if minimum is None else minimum
    most = column.maximum if maximum is None else maximum
    first = edges[0] if len(edges) else 0.0
    last = edges[-1] if len(edges) else 0.0
    ends = np.concatenate(
        [
            [first if least is None else min(least, first) if len(edges) else least],
            edges,
            [last if most is None else max(most, last) if len(edges) else most],
        ]
    )
    below = np.concatenate([[0.0], np.cumsum(bins)]) / total
    # Of equal shares the last: a quantile of nothing in a bin is where the next rows begin.
    is_last = np.append(np.diff(below) > 0, True)
    return tuple(np.interp(shares, below[is_last], ends[is_last]).tolist())
