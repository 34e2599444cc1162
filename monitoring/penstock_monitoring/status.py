# SPDX-License-Identifier: Apache-2.0
"""All columns as they are told of."""

from collections.abc import Sequence

from penstock.drift import ColumnDrift, Layout
from penstock.drift.status import ColumnState
from penstock_monitoring.baseline import Baseline
from penstock_monitoring.describe import column_drift, history_of, rates_of
from penstock_monitoring.effects import Comparison
from penstock_monitoring.evidence import Evidence
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
    past: Sequence[Window],
    comparisons: Sequence[Comparison],
    margins: Margins,
) -> tuple[ColumnDrift, ...]:
    """Every column of a layout in a window, and in past ones."""
    limit = evidence.log_limit
    in_alarm = {name for _, name in judge.episodes.going(["rule"])}
    found = []
    for place, (column, baseline) in enumerate(zip(layout.columns, baselines, strict=True)):
        begin, end = layout.offsets[place], layout.offsets[place + 1]
        counts = window.counts[begin:end]
        standing = judge.standings[place]
        state: ColumnState = "alarm" if column.name in in_alarm else standing.state
        least, most = window.moments[place, 2:].tolist()
        quantiles = sketches.quantiles(place, QUANTILES) or quantiles_of(
            column,
            counts,
            QUANTILES,
            minimum=least if least <= most else None,
            maximum=most if least <= most else None,
        )
        found.append(
            column_drift(
                column,
                comparisons[place],
                state=state,
                log_e=evidence.log_e(place, standing.against),
                log_limit=limit,
                onset=evidence.onset(place, standing.against),
                against=standing.against,
                rates=rates_of(column, baseline, counts, window.outside[place]),
                quantiles=quantiles,
                history=history_of(column, baseline, place, begin, end, past),
                margin=margins.of(place),
                unseen=sketches.unseen(place, int(counts[len(column.categories)])),
            )
        )
    return tuple(found)
