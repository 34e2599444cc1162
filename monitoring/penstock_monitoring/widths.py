# SPDX-License-Identifier: Apache-2.0
"""What the difference of cumulative shares at each cut counts in W1: how far its neighbours are
apart, over the interquartile range of the reference.
"""

import numpy as np
import numpy.typing as npt

from penstock_monitoring.bins import BINS_MAX, ColumnPlaces, MergedBins

__all__ = ["cut_widths"]

Floats = npt.NDArray[np.float64]


def cut_widths(places: ColumnPlaces, merged: MergedBins, reference: Floats) -> Floats:
    """Of reference counts (d, places) the widths (d, BINS_MAX - 1); 0 where there is no cut.

    Over the whole range where the quartiles are one. Beyond the outer cuts the difference is taken
    to go to zero as the reference's own share does, which is over the mean distance of its rows
    there.
    """
    found = np.zeros((len(reference), BINS_MAX - 1))
    mine = np.flatnonzero(places.is_number & (merged.ordered > 1))
    if len(mine) == 0:
        return found
    around = _around(places, mine)
    width = around.shape[1] - 1
    is_bin = np.arange(width) < places.regular[mine, None]
    rows = np.where(is_bin, reference[mine, :width], 0.0)
    low, high = around[:, 0], around[:, -1]
    scale = _quantile(around, rows, 0.75) - _quantile(around, rows, 0.25)
    scale = np.where(scale > 0, scale, high - low)
    middles = (around[:, :-1] + around[:, 1:]) / 2
    of_place, last_bin = merged.of_place[mine, :width], merged.ordered[mine] - 1
    cuts = merged.cuts[mine]
    column = np.arange(len(mine))
    first_cut, last_cut = cuts[:, 0], cuts[column, last_bin - 1]
    first = _mean(middles, rows * (of_place == 0), first_cut)
    last = _mean(middles, rows * (of_place == last_bin[:, None]), last_cut)
    points = np.full((len(mine), BINS_MAX + 1), np.nan)
    points[:, 0] = 2 * first - first_cut
    points[:, 1:-1] = cuts
    points[column, last_bin + 1] = 2 * last - last_cut
    is_cut = np.arange(BINS_MAX - 1) < last_bin[:, None]
    is_cut &= ((rows.sum(axis=1) > 0) & (scale > 0))[:, None]
    apart = (points[:, 2:] - points[:, :-2]) / 2
    found[mine] = np.divide(apart, scale[:, None], where=is_cut, out=np.zeros_like(apart))
    return found


def _around(places: ColumnPlaces, mine: npt.NDArray[np.int64]) -> Floats:
    """Where bins begin (d, edges + 2); from the last one on, where that ends."""
    edges = places.edges[mine]
    counts = places.regular[mine] - 1
    column = np.arange(len(mine))
    first, last = edges[:, 0], edges[column, counts - 1]
    of_mine = [places.columns[place] for place in mine.tolist()]
    least = np.array([np.nan if one.minimum is None else one.minimum for one in of_mine])
    most = np.array([np.nan if one.maximum is None else one.maximum for one in of_mine])
    high = np.fmax(most, last)
    inner = np.where(np.isnan(edges), high[:, None], edges)
    return np.column_stack([np.fmin(least, first), inner, high])


def _quantile(around: Floats, rows: Floats, share: float) -> Floats:
    """A quantile (d,) of rows (d, bins) that lie evenly within each bin."""
    below = np.cumsum(rows, axis=1)
    wanted = share * below[:, -1]
    place = np.argmax(below >= wanted[:, None], axis=1)
    column = np.arange(len(rows))
    inside = rows[column, place]
    part = np.divide(
        wanted - (below[column, place] - inside), inside, where=inside > 0, out=np.zeros(len(rows))
    )
    begin, end = around[column, place], around[column, place + 1]
    return np.asarray(begin + part * (end - begin))


def _mean(values: Floats, weights: Floats, otherwise: Floats) -> Floats:
    total = weights.sum(axis=1)
    summed = (values * weights).sum(axis=1)
    return np.asarray(np.divide(summed, total, where=total > 0, out=otherwise.copy()))
