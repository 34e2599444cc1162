# SPDX-License-Identifier: Apache-2.0
"""One column as it is told of: what of counts, effects and evidence goes into ColumnDrift."""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from penstock.drift import ColumnDrift, HistoryPoint, Rate, WatchedColumn
from penstock.drift.status import ColumnState
from penstock_monitoring.baseline import Baseline
from penstock_monitoring.bins import bins_of_rows
from penstock_monitoring.effects import Comparison, debiased_psi
from penstock_monitoring.windows import Window

__all__ = ["LEARNING_ROWS", "column_drift", "history_of", "kind_of", "rates_of"]

#: A window of fewer rows says nothing.
LEARNING_ROWS = 100

Kind = Literal["numeric", "categorical", "length", "norm", "projection", "sensitive"]
_KINDS: dict[str, Kind] = {
    "number": "numeric",
    "category": "categorical",
    "present": "sensitive",
    "length": "length",
    "norm": "norm",
    "projection": "projection",
}


def kind_of(column: WatchedColumn) -> Kind:
    """What a column is called by."""
    return "sensitive" if column.is_sensitive else _KINDS[column.reading]


def rates_of(
    column: WatchedColumn,
    baseline: Baseline,
    counts: npt.NDArray[Any],
    outside: npt.NDArray[Any],
) -> tuple[Rate, ...]:
    """Rates of what is special, of live counts (places,)."""
    rows, reference_rows = max(1, int(counts.sum())), baseline.rows

    def rate(name: str, place: int) -> Rate:
        reference = float(baseline.counts[place]) / reference_rows if reference_rows else None
        return Rate(name=name, live=float(counts[place]) / rows, reference=reference)

    if column.reading == "present":
        return (rate("missing", 1),)
    if column.reading == "category":
        other = len(column.categories)
        return rate("missing", other + 1), rate("unseen", other)
    missing = len(column.edges) + 1
    bounds = (("below", column.minimum), ("above", column.maximum))
    return (
        rate("missing", missing),
        rate("infinite", missing + 1),
        *(
            Rate(name=name, live=float(outside[side]) / rows, reference=None if no is None else 0.0)
            for side, (name, no) in enumerate(bounds)
        ),
    )


def history_of(
    column: WatchedColumn,
    baseline: Baseline,
    place: int,
    begin: int,
    end: int,
    windows: Sequence[Window],
) -> tuple[HistoryPoint, ...]:
    """A column's past windows; its counts are `begin` to `end` of all."""
    parts = [window.counts[begin:end] for window in windows]
    if not parts:
        return ()
    # The same bins throughout, as large as the window of fewest rows needs.
    fewest = min(parts, key=lambda part: int(part.sum()))
    bins = bins_of_rows(column, baseline.counts, fewest)
    live = np.array([bins.sums(part) for part in parts]) + 0.5
    reference = bins.sums(baseline.counts) + 0.5
    psi = debiased_psi(reference[None, :], live, dispersion=baseline.dispersion)
    found = []
    for at, (window, part) in enumerate(zip(windows, parts, strict=True)):
        rows = int(part.sum())
        missing = rates_of(column, baseline, part, window.outside[place])[0].live
        is_number = column.reading not in ("category", "present")
        finite = int(part[: len(column.edges) + 1].sum()) if is_number else 0
        mean = float(window.moments[place, 0]) / finite + column.shift if finite else None
        found.append(
            HistoryPoint(
                begin=window.begin,
                end=window.end,
                rows=rows,
                psi=max(0.0, float(psi[at])),
                missing=missing,
                mean=None if column.is_sensitive else mean,
            )
        )
    return tuple(found)


def column_drift(
    column: WatchedColumn,
    comparison: Comparison,
    *,
    state: ColumnState,
    log_e: float,
    log_limit: float,
    onset: float | None,
    against: Literal["reference", "last week"],
    rates: tuple[Rate, ...],
    quantiles: tuple[float, ...],
    history: tuple[HistoryPoint, ...],
    unseen: tuple[tuple[str, int], ...],
) -> ColumnDrift:
    """All of it; of a sensitive column nothing that speaks of values."""
    is_told = not column.is_sensitive and column.reading != "present"
    return ColumnDrift(
        name=column.name,
        kind=kind_of(column),
        is_output=column.is_output,
        state="learning" if state != "alarm" and comparison.rows < LEARNING_ROWS else state,
        log_e=log_e,
        log_limit=log_limit,
        onset=onset,
        rows=comparison.rows,
        reference_rows=comparison.reference_rows,
        against=against,
        effects=comparison.effects,
        rates=rates,
        bins=comparison.bins if is_told else (),
        live=comparison.live if is_told else (),
        reference=comparison.reference if is_told else (),
        quantiles=quantiles if is_told else (),
        smallest_psi=comparison.smallest_psi,
        history=history,
        unseen=unseen if is_told else (),
    )
