# SPDX-License-Identifier: Apache-2.0
"""Confidence intervals by the bootstrap: how a metric varies over rows drawn anew.

Percentile intervals (Efron and Tibshirani, An Introduction to the Bootstrap, 1993, 13.3). The
calibration error's is the basic one, 2 x estimate - percentile, because drawing rows anew adds to
it. Where nearly all resamples agree, as they do if no row is wrong, there is no interval: rows
that were not seen say nothing of how rare mistakes are, and [1, 1] would claim they did.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from penstock_training.evaluate.metrics import score, weighted
from penstock_training.evaluate.predictions import Floats, Predictions

__all__ = ["Estimate", "estimates", "resampled", "resamples_of"]

#: Draws of rows, over all resamples: large tests get fewer resamples, which they need less.
DRAWS_MAX = 100_000_000
RESAMPLES_MIN = 200
#: Weights that are held at a time.
_BLOCK = 2_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A metric of n rows and the interval that it lies in; NaN and None where there is none."""

    value: float
    low: float | None = None
    high: float | None = None


def resamples_of(asked: int, rows: int) -> int:
    """How many resamples are drawn of so many rows, if `asked` are wanted."""
    if asked == 0 or rows == 0:
        return 0
    return min(asked, max(RESAMPLES_MIN, DRAWS_MAX // rows))


def resampled(rows: int, resamples: int, seed: int) -> Iterator[Floats]:
    """How often each row is drawn, (b, rows) at a time, `resamples` in all."""
    draws = np.random.default_rng(seed)
    block = max(1, _BLOCK // max(rows, 1))
    for first in range(0, resamples, block):
        count = min(block, resamples - first)
        weights = np.empty((count, rows))
        for k in range(count):
            weights[k] = np.bincount(draws.integers(0, rows, rows), minlength=rows)
        yield weights


def estimates(
    metrics: Sequence[str],
    predictions: Predictions,
    *,
    resamples: int,
    confidence: float,
    seed: int,
) -> dict[str, Estimate]:
    """Each metric with its interval, all from the same resamples."""
    drawn: dict[str, list[Floats]] = {metric: [] for metric in metrics}
    count = resamples_of(resamples, len(predictions))
    for weights in resampled(len(predictions), count, seed):
        for metric in metrics:
            drawn[metric].append(weighted(metric, predictions, weights))
    found = {}
    for metric in metrics:
        value = score(metric, predictions)
        all_drawn = np.concatenate(drawn[metric]) if drawn[metric] else np.empty(0)
        low, high = interval(value, all_drawn, confidence, is_biased=metric == "ece")
        found[metric] = Estimate(value=value, low=low, high=high)
    return found


def interval(
    value: float, drawn: Floats, confidence: float, *, is_biased: bool = False
) -> tuple[float | None, float | None]:
    """The interval of `value`, whose resamples are `drawn`; of those only defined ones count."""
    defined = drawn[np.isfinite(drawn)]
    if not np.isfinite(value) or len(defined) < max(2, len(drawn) / 2):
        return None, None
    tail = (1 - confidence) / 2
    low, high = (float(edge) for edge in np.quantile(defined, [tail, 1 - tail]))
    if low == high:
        return None, None
    if is_biased:
        low, high = max(0.0, 2 * value - high), max(0.0, 2 * value - low)
    return low, high
