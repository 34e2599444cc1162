# SPDX-License-Identifier: Apache-2.0
"""Neighbouring places of a column joined to the fewer ones that are bet on."""

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from penstock.drift import WatchedColumn
from penstock.profile import SPECIALS

__all__ = ["REGULAR_MAX", "coarse_column", "coarse_starts"]

#: Besides the special ones.
REGULAR_MAX = 32


def coarse_starts(counts: npt.NDArray[Any], reading: str) -> npt.NDArray[np.int64]:
    """Where each run of joined places begins, of reference counts (places,).

    `np.add.reduceat(counts, starts)` are the counts of the runs. Runs hold about as many reference
    rows each; a place that holds as many by itself, and the special places, are runs of their own.
    """
    if reading == "present" or len(counts) <= REGULAR_MAX + len(SPECIALS):
        return np.arange(len(counts))
    regular = counts[: -len(SPECIALS)]
    wanted = float(regular.sum()) / REGULAR_MAX
    # Large places are runs of their own, and what they take is not parted among the others.
    while True:
        is_large = regular >= wanted
        rest = max(1, REGULAR_MAX - 2 * int(is_large.sum()))
        narrower = max(wanted, float(regular[~is_large].sum()) / rest)
        if narrower <= wanted:
            break
        wanted = narrower
    starts = [0]
    filled = 0.0
    for place, count in enumerate(regular.tolist()):
        if place and (filled >= wanted or count >= wanted):
            starts.append(place)
            filled = 0.0
        filled += count
    return np.array([*starts, len(regular), len(regular) + 1])


def coarse_column(column: WatchedColumn, starts: npt.NDArray[np.int64]) -> WatchedColumn:
    """The column whose places are the runs that coarse_starts() gave."""
    # Nothing is joined, and of keys, each of them rare, there is no place to name.
    if column.reading == "present" or len(starts) == column.places:
        return column
    regular = starts[: -len(SPECIALS)].tolist()
    if column.reading != "category":
        return replace(column, edges=tuple(column.edges[start - 1] for start in regular[1:]))
    ends = [*regular[1:], len(column.categories)]
    runs = [column.categories[start:end] for start, end in zip(regular, ends, strict=True)]
    return replace(
        column,
        categories=tuple(
            run[0] if len(run) == 1 else f"{run[0]} and {len(run) - 1} more" for run in runs
        ),
    )
