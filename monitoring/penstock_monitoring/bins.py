# SPDX-License-Identifier: Apache-2.0
"""Places of a column joined to bins that are large enough to compare, and what those are called."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from penstock.drift import WatchedColumn
from penstock.drift.layout import PRESENCE
from penstock.profile import SPECIALS
from penstock_monitoring.edges import shortest

__all__ = ["BINS_MAX", "Bins", "bins_of_rows"]

#: Rows that are expected in a bin of either sample: below, a log ratio is mostly noise.
EXPECTED_MIN = 10
BINS_MAX = 20
#: What is left for bins that are no special's.
_REGULAR_MAX = BINS_MAX - len(SPECIALS)

Counts = npt.NDArray[Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bins:
    """Which bin each place is in (places,), and what the bins are called.

    Of numbers the first `ordered` bins follow each other, with `cuts` (ordered - 1) between them;
    of categories none do.
    """

    of_place: npt.NDArray[np.int64]
    names: tuple[str, ...]
    ordered: int = 0
    cuts: tuple[float, ...] = ()

    def sums(self, counts: Counts) -> npt.NDArray[np.float64]:
        """Counts (places,) by bin."""
        weights = counts.astype(np.float64)
        summed = np.bincount(self.of_place, weights=weights, minlength=len(self.names))
        return summed.astype(np.float64)


def bins_of_rows(column: WatchedColumn, reference: Counts, live: Counts) -> Bins:
    """Bins for reference and live rows (places,) with EXPECTED_MIN expected in both, if they can.

    Regular places are joined by the reference's shares alone, so that live rows do not choose what
    they are judged by. A special one, which the reference may not have at all, is a bin of its own
    once both samples together make that many expected.
    """
    if column.reading == "present":
        return Bins(of_place=np.arange(2), names=PRESENCE)
    n_live, n_reference = float(live.sum()), float(reference.sum())
    fewest = min(n_live, n_reference)
    if fewest <= 0:
        return Bins(of_place=np.zeros(len(reference), dtype=np.int64), names=("all",))
    pooled = (reference + live) / (n_live + n_reference)
    least = EXPECTED_MIN / fewest
    shares = reference / n_reference
    if column.reading == "category":
        return _categorical(column, shares, pooled, least)
    return _numeric(column, shares, pooled, least)


def _numeric(
    column: WatchedColumn,
    shares: npt.NDArray[np.float64],
    pooled: npt.NDArray[np.float64],
    least: float,
) -> Bins:
    regular = len(column.edges) + 1
    wanted = max(least, float(shares[:regular].sum()) / _REGULAR_MAX)
    starts = [0]
    filled = 0.0
    for place, share in enumerate(shares[:regular].tolist()):
        if filled >= wanted - 1e-12:
            starts.append(place)
            filled = 0.0
        filled += share
    if filled < wanted - 1e-12 and len(starts) > 1:
        starts.pop()
    of_place = np.zeros(len(shares), dtype=np.int64)
    of_place[starts[1:]] = 1
    of_place = np.cumsum(of_place)
    ordered = len(starts)
    cuts = tuple(column.edges[start - 1] for start in starts[1:])
    names = _interval_names(cuts)
    for place, special in enumerate(SPECIALS, start=regular):
        if pooled[place] >= least:
            of_place[place] = len(names)
            names.append(special)
        else:
            of_place[place] = ordered - 1
    return Bins(of_place=of_place, names=tuple(names), ordered=ordered, cuts=cuts)


def _interval_names(cuts: Sequence[float]) -> list[str]:
    if not cuts:
        return ["all"]
    inner = [_interval(low, high) for low, high in pairwise(cuts)]
    return [f"< {cuts[0]:.6g}", *inner, f">= {cuts[-1]:.6g}"]


def _interval(low: float, high: float) -> str:
    is_one_value = shortest(np.nextafter(np.float32(low), np.float32(np.inf))) == high
    return f"{low:.6g}" if is_one_value else f"[{low:.6g}, {high:.6g})"


def _categorical(
    column: WatchedColumn,
    shares: npt.NDArray[np.float64],
    pooled: npt.NDArray[np.float64],
    least: float,
) -> Bins:
    regular = len(column.categories)
    order = np.argsort(-shares[:regular], kind="stable").tolist()
    alone = [place for place in order[:_REGULAR_MAX] if shares[place] >= least]
    if pooled[regular + 1] >= least:
        alone.append(regular + 1)
    rest = np.ones(len(shares), dtype=bool)
    rest[alone] = False
    names = [str(column.categories[place]) if place < regular else "missing" for place in alone]
    of_place = np.zeros(len(shares), dtype=np.int64)
    of_place[alone] = np.arange(len(alone))
    if not alone or pooled[rest].sum() >= least:
        of_place[rest] = len(names)
        names.append("other" if alone else "all")
    else:
        of_place[rest] = len(names) - 1
        if pooled[rest].sum() > 0:
            names[-1] = "other"
    return Bins(of_place=of_place, names=tuple(names))
