# SPDX-License-Identifier: Apache-2.0
"""How the live rows of a version stand to its reference: the same for gRPC, REST, reports."""

from dataclasses import dataclass
from typing import Literal

__all__ = [
    "Alarm",
    "ColumnDrift",
    "ColumnState",
    "DriftStatus",
    "Effect",
    "HistoryPoint",
    "Rate",
]

#: `learning`: too few rows yet. `warn`: the effect is large enough to be told. `alarm`: and there
#: is evidence for it that false alarms are bounded by.
ColumnState = Literal["learning", "ok", "warn", "alarm"]
EffectName = Literal["psi", "js", "ks", "wasserstein", "tv"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """How far live rows are from the reference, less what chance alone makes of it.

    `psi`, `js` (nats): debiased. `wasserstein`: over the reference's interquartile range. `low`,
    `high`: 95 % interval.
    """

    name: EffectName
    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """The share of rows that are so: `missing`, `infinite`, `below`, `above`, `unseen`."""

    name: str
    live: float
    #: None: the reference does not tell.
    reference: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryPoint:
    """One past window of a column. `begin`, `end`: seconds since 1970, UTC."""

    begin: float
    end: float
    rows: int
    psi: float
    missing: float
    #: Of finite numbers; None: there are none.
    mean: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnDrift:
    """One column in one window."""

    name: str
    kind: Literal["numeric", "categorical", "length", "norm", "projection", "sensitive"]
    is_output: bool
    state: ColumnState
    #: Natural logarithm of the evidence against "no shift beyond the tolerance", and where it
    #: raises an alarm by itself. The alarm of several columns at once needs less of each (e-d-BH).
    log_e: float
    log_limit: float
    #: When what the evidence speaks of began; None: it speaks of nothing.
    onset: float | None
    #: Live rows in the window, and rows of the reference.
    rows: int
    reference_rows: int
    #: "reference", or "last week": the same hours of it.
    against: Literal["reference", "last week"]
    effects: tuple[Effect, ...]
    rates: tuple[Rate, ...]
    #: Names of the merged bins that effects are of ("[0.5, 1.25)", "red", "other"), and the share
    #: of rows in each. Empty for a sensitive column.
    bins: tuple[str, ...]
    live: tuple[float, ...]
    reference: tuple[float, ...]
    #: Live quantiles 0.05, 0.25, 0.5, 0.75, 0.95; empty: none, or a sensitive column.
    quantiles: tuple[float, ...]
    #: The least PSI that so many rows could show.
    smallest_psi: float
    history: tuple[HistoryPoint, ...] = ()
    #: Categories that the reference has not, and their live rows; the commonest first.
    unseen: tuple[tuple[str, int], ...] = ()
    #: For displays alone, no alarm goes by it: the evidence that rows drawn independently from the
    #: very reference reach as rarely as the bound of `log_limit` promises. None: not simulated yet,
    #: or `against` last week.
    calibrated_limit: float | None = None
    #: Whether `log_e` is between `calibrated_limit` and `log_limit`, and no alarm goes on.
    is_suspected: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """One message about one or several columns that began to differ together.

    `kind`: "drift", or the rule of data quality that was broken: "missing", "range", "infinite",
    "unseen", "constant", "unit", "repeated", "silence".
    """

    id: str
    kind: str
    columns: tuple[str, ...]
    raised_at: float
    onset: float
    #: None: it goes on.
    cleared_at: float | None
    log_e: float
    #: The largest effect among its columns; None: a rule's.
    effect: Effect | None
    #: One sentence: what, since when, by how much.
    message: str
    #: How often it was told of again: once in 24 hours that it goes on.
    reminders: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftStatus:
    """One version of a model."""

    model: str
    version: int
    #: "profile": held-out rows. "self": the first live rows, which is weaker: what was wrong from
    #: the start is not seen. "learning": those are being gathered.
    reference: Literal["profile", "self", "learning"]
    reference_digest: str
    reference_rows: int
    #: The window that `columns` are of, and what was seen in it.
    begin: float
    end: float
    rows: int
    tested_rows: int
    dropped_rows: int
    repeated_rows: int
    #: The share of requests that are looked at.
    share: float
    #: Ticks since monitoring began, and the alarms that may be false in 30 days.
    ticks: int
    false_alarms_per_30_days: float
    columns: tuple[ColumnDrift, ...]
    #: Those that go on, then past ones; the newest first.
    alarms: tuple[Alarm, ...]
    #: Sentences about what could not be done: no profile, a column that vanished.
    notes: tuple[str, ...] = ()
    #: Whether false alarms are bounded by `false_alarms_per_30_days`, and a sentence about what
    #: that rests on, or how it is to be had; "": there is no reference yet.
    claims_bound: bool = False
    bound: str = ""
