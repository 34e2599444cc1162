# SPDX-License-Identifier: Apache-2.0
"""Permutation importance: how much worse the metric is when a column's values change places.

Breiman 2001; Fisher, Rudin and Dominici 2019 (model reliance). Columns that tell the same stand in
for each other, so that each of them may seem to matter little.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from penstock_training.evaluate.metrics import score
from penstock_training.evaluate.predictions import Predictions
from penstock_training.spec.problem import is_loss

__all__ = ["REPEATS", "Importance", "permutation_importance"]

REPEATS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Importance:
    """How much worse a metric is without a column, over REPEATS orders: mean and sd."""

    column: str
    mean: float
    sd: float


def permutation_importance(
    frame: Any,
    columns: Sequence[str],
    predict: Callable[[Any], Predictions],
    metric: str,
    *,
    seed: int,
    count: Callable[[int, int], None],
) -> list[Importance]:
    """The importance of each column of a pandas frame, greatest first.

    It is in the metric's unit, and positive where the metric gets worse. Orders that leave the
    metric undefined do not count; without any that do it is NaN.
    """
    sign = 1.0 if is_loss(metric) else -1.0
    draws = np.random.default_rng(seed)
    before = score(metric, predict(frame))
    found = []
    for place, column in enumerate(columns):
        worse = []
        for _ in range(REPEATS):
            shuffled = frame.copy()
            shuffled[column] = frame[column].take(draws.permutation(len(frame))).to_numpy()
            worse.append(sign * (score(metric, predict(shuffled)) - before))
        defined = np.array([one for one in worse if np.isfinite(one)])
        mean = float(defined.mean()) if len(defined) else float("nan")
        sd = float(defined.std()) if len(defined) else float("nan")
        found.append(Importance(column=column, mean=mean, sd=sd))
        count(place + 1, len(columns))
    return sorted(found, key=lambda one: (-np.nan_to_num(one.mean), one.column))
