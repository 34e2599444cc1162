# SPDX-License-Identifier: Apache-2.0
"""From counts of a table to how it stands: columns, evidence, alarms. Pure."""

from dataclasses import dataclass, replace

import numpy as np

from penstock.drift import Alarm, ColumnDrift, DriftStatus, HistoryPoint
from penstock.drift.status import ColumnState
from penstock.profile import ReferenceProfile
from penstock_monitoring import effects
from penstock_monitoring.baseline import Baseline, baseline_of
from penstock_monitoring.bins import ColumnPlaces, bins_of_rows
from penstock_monitoring.bound import bound_of
from penstock_monitoring.describe import kind_of, rates_of
from penstock_monitoring.history import psi_over_time
from penstock_monitoring.multiplicity import ed_bh
from penstock_monitoring.onset import onset_of
from penstock_monitoring.quantiles import QUANTILES
from penstock_monitoring.schema_changes import SchemaChanges
from penstock_monitoring.table_alarms import alarms_of
from penstock_monitoring.table_counts import ColumnCounts
from penstock_monitoring.table_evidence import log_e_of, log_p_of_bins
from penstock_monitoring.table_rules import Finding, findings_of

__all__ = ["Compared", "Spans", "status_of_counts"]

#: Of fewer live rows, or rows of the reference, nothing is said.
ROWS_MIN = 30
UNSEEN_TOLD = 10
#: As a category of a profile: so few rows may be somebody's name.
UNSEEN_ROWS_MIN = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Spans:
    """The time that rows cover, in `count` equal spans; none: rows have no times.

    Seconds since 1970. `now`: when they were compared.
    """

    begin: float
    end: float
    now: float
    count: int = 0

    def begin_of(self, span: int) -> float:
        """When a span begins."""
        return self.begin + (self.end - self.begin) * span / max(1, self.count)


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """What a table has shown beside a profile."""

    profile: ReferenceProfile
    name: str
    columns: tuple[ColumnCounts, ...]
    changes: SchemaChanges
    spans: Spans
    false_discovery_rate: float
    notes: tuple[str, ...] = ()


def status_of_counts(compared: Compared) -> tuple[DriftStatus, dict[str, float]]:
    """How the table stands, and by column the p-value of its bins, as a logarithm."""
    baselines = [baseline_of(compared.profile, one.column) for one in compared.columns]
    pairs = [
        effects.Pair(
            column=one.column,
            reference=baseline.counts,
            live=one.counts,
            dispersion=baseline.dispersion,
        )
        for one, baseline in zip(compared.columns, baselines, strict=True)
    ]
    shown = effects.compare(pairs)
    log_ps = [_log_p(pair) for pair in pairs]
    findings = [
        finding
        for one, baseline in zip(compared.columns, baselines, strict=True)
        for finding in findings_of(one, baseline, compared.profile)
    ]
    log_es = np.array([log_e_of(p) for p in (*log_ps, *(one.log_p for one in findings))])
    is_told = ed_bh(log_es, compared.false_discovery_rate)
    broken = tuple(
        replace(finding, log_e=float(log_e))
        for finding, log_e, is_one in zip(
            findings, log_es[len(pairs) :], is_told[len(pairs) :], strict=True
        )
        if is_one
    )
    limit = float(np.log(max(1, len(log_es)) / compared.false_discovery_rate))
    columns = tuple(
        _column(
            compared,
            one,
            baseline,
            comparison,
            float(log_es[place]),
            limit,
            bool(is_told[place]),
            broken,
        )
        for place, (one, baseline, comparison) in enumerate(
            zip(compared.columns, baselines, shown, strict=True)
        )
    )
    alarms = alarms_of(
        columns, broken, compared.changes, begin=compared.spans.begin, now=compared.spans.now
    )
    return _status(compared, columns, alarms), {
        column.name: log_p for column, log_p in zip(columns, log_ps, strict=True)
    }


