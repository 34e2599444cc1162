# SPDX-License-Identifier: Apache-2.0
"""How live rows stand to a reference, as a server says. Values only; their fields are those of
proto/drift.proto.

Times are seconds since 1970, UTC. None: unknown, or there is none.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = [
    "ColumnDrift",
    "DriftAlarm",
    "DriftEffect",
    "DriftHistoryPoint",
    "DriftRate",
    "DriftStatus",
    "UnseenCategory",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftEffect:
    """How far live rows are from the reference, with a 95 % interval.

    `name`: "psi", "js", "ks", "wasserstein" or "tv".
    """

    name: str
    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftRate:
    """The share of rows that are `name`: "missing", "infinite", "below", "above", "unseen"."""

    name: str
    live: float
    reference: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftHistoryPoint:
    """One past window of a column."""

    begin: float
    end: float
    rows: int
    psi: float
    missing: float
    mean: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class UnseenCategory:
    """One that the reference has not, and its live rows."""

    category: str
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnDrift:
    """One column in one window.

    `state`: "learning", "ok", "warn" or "alarm". `log_e` is the evidence, `log_limit` where it
    raises an alarm by itself, `onset` when what it speaks of began. `against`: "reference" or
    "last week". `live` and `reference` are the shares of rows in `bins`; of a sensitive column
    there are none. `quantiles`: 0.05, 0.25, 0.5, 0.75, 0.95. `is_suspected`: the evidence is above
    `calibrated_limit`, which no alarm goes by, and below `log_limit`.
    """

    name: str
    kind: str
    is_output: bool
    state: str
    log_e: float
    log_limit: float
    onset: float | None
    rows: int
    reference_rows: int
    against: str
    effects: tuple[DriftEffect, ...]
    rates: tuple[DriftRate, ...]
    bins: tuple[str, ...]
    live: tuple[float, ...]
    reference: tuple[float, ...]
    quantiles: tuple[float, ...]
    smallest_psi: float
    history: tuple[DriftHistoryPoint, ...]
    unseen: tuple[UnseenCategory, ...]
    calibrated_limit: float | None
    is_suspected: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftAlarm:
    """One message about columns that began to differ together.

    `kind`: "drift", or the rule of data quality that was broken. `cleared_at` None: it goes on.
    `reminders`: how often it was told of again, once in 24 hours.
    """

    id: str
    kind: str
    columns: tuple[str, ...]
    raised_at: float
    onset: float
    cleared_at: float | None
    log_e: float
    effect: DriftEffect | None
    message: str
    reminders: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftStatus:
    """One version of a model.

    `reference`: "profile", "self" (its first live rows) or "learning" (those are being gathered).
    Columns are of the window from `begin` to `end`. `claims_bound`: whether false alarms are
    bounded by `false_alarms_per_30_days`; `bound` says what that rests on, or how it is to be had.
    """

    model: str
    version: int
    reference: str
    reference_digest: str
    reference_rows: int
    begin: float
    end: float
    rows: int
    tested_rows: int
    dropped_rows: int
    repeated_rows: int
    share: float
    ticks: int
    false_alarms_per_30_days: float
    columns: tuple[ColumnDrift, ...]
    alarms: tuple[DriftAlarm, ...]
    notes: tuple[str, ...]
    claims_bound: bool
    bound: str
