# SPDX-License-Identifier: Apache-2.0
"""Past windows of all columns, as each is told of."""

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from penstock.drift import HistoryPoint, Layout
from penstock_monitoring.baseline import Baseline
from penstock_monitoring.bins import ColumnPlaces, MergedBins
from penstock_monitoring.divergences import Divergences, Sides
from penstock_monitoring.windows import Window

__all__ = ["histories_of", "psi_over_time"]

Floats = npt.NDArray[np.float64]
#: Columns that are looked at together.
_CHUNK = 1024


def histories_of(
    layout: Layout, baselines: Sequence[Baseline], windows: Sequence[Window]
) -> Iterator[tuple[HistoryPoint, ...]]:
    """Of each column of a layout its past windows, in their order."""
    for first in range(0, len(layout.columns), _CHUNK):
        last = min(first + _CHUNK, len(layout.columns))
        if windows:
            yield from _of_chunk(layout, baselines, windows, first, last)
        else:
            yield from ((),) * (last - first)


def psi_over_time(
    places: ColumnPlaces, baselines: Sequence[Baseline], parts: Sequence[Floats]
) -> Floats:
    """PSI of each column in each part of the time (parts, d), less its mean without drift; 0 where
    there is less. `parts`: counts (d, places) of each.
    """
    reference = places.rows_of([baseline.counts for baseline in baselines])
    dispersion = np.array([baseline.dispersion for baseline in baselines])
    # The same bins throughout, as large as the part of fewest rows needs.
    fewest = np.array([part.sum(axis=1) for part in parts]).argmin(axis=0)
    least = np.array([parts[part][column] for column, part in enumerate(fewest.tolist())])
    merged = MergedBins(places, reference, least / dispersion[:, None])
    held = merged.sums(reference).T
    found = [
        Divergences(
            Sides(live=merged.sums(part).T / dispersion, reference=held, is_bin=merged.is_bin)
        ).debiased_psi()
        for part in parts
    ]
    return np.maximum(found, 0.0)


def _of_chunk(
    layout: Layout,
    baselines: Sequence[Baseline],
    windows: Sequence[Window],
    first: int,
    last: int,
) -> Iterator[tuple[HistoryPoint, ...]]:
    columns = layout.columns[first:last]
    places = ColumnPlaces(columns)
    begin, end = layout.offsets[first], layout.offsets[last]
    parts = [places.rows_of([window.counts[begin:end]]) for window in windows]
    rows = np.array([part.sum(axis=1) for part in parts])
    psi = psi_over_time(places, baselines[first:last], parts)
    column = np.arange(len(columns))
    at = np.where(places.is_number, places.regular, places.sizes - 1)
    missing = np.array([part[column, at] for part in parts]) / np.maximum(rows, 1)
    is_finite = np.arange(places.width) < np.where(places.is_number, places.regular, 0)[:, None]
    finite = np.array([(part * is_finite).sum(axis=1) for part in parts])
    sums = np.array([window.moments[first:last, 0] for window in windows])
    shifts = np.array([one.shift for one in columns])
    means = sums / np.maximum(finite, 1) + shifts
    is_told = (finite > 0) & ~np.array([one.is_sensitive for one in columns])
    told = (rows.astype(np.int64), psi, missing, means, is_told)
    for of_column in zip(*(one.T.tolist() for one in told), strict=True):
        yield tuple(
            HistoryPoint(
                begin=window.begin,
                end=window.end,
                rows=n,
                psi=off,
                missing=share,
                mean=mean if has_mean else None,
            )
            for window, n, off, share, mean, has_mean in zip(windows, *of_column, strict=True)
        )