def _status(
    compared: Compared, columns: tuple[ColumnDrift, ...], alarms: tuple[Alarm, ...]
) -> DriftStatus:
    profile, spans = compared.profile, compared.spans
    rows = max((column.rows for column in columns), default=0)
    new = compared.changes.new
    notes = [f"New columns, which the reference has not: {', '.join(new)}."] if new else []
    notes += [*compared.notes, _how(compared.false_discovery_rate)]
    rate = compared.false_discovery_rate
    bound = bound_of(
        profile,
        {column.name for column in columns},
        f"At most {rate:g} of what is told of is there by chance, on average",
    )
    return DriftStatus(
        model=compared.name,
        version=0,
        reference="profile",
        reference_digest=profile.digest,
        reference_rows=profile.rows,
        begin=spans.begin,
        end=spans.end,
        rows=rows,
        tested_rows=rows,
        dropped_rows=0,
        repeated_rows=0,
        share=1.0,
        ticks=0,
        false_alarms_per_30_days=0.0,
        columns=columns,
        alarms=alarms,
        notes=tuple(notes),
        claims_bound=bound.is_claimed,
        bound=bound.sentence,
    )


def _how(rate: float) -> str:
    return (
        f"An alarm has evidence and size: e-BH over all columns and rules at a false discovery "
        f"rate of {rate:g}, and a PSI or a Wasserstein distance whose interval is above 0.1."
    )


def _log_p(pair: effects.Pair) -> float:
    bins = bins_of_rows(pair.column, pair.reference, pair.live, dispersion=pair.dispersion)
    return log_p_of_bins(
        bins.sums(pair.live), bins.sums(pair.reference), dispersion=pair.dispersion
    )


def _column(
    compared: Compared,
    one: ColumnCounts,
    baseline: Baseline,
    shown: effects.Comparison,
    log_e: float,
    limit: float,
    is_told: bool,
    broken: tuple[Finding, ...],
) -> ColumnDrift:
    history = _history(one, baseline, compared.spans)
    level = effects.level_of(shown)
    is_alarm = (is_told and level == "alarm") or any(
        finding.column == one.column.name for finding in broken
    )
    state: ColumnState = "alarm" if is_alarm else "warn" if level != "ok" and is_told else "ok"
    is_hidden = one.column.is_sensitive
    sample = one.sample()
    has_quantiles = len(sample) > 0 and not is_hidden
    return ColumnDrift(
        name=one.column.name,
        kind=kind_of(one.column),
        is_output=one.column.is_output,
        state=state if min(shown.rows, shown.reference_rows) >= ROWS_MIN else "learning",
        log_e=log_e,
        log_limit=limit,
        onset=_onset(one, baseline, compared.spans) if is_alarm else None,
        rows=shown.rows,
        reference_rows=shown.reference_rows,
        against="reference",
        effects=shown.effects,
        rates=rates_of(one.column, baseline, one.counts, one.outside),
        bins=() if is_hidden else shown.bins,
        live=() if is_hidden else shown.live,
        reference=() if is_hidden else shown.reference,
        quantiles=tuple(np.quantile(sample, QUANTILES).tolist()) if has_quantiles else (),
        smallest_psi=shown.smallest_psi,
        history=history,
        unseen=one.commonest_unseen(UNSEEN_TOLD, UNSEEN_ROWS_MIN),
    )


def _history(one: ColumnCounts, baseline: Baseline, spans: Spans) -> tuple[HistoryPoint, ...]:
    rows_of = one.by_window.sum(axis=1)
    used = np.flatnonzero(rows_of)
    if len(used) == 0:
        return ()
    places = ColumnPlaces([one.column])
    psi = psi_over_time(places, [baseline], list(one.by_window[used, None].astype(np.float64)))
    found = []
    for span, off in zip(used.tolist(), psi[:, 0].tolist(), strict=True):
        counts = one.by_window[span]
        rows = int(rows_of[span])
        finite, total = one.sums[span].tolist()
        found.append(
            HistoryPoint(
                begin=spans.begin_of(span),
                end=spans.begin_of(span + 1),
                rows=rows,
                psi=off,
                missing=int(counts[_missing(one)]) / rows,
                mean=total / finite if finite and not one.column.is_sensitive else None,
            )
        )
    return tuple(found)


def _missing(one: ColumnCounts) -> int:
    """The place of missing values."""
    return -1 if one.column.reading in ("category", "present") else len(one.column.edges) + 1


def _onset(one: ColumnCounts, baseline: Baseline, spans: Spans) -> float | None:
    """When it began to differ; None: its rows have no times."""
    if not spans.count:
        return None
    bins = bins_of_rows(one.column, baseline.counts, one.counts, dispersion=baseline.dispersion)
    by_span = np.stack([bins.sums(counts) for counts in one.by_window])
    return spans.begin_of(onset_of(by_span, bins.sums(baseline.counts)))
