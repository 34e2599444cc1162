# SPDX-License-Identifier: Apache-2.0
"""What happens to a model's answers when rows are not as they should be.

Missing values, one column at a time and everywhere; categories that were never seen; noise; and the
worst that small changes can do (a search by differences, as fast gradient signs need gradients that
trees do not have: each column's step is the one that harms most alone, and all are taken together).
The search finds a harmful change or does not; that it finds none proves nothing.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from penstock_training.errors import CandidateError
from penstock_training.evaluate.metrics import score
from penstock_training.evaluate.predictions import Floats, Predictions

__all__ = ["Probe", "ProbedColumns", "probes"]

#: Rows that are changed, the first ones; and columns, since each costs two predictions a row.
ROWS_MAX = 500
COLUMNS_MAX = 200
MISSING_SHARES = (0.1, 0.3)
#: In standard deviations of each column.
NOISES = (0.05, 0.2)
REACHES = (0.05, 0.2)
#: Categories that no row has.
UNKNOWN_TEXT = "a value that no row has"
UNKNOWN_NUMBER = -(2**31)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbedColumns:
    """Columns by what can go wrong with them."""

    numeric: tuple[str, ...]
    #: Categories that are texts, and those that are whole numbers, which cannot be missing.
    texts: tuple[str, ...] = ()
    whole: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """One way to spoil rows, and what the answers are like then."""

    #: Such as "10 % of values missing", "age missing", "noise of 0.05 sd".
    name: str
    kind: str
    rows: int
    #: The deciding metric of the spoilt rows; NaN where it cannot be computed.
    metric: float
    metric_before: float
    #: The share of rows whose class changed; of regression whose prediction moved by more than a
    #: tenth of the target's standard deviation.
    changed: float
    #: The share of rows whose answer is no finite number, or who get none.
    not_finite: float


def probes(
    frame: Any,
    columns: ProbedColumns,
    predict: Callable[[Any], Predictions],
    metric: str,
    *,
    seed: int,
) -> list[Probe]:
    """Spoil a frame's rows in every way. The order of probes is fixed."""
    numeric = list(columns.numeric)
    rows = frame.iloc[:ROWS_MAX].copy()
    rows[numeric] = rows[numeric].astype(np.float64)
    before = predict(rows)
    ask = _Asking(predict=predict, before=before, metric=metric)
    draws = np.random.default_rng(seed)
    found = []
    for share in MISSING_SHARES:
        spoilt = _holes(rows, columns, share, draws)
        found.append(ask.probe(f"{share:.0%} of values missing", "missing", spoilt))
    for column in [*numeric, *columns.texts][:COLUMNS_MAX]:
        spoilt = rows.copy()
        spoilt[column] = np.nan if column in numeric else None
        found.append(ask.probe(f"{column} missing", "missing column", spoilt))
    for column in [*columns.texts, *columns.whole][:COLUMNS_MAX]:
        spoilt = rows.copy()
        spoilt[column] = UNKNOWN_TEXT if column in columns.texts else UNKNOWN_NUMBER
        found.append(ask.probe(f"{column} unknown", "unknown category", spoilt))
    steps = _spreads(rows, numeric)
    if steps:
        for noise in NOISES:
            spoilt = _noisy(rows, steps, noise, draws)
            found.append(ask.probe(f"noise of {noise:g} sd", "noise", spoilt))
        for reach in REACHES:
            spoilt = _worst(rows, steps, reach, predict, before)
            found.append(
                ask.probe(f"worst change found within {reach:g} sd", "adversarial", spoilt)
            )
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asking:
    predict: Callable[[Any], Predictions]
    before: Predictions
    metric: str

    def probe(self, name: str, kind: str, spoilt: Any) -> Probe:
        """A model that refuses such rows has no answer to any of them."""
        try:
            after = self.predict(spoilt)
        except CandidateError:
            after = self.before.take(np.zeros(len(spoilt), dtype=bool))
            changed, is_finite = np.ones(len(spoilt), dtype=bool), np.zeros(len(spoilt), dtype=bool)
        else:
            answers = after.predicted.reshape(len(after), -1)
            is_finite = np.asarray(np.isfinite(answers).all(axis=1))
            changed = _has_changed(self.before, after) | ~is_finite
            after = after.take(is_finite)
        return Probe(
            name=name,
            kind=kind,
            rows=len(spoilt),
            metric=score(self.metric, after),
            metric_before=score(self.metric, self.before),
            changed=float(np.mean(changed)),
            not_finite=float(np.mean(~is_finite)),
        )


def _has_changed(before: Predictions, after: Predictions) -> Any:
    if before.task == "regression":
        moved = np.abs(after.predicted - before.predicted)
        return moved > 0.1 * float(np.std(before.target))
    return after.labels != before.labels


def _holes(rows: Any, columns: ProbedColumns, share: float, draws: np.random.Generator) -> Any:
    spoilt = rows.copy()
    for column in [*columns.numeric, *columns.texts]:
        is_hole = draws.random(len(rows)) < share
        value = np.nan if column in columns.numeric else None
        spoilt[column] = spoilt[column].mask(is_hole, value)
    return spoilt


def _spreads(rows: Any, numeric: Sequence[str]) -> dict[str, float]:
    """Standard deviations of columns with more than two values: others are no quantities."""
    found = {}
    for column in list(numeric)[:COLUMNS_MAX]:
        if rows[column].nunique() > 2:
            found[column] = float(rows[column].std(ddof=0))
    return found


def _noisy(rows: Any, steps: dict[str, float], noise: float, draws: np.random.Generator) -> Any:
    spoilt = rows.copy()
    for column, spread in steps.items():
        spoilt[column] += draws.normal(0, noise * spread, len(rows))
    return spoilt


def _worst(
    rows: Any,
    steps: dict[str, float],
    reach: float,
    predict: Callable[[Any], Predictions],
    before: Predictions,
) -> Any:
    """Each row with, in every column, the step up or down that raised its loss most, or none."""
    least = before.losses()
    taken = {}
    for column, spread in steps.items():
        best, step = least, np.zeros(len(rows))
        for sign in (1.0, -1.0):
            moved = rows.copy()
            moved[column] += sign * reach * spread
            losses: Floats = predict(moved).losses()
            is_worse = losses > best
            step = np.where(is_worse, sign * reach * spread, step)
            best = np.where(is_worse, losses, best)
        taken[column] = step
    spoilt = rows.copy()
    for column, step in taken.items():
        spoilt[column] += step
    return spoilt
