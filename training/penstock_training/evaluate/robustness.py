# SPDX-License-Identifier: Apache-2.0
"""What happens to a model's answers when rows are not as they should be.

Missing values, one column at a time and everywhere; noise; and the worst that small changes can do
(a search by differences, as fast gradient signs need gradients that trees do not have: each
column's step is the one that harms most alone, and all are taken together). The search finds a
harmful change or does not; that it finds none proves nothing.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from penstock_training.evaluate.metrics import score
from penstock_training.evaluate.predictions import Floats, Predictions

__all__ = ["Probe", "probes"]

#: Rows that are changed, the first ones; and columns, since each costs two predictions a row.
ROWS_MAX = 500
COLUMNS_MAX = 200
MISSING_SHARES = (0.1, 0.3)
#: In standard deviations of each column.
NOISES = (0.05, 0.2)
REACHES = (0.05, 0.2)


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
    #: The share of rows whose answer is not a finite number.
    not_finite: float


def probes(
    frame: Any,
    numeric: Sequence[str],
    categorical: Sequence[str],
    predict: Callable[[Any], Predictions],
    metric: str,
    *,
    seed: int,
) -> list[Probe]:
    """Spoil a frame's rows in every way. The order of probes is fixed."""
    rows = frame.iloc[:ROWS_MAX].copy()
    rows[list(numeric)] = rows[list(numeric)].astype(np.float64)
    before = predict(rows)
    tell = _Telling(before=before, metric=metric, metric_before=score(metric, before))
    draws = np.random.default_rng(seed)
    found = []
    for share in MISSING_SHARES:
        spoilt = _holes(rows, numeric, categorical, share, draws)
        found.append(tell.probe(f"{share:.0%} of values missing", "missing", predict(spoilt)))
    for column in [*numeric, *categorical][:COLUMNS_MAX]:
        spoilt = rows.copy()
        spoilt[column] = np.nan if column in numeric else None
        found.append(tell.probe(f"{column} missing", "missing column", predict(spoilt)))
    steps = _spreads(rows, numeric)
    if steps:
        for noise in NOISES:
            spoilt = _noisy(rows, steps, noise, draws)
            found.append(tell.probe(f"noise of {noise:g} sd", "noise", predict(spoilt)))
        for reach in REACHES:
            spoilt = _worst(rows, steps, reach, predict, before)
            name = f"worst change found within {reach:g} sd"
            found.append(tell.probe(name, "adversarial", predict(spoilt)))
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class _Telling:
    before: Predictions
    metric: str
    metric_before: float

    def probe(self, name: str, kind: str, after: Predictions) -> Probe:
        answers = after.predicted.reshape(len(after), -1)
        is_finite = np.asarray(np.isfinite(answers).all(axis=1))
        return Probe(
            name=name,
            kind=kind,
            rows=len(after),
            metric=score(self.metric, after.take(is_finite)),
            metric_before=self.metric_before,
            changed=float(np.mean(_has_changed(self.before, after) | ~is_finite)),
            not_finite=float(np.mean(~is_finite)),
        )


def _has_changed(before: Predictions, after: Predictions) -> Any:
    if before.task == "regression":
        moved = np.abs(after.predicted - before.predicted)
        return moved > 0.1 * float(np.std(before.target))
    return after.labels != before.labels


def _holes(
    rows: Any,
    numeric: Sequence[str],
    categorical: Sequence[str],
    share: float,
    draws: np.random.Generator,
) -> Any:
    spoilt = rows.copy()
    for column in [*numeric, *categorical]:
        is_hole = draws.random(len(rows)) < share
        value = np.nan if column in numeric else None
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
