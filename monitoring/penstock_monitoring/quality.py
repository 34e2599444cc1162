# SPDX-License-Identifier: Apache-2.0
"""Rules of data quality that are broken at once, whatever the evidence; rates are bet on besides.

Each rule is far beyond what chance makes of rows like the reference's, so that it may be looked at
every minute.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from penstock.drift import Layout, WatchedColumn
from penstock_monitoring.baseline import Baseline
from penstock_monitoring.quantiles import quantiles_of
from penstock_monitoring.windows import Window

__all__ = [
    "Broken",
    "broken_rules",
    "factor_told",
    "is_other",
    "is_repeating",
    "is_silent",
    "percent",
    "unit_factor",
]

ROWS_MIN = 50
#: Share of rows from which on, where the reference has at most RARE of them.
MOSTLY = 0.5
RARE = 0.1
INFINITE_SHARE = 0.01
OUTSIDE_SHARE = 0.05
#: Logarithm of the chance of what a rule tells of, were the rows as the reference's.
_LOG_CHANCE = 15.0
#: Rows back to which repeated ones are looked for, and the share of them.
_REPEATED_AMONG = 1024
REPEATED_SHARE = 0.5
#: A unit is another one where all of 9 quantiles are off by one factor, within 5 %.
DECILES = tuple(np.arange(1, 10) / 10)
_UNIT_SPREAD = 0.05
_UNIT_MIN = 1.5
UNIT_ROWS_MIN = 200
#: And cumulative shares are off by so many standard errors somewhere.
_OTHER_ERRORS = 6.0
#: Rows that should have come by now, by the slowest hour of a day, and at least so many seconds.
_SILENT_ROWS = 50.0
_SILENT_S = 300.0
#: And so many times the longest usual pause.
_SILENT_PAUSES = 2.0

Counts = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """A rule that one column breaks. `kind`: as in Alarm. `said`: how, without the column."""

    column: int
    kind: str
    said: str


def broken_rules(
    layout: Layout,
    baselines: Sequence[Baseline],
    window: Window,
    sampled: npt.NDArray[np.float32] | None,
) -> list[Broken]:
    """At most one for each column of a window, the one that tells most.

    `sampled`: (rows, columns) of late, for what counts by the reference's bins cannot tell.
    """
    found = []
    # Rows of one request are not independent of each other.
    independent = min(1.0, window.scalars["tested_rows"] / max(1, window.rows))
    for place, (column, baseline) in enumerate(zip(layout.columns, baselines, strict=True)):
        counts = window.counts[layout.offsets[place] : layout.offsets[place + 1]]
        if counts.sum() < ROWS_MIN or baseline.rows == 0:
            continue
        values = None if sampled is None else sampled[:, place]
        rules = _rules(
            column,
            baseline,
            counts,
            window.outside[place],
            window.moments[place],
            values,
            independent,
        )
        first = next(rules, None)
        if first is not None:
            found.append(Broken(column=place, kind=first[0], said=first[1]))
    return found


def _rules(
    column: WatchedColumn,
    baseline: Baseline,
    counts: npt.NDArray[Any],
    outside: npt.NDArray[Any],
    moments: Floats,
    values: npt.NDArray[np.float32] | None,
    independent: float,
) -> Iterator[tuple[str, str]]:
    rows = float(counts.sum()) * independent / baseline.dispersion
    live, reference = counts / counts.sum(), baseline.counts / baseline.rows
    is_number = column.reading not in ("category", "present")
    missing = len(column.edges) + 1 if is_number else len(counts) - 1
    if live[missing] >= MOSTLY and reference[missing] <= RARE:
        yield "missing", _said("missing", live[missing], reference[missing])
    if is_number:
        factor = _factor(column, baseline, values, independent)
        if factor is not None and not column.is_sensitive:
            yield "unit", f"{factor_told(factor)} times what the reference has, as of another unit,"
        infinite = missing + 1
        is_new = bool(baseline.counts[infinite] == 0)
        is_new &= _is_beyond(live[infinite] * rows, rows, baseline.rows)
        if is_new and live[infinite] >= INFINITE_SHARE:
            yield "infinite", _said("infinite", live[infinite], 0.0)
    if column.reading == "category":
        other = len(column.categories)
        if live[other] >= MOSTLY and reference[other] <= RARE:
            yield "unseen", _said("unseen", live[other], reference[other])
    if column.reading != "present":
        is_one = bool(moments[2] == moments[3]) if is_number else bool(live[:missing].max() == 1.0)
        regular = reference[:missing]
        if is_one and -rows * np.log(max(float(regular.max()), 1e-9)) > _LOG_CHANCE:
            yield "constant", "one value in all rows"
    if is_number:
        finite = float(counts[:missing].sum())
        share = float(outside.sum()) / finite if finite else 0.0
        inside = rows * finite / float(counts.sum())
        if share >= OUTSIDE_SHARE and _is_beyond(share * inside, inside, baseline.rows):
            yield "range", _said("outside of the reference's range", share, 0.0)


def _said(what: str, live: float, reference: float) -> str:
    return f"{percent(live)} of rows {what}, {percent(reference)} in the reference,"


def percent(share: float) -> str:
    """A share as people say it."""
    return f"{100 * share:.3g} %"


def _is_beyond(found: float, rows: float, reference_rows: int) -> bool:
    """Whether `found` of live `rows` have what no row of the reference has, against all chance.

    Were rows of both alike, all that have it would be live ones with the chance (n / (n + m))^k;
    of what lies outside of two ends there are k + 1 ways.
    """
    if found <= 0:
        return False
    log_chance = found * math.log1p(reference_rows / rows) - math.log1p(found)
    return log_chance > _LOG_CHANCE


def _factor(
    column: WatchedColumn,
    baseline: Baseline,
    values: npt.NDArray[np.float32] | None,
    independent: float,
) -> float | None:
    if values is None:
        return None
    finite = values[np.isfinite(values)].astype(np.float64)
    rows = len(finite) * independent / baseline.dispersion
    if len(finite) < UNIT_ROWS_MIN or not is_other(column, baseline.counts, finite, rows=rows):
        return None
    reference = quantiles_of(column, baseline.counts, DECILES)
    return unit_factor(reference, np.quantile(finite, DECILES).tolist(), rows=len(finite))


def is_other(
    column: WatchedColumn, counts: Counts, values: Floats, *, rows: float | None = None
) -> bool:
    """Whether values (n,) lie otherwise than a reference's counts (places,), against all chance.

    Deciles alone do not tell: of a heavy tail the largest is off by a factor now and then. Of
    `rows` independent ones.
    """
    edges = np.asarray(column.edges, dtype=np.float64)
    bins = counts[: len(edges) + 1]
    n, m = float(len(values) if rows is None else rows), float(bins.sum())
    if len(edges) == 0 or n <= 0 or m <= 0:
        return False
    was = np.cumsum(bins)[:-1] / m
    now = np.searchsorted(np.sort(values), edges) / len(values)
    pooled = (n * now + m * was) / (n + m)
    errors = np.sqrt(pooled * (1 - pooled) * (1 / n + 1 / m))
    return bool((np.abs(now - was) > _OTHER_ERRORS * errors).any())


def unit_factor(
    reference: Sequence[float], live: Sequence[float], *, rows: int | None = None
) -> float | None:
    """The one factor that live quantiles (q,) are the reference's times, or None.

    Within 5 %, and three standard errors of quantiles of so many `rows`; 1.5 or its inverse at
    least.
    """
    was, now = np.asarray(reference, dtype=np.float64), np.asarray(live, dtype=np.float64)
    square = float(was @ was) if len(was) else 0.0
    if square <= 0 or not (np.isfinite(was).all() and np.isfinite(now).all()):
        return None
    factor = float(now @ was) / square
    if factor <= 0 or max(factor, 1 / factor) < _UNIT_MIN:
        return None
    chance = 0.0 if rows is None else 3 * 0.5 * float(np.ptp(was)) / rows**0.5
    is_one = np.abs(now / factor - was) <= _UNIT_SPREAD * np.abs(was) + chance
    # A narrow column far from zero is off by a factor however it moves.
    is_wide = float(np.ptp(was)) > _UNIT_SPREAD * float(np.abs(was).max())
    return factor if bool(is_one.all()) and is_wide else None


def factor_told(factor: float) -> str:
    """A factor of unit_factor as people say it: "1000", "1/100", "2.54"."""
    turned = max(factor, 1 / factor)
    power = 10.0 ** round(math.log10(turned))
    if power > 1 and abs(turned / power - 1) <= _UNIT_SPREAD:
        turned = power
    told = f"{turned:.3g}" if turned < 1000 else f"{turned:.0f}"
    return told if factor >= 1 else f"1/{told}"


def is_repeating(baselines: Sequence[Baseline], window: Window) -> bool:
    """Whether rows repeat each other that should not: half of a window's, where the reference's
    columns, were they independent, would hardly ever have two alike among 1024.
    """
    rows = window.rows
    alike = 1.0
    for baseline in baselines:
        if baseline.rows:
            alike *= float(((baseline.counts / baseline.rows) ** 2).sum())
    should = alike * _REPEATED_AMONG
    return (
        rows >= 4 * ROWS_MIN
        and should < 0.01
        and window.scalars["repeated_rows"] >= REPEATED_SHARE * rows
    )


def is_silent(rows_by_hour: Sequence[int], silent_s: float, pauses_s: Sequence[float] = ()) -> bool:
    """Whether rows should have come in `silent_s`: by the slowest of the last 24 whole hours.

    `rows_by_hour`: of those; with fewer of them nobody knows what a night is like. `pauses_s`: the
    longest without rows in each, for rows may come in batches; the longest of all may be a fault.
    """
    usual_s = max(sorted(pauses_s)[:-1], default=0.0)
    if len(rows_by_hour) < 23 or silent_s < max(_SILENT_S, _SILENT_PAUSES * usual_s):
        return False
    return min(rows_by_hour) / 3600 * silent_s >= _SILENT_ROWS
