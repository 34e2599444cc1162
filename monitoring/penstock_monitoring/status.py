# SPDX-License-Identifier: Apache-2.0
"""All columns as they are told of."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from penstock.drift import ColumnDrift, Layout, WatchedColumn
from penstock.drift.status import ColumnState
from penstock_monitoring.baseline import Baseline
from penstock_monitoring.describe import column_drift, rates_of
from penstock_monitoring.effects import Comparisons
from penstock_monitoring.evidence import Evidence
from penstock_monitoring.history import histories_of
from penstock_monitoring.judging import Judge
from penstock_monitoring.margins import Margins
from penstock_monitoring.quantiles import QUANTILES, quantiles_of
from penstock_monitoring.sketches import Sketches
from penstock_monitoring.windows import Window

__all__ = ["columns_of"]


def columns_of(
    layout: Layout,
    baselines: Sequence[Baseline],
    judge: Judge,
    evidence: Evidence,
    sketches: Sketches,
    window: Window,
    past: Sequence[Window] | None,
    comparisons: Comparisons,
    margins: Margins,
) -> tuple[ColumnDrift, ...]:
    """Every column of a layout in a window, and in past ones.

    `past` None: without bins, quantiles, history and new categories.
    """
    is_short = past is None
    histories = histories_of(layout, baselines, past or ())
    limit = evidence.log_limit
    in_alarm = {name for _, name in judge.episodes.going(["rule"])}
    found = []
    columns = zip(layout.columns, baselines, histories, strict=True)
    for place, (column, baseline, history) in enumerate(columns):
        begin, end = layout.offsets[place], layout.offsets[place + 1]
        counts = window.counts[begin:end]
        standing = judge.standings[place]
        state: ColumnState = "alarm" if column.name in in_alarm else standing.state
        found.append(
            column_drift(
                column,
                comparisons.short(place) if is_short else comparisons[place],
                state=state,
                log_e=evidence.log_e(place, standing.against),
                log_limit=limit,
                onset=evidence.onset(place, standing.against),
                against=standing.against,
                rates=rates_of(column, baseline, counts, window.outside[place]),
                quantiles=() if is_short else _quantiles(sketches, column, place, counts, window),
                history=history,
                margin=margins.of(place),
                unseen=()
                if is_short
                else sketches.unseen(place, int(counts[len(column.categories)])),
            )
        )
    return tuple(found)


def _quantiles(
    sketches: Sketches,
    column: WatchedColumn,
    place: int,
    counts: npt.NDArray[np.int64],
    window: Window,
) -> tuple[float, ...]:
    least, most = window.moments[place, 2:].tolist()
    is_known = least <= most
    return sketches.quantiles(place, QUANTILES) or quantiles_of(
        column,
        counts,
        QUANTILES,
        minimum=least if is_known else None,
        maximum=most if is_known else None,
    )
