# SPDX-License-Identifier: Apache-2.0
"""Rules of data quality over the counts of one column of a table. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from penstock.profile import NumericFeature, ReferenceProfile
from penstock_monitoring.baseline import Baseline
from penstock_monitoring.quality import DECILES, factor_told, is_other, unit_factor
from penstock_monitoring.quantiles import quantiles_of
from penstock_monitoring.table_counts import ColumnCounts
from penstock_monitoring.table_evidence import log_p_of_rate

__all__ = ["Finding", "findings_of"]

#: How much more rows may be so than in the reference, before it counts.
TOLERANCE = 0.02
#: The same of values outside of the reference's range, of which there were none by definition.
OUTSIDE_TOLERANCE = 0.01
#: What broke a rule that allows of no chance is worth.
CERTAIN = -1e3
ROWS_MIN = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A rule that may be broken: `kind` as in Alarm, and the chance of it, as a logarithm."""

    column: str
    kind: str
    log_p: float
    #: What was found, beginning with a verb.
    what: str
    log_e: float = 0.0


def findings_of(
    one: ColumnCounts, baseline: Baseline, profile: ReferenceProfile
) -> Iterator[Finding]:
    """Rules that could be broken, each with how likely that would be by chance."""
    n, m = int(one.counts.sum()), baseline.rows
    name = one.column.name
    if n < ROWS_MIN:
        return
    for kind, rows, were in _counts(one, baseline):
        if kind == "infinite":
            if rows and not were:
                yield Finding(
                    column=name, kind=kind, log_p=CERTAIN, what=f"has {rows:,} infinite values"
                )
            continue
        is_outside = kind in ("below", "above")
        # Beyond the largest of m reference values lies one in m + 1 without any drift.
        tolerance = OUTSIDE_TOLERANCE + 1 / (m + 1) if is_outside else TOLERANCE
        log_p = log_p_of_rate(
            (rows, n), (were or 0, m), tolerance=tolerance, dispersion=baseline.dispersion
        )
        yield Finding(
            column=name,
            kind="range" if is_outside else kind,
            log_p=log_p,
            what=_told(kind, rows / n, (were or 0) / max(1, m)),
        )
    yield from _whole_column(one, baseline, profile)


def _whole_column(
    one: ColumnCounts, baseline: Baseline, profile: ReferenceProfile
) -> Iterator[Finding]:
    name, column = one.column.name, one.column
    if column.reading == "number" and np.isfinite(one.least):
        feature = next((f for f in profile.features if f.name == name), None)
        known = feature if isinstance(feature, NumericFeature) else None
        if one.least == one.greatest and known is not None and (known.variance or 0) > 0:
            log_p = _log_p_of_one(one, baseline, len(column.edges) + 1)
            yield Finding(
                column=name, kind="constant", log_p=log_p, what=f"is always {one.least:g}"
            )
        sample = one.sample()
        before = quantiles_of(column, baseline.counts, DECILES)
        after = np.quantile(sample.astype(np.float64), DECILES).tolist()
        is_moved = is_other(column, baseline.counts, sample.astype(np.float64))
        factor = unit_factor(before, after, rows=len(sample)) if before and is_moved else None
        if factor is not None:
            yield Finding(
                column=name,
                kind="unit",
                log_p=CERTAIN,
                what=f"is {factor_told(factor)} times what it was at every decile, as if its "
                "unit had changed",
            )
    elif column.reading == "category":
        used = np.flatnonzero(one.counts)
        is_missing = one.counts[-1] > 0  # which has a rule of its own
        had_several = np.count_nonzero(baseline.counts) > 1
        if len(used) == 1 and not is_missing and had_several and len(one.unseen) < 2:
            names = [*map(str, column.categories), "a category that is new"]
            yield Finding(
                column=name,
                kind="constant",
                log_p=_log_p_of_one(one, baseline, len(baseline.counts)),
                what=f"is always {names[int(used[0])]}",
            )


def _log_p_of_one(one: ColumnCounts, baseline: Baseline, places: int) -> float:
    """That all rows fall to one place by chance: the commonest of the reference's."""
    most = (float(baseline.counts[:places].max(initial=0)) + 1) / (baseline.rows + 1)
    return float(one.counts.sum() / baseline.dispersion * np.log(most))


def _counts(one: ColumnCounts, baseline: Baseline) -> Iterator[tuple[str, int, int | None]]:
    """Of each rate its name, live rows and reference rows; None: it cannot be known."""
    column, counts = one.column, one.counts
    match column.reading:
        case "present":
            yield "missing", int(counts[-1]), int(baseline.counts[-1])
        case "category":
            yield "missing", int(counts[-1]), int(baseline.counts[-1])
            yield "unseen", int(counts[-2]), int(baseline.counts[-2])
        case _:
            yield "missing", int(counts[-2]), int(baseline.counts[-2])
            yield "infinite", int(counts[-1]), int(baseline.counts[-1])
            if column.minimum is not None:
                yield "below", int(one.outside[0]), 0
                yield "above", int(one.outside[1]), 0


def _told(kind: str, live: float, reference: float) -> str:
    match kind:
        case "missing":
            return f"is missing in {live:.2%} of rows, and was in {reference:.2%}"
        case "unseen":
            return f"has other categories in {live:.2%} of rows, and had in {reference:.2%}"
        case "below":
            return f"is below all of the reference in {live:.2%} of rows"
        case _:
            return f"is above all of the reference in {live:.2%} of rows"
