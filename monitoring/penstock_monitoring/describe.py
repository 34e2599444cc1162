# SPDX-License-Identifier: Apache-2.0
"""One column as it is told of: what of counts, effects and evidence goes into ColumnDrift."""

from typing import Any, Literal

import numpy.typing as npt

from penstock.drift import ColumnDrift, HistoryPoint, Rate, WatchedColumn
from penstock.drift.status import ColumnState
from penstock_monitoring.baseline import Baseline
from penstock_monitoring.effects import Comparison

__all__ = ["LEARNING_ROWS", "column_drift", "kind_of", "rates_of"]

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
    margin: float | None,
) -> ColumnDrift:
    """All of it; of a sensitive column nothing that speaks of values.

    `margin`: how far the calibrated limit is below `log_limit`.
    """
    is_told = not column.is_sensitive and column.reading != "present"
    calibrated = None if margin is None or against == "last week" else log_limit - margin
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
        calibrated_limit=calibrated,
        is_suspected=calibrated is not None
        and state != "alarm"
        and calibrated <= log_e < log_limit,
    )
