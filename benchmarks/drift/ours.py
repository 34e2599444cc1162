# SPDX-License-Identifier: Apache-2.0
"""Penstock's detector of one column, on many streams at once."""

from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from benchmarks.drift.streams import TICK
from penstock_monitoring.detector import Detector
from penstock_monitoring.scores import bets_of, scores_of

__all__ = ["BINS", "bets_for", "edges_for", "first_alarms", "shares_for", "tick_counts"]

Floats = npt.NDArray[np.float64]

BINS = 32
#: So many that a reference of them is known exactly.
_REFERENCE_ROWS = 32_000_000


def edges_for(bins: int = BINS) -> Floats:
    """Edges of equally likely bins of N(0, 1)."""
    normal = NormalDist()
    return np.array([normal.inv_cdf(place / bins) for place in range(1, bins)])


def shares_for(bins: int = BINS) -> Floats:
    """Of rows of N(0, 1) at each place."""
    return np.concatenate([np.full(bins, 1 / bins), np.zeros(2)])


def bets_for(tolerance: float, bins: int = BINS) -> npt.NDArray[np.float32]:
    """The bets of a column of N(0, 1)."""
    counts = np.concatenate([np.full(bins, _REFERENCE_ROWS // bins), np.zeros(2, dtype=np.int64)])
    scores = scores_of(counts.astype(np.int64), "number", tolerance)
    return bets_of(scores)


def tick_counts(values: Floats, edges: Floats) -> npt.NDArray[np.int64]:
    """Counts by place of a tick's values (n, rows): (n, places)."""
    places = np.searchsorted(edges, values, side="right")
    size = len(edges) + 3
    cells = places + np.arange(len(values))[:, None] * size
    return np.bincount(cells.ravel(), minlength=size * len(values)).reshape(-1, size)


def first_alarms(
    values: Floats, bets: npt.NDArray[np.float32], log_limit: float
) -> npt.NDArray[np.int64]:
    """Of streams (n, observations) after how many observations evidence is at the limit.

    One more than there are observations where it never is.
    """
    detector = Detector([bets] * len(values))
    edges = edges_for(bets.shape[1] - 2)
    found = np.full(len(values), values.shape[1] + 1)
    for end in range(TICK, values.shape[1] + 1, TICK):
        detector.update(tick_counts(values[:, end - TICK : end], edges).ravel(), 0.0)
        is_first = (detector.log_e >= log_limit) & (found > values.shape[1])
        found[is_first] = end
    return found
