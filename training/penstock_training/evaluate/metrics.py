# SPDX-License-Identifier: Apache-2.0
"""The metrics of spec/problem.py, of rows that have weights.

A metric takes Predictions of n rows and weights (b, n), and gives b numbers: one for each row of
weights. A resample of the rows is a row of weights that says how often each was drawn, so that a
thousand resamples sort the scores once. NaN: the metric is not defined, as the area under a curve
without positives is not. With equal weights each is what scikit-learn computes; `ece` and `value`
it does not have.
"""

from collections.abc import Callable, Mapping

import numpy as np

from penstock_training.evaluate.predictions import Floats, Integers, Predictions
from penstock_training.spec import Task
from penstock_training.spec.problem import METRICS, is_loss

__all__ = [
    "ECE_BINS",
    "Metric",
    "confidence_and_truth",
    "is_better",
    "metrics_of",
    "per_class",
    "score",
    "sums_by",
    "weighted",
    "worth",
]

Metric = Callable[[Predictions, Floats], Floats]

#: Bins of equal width for the expected calibration error, as Guo et al. (ICML 2017) have them.
ECE_BINS = 15


def score(metric: str, predictions: Predictions) -> float:
    """One metric of rows that weigh the same; NaN where it is not defined."""
    return float(weighted(metric, predictions, np.ones((1, len(predictions))))[0])


def weighted(metric: str, predictions: Predictions, weights: Floats) -> Floats:
    """One metric (b,) by each row of `weights` (b, n)."""
    if len(predictions) == 0:
        return np.full(len(weights), np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        return _METRICS[metric](predictions, weights)


def metrics_of(task: Task) -> list[str]:
    """The metrics that are defined for a task, `value` among them, in order."""
    return [metric for metric, tasks in METRICS.items() if task in tasks]


def is_better(metric: str, one: float, other: float) -> bool:
    """Whether `one` is the better number of the two."""
    return one < other if is_loss(metric) else one > other


def per_class(predictions: Predictions) -> list[dict[str, int | float]]:
    """Of each class: its rows, how many were predicted, precision, recall and F1 (0 where none)."""
    table = _confusion(predictions, np.ones((1, len(predictions))))[0]
    hits, true, said = np.diagonal(table), table.sum(axis=1), table.sum(axis=0)
    return [
        {
            "rows": int(true[k]),
            "predicted": int(said[k]),
            "precision": float(hits[k] / said[k]) if said[k] else 0.0,
            "recall": float(hits[k] / true[k]) if true[k] else 0.0,
            "f1": float(2 * hits[k] / (true[k] + said[k])) if true[k] + said[k] else 0.0,
        }
        for k in range(len(predictions.classes))
    ]


def sums_by(weights: Floats, groups: Integers, count: int) -> Floats:
    """Weights (b, n) summed by the rows' group, of which there are `count`: (b, count)."""
    found = np.zeros((len(weights), count))
    order = np.argsort(groups, kind="stable")
    present, starts = np.unique(groups[order], return_index=True)
    found[:, present] = np.add.reduceat(weights[:, order], starts, axis=1)
    return found


def _mean(of_rows: Floats, weights: Floats) -> Floats:
    return np.asarray(weights @ of_rows / weights.sum(axis=1))


def _confusion(p: Predictions, weights: Floats) -> Floats:
    """(b, true class, predicted class)."""
    c = len(p.classes)
    return sums_by(weights, p.target * c + p.labels, c * c).reshape(-1, c, c)


def _accuracy(p: Predictions, weights: Floats) -> Floats:
    return _mean((p.labels == p.target).astype(np.float64), weights)


def _balanced_accuracy(p: Predictions, weights: Floats) -> Floats:
    """Recall averaged over the classes that have rows."""
    table = _confusion(p, weights)
    true = table.sum(axis=2)
    recall = np.diagonal(table, axis1=1, axis2=2) / true
    return np.asarray(np.where(true > 0, recall, 0).sum(axis=1) / (true > 0).sum(axis=1))


def _class_f1(table: Floats) -> tuple[Floats, Floats]:
    """F1 (b, c), 0 where nothing was right; and whether the class is there, truly or predicted."""
    both = table.sum(axis=1) + table.sum(axis=2)
    f1 = 2 * np.diagonal(table, axis1=1, axis2=2) / both
    return np.where(both > 0, f1, 0), both > 0


def _f1(p: Predictions, weights: Floats) -> Floats:
    return _class_f1(_confusion(p, weights))[0][:, p.positive]


def _f1_macro(p: Predictions, weights: Floats) -> Floats:
    f1, is_there = _class_f1(_confusion(p, weights))
    return np.asarray(f1.sum(axis=1) / is_there.sum(axis=1))


def _precision(p: Predictions, weights: Floats) -> Floats:
    table = _confusion(p, weights)
    said = table[:, :, p.positive].sum(axis=1)
    return np.where(said > 0, table[:, p.positive, p.positive] / said, 0)


def _recall(p: Predictions, weights: Floats) -> Floats:
    table = _confusion(p, weights)
    true = table[:, p.positive, :].sum(axis=1)
    return np.where(true > 0, table[:, p.positive, p.positive] / true, 0)


def _log_loss(p: Predictions, weights: Floats) -> Floats:
    return _mean(p.losses(), weights)


def _brier(p: Predictions, weights: Floats) -> Floats:
    """Of two classes (Brier 1950, halved): 0 to 1. Of more, the sum over classes: 0 to 2."""
    if p.task == "binary":
        return _mean(np.square(p.scores - (p.target == p.positive)), weights)
    truth = np.eye(len(p.classes))[p.target]
    return _mean(np.square(p.predicted - truth).sum(axis=1), weights)


def confidence_and_truth(p: Predictions) -> tuple[Floats, Floats]:
    """What calibration compares, (n,) each: how sure the model was, and whether it came true.

    Of a binary task the positive class's probability; else that of the likeliest class.
    """
    if p.task == "binary":
        return p.scores, (p.target == p.positive).astype(np.float64)
    return p.predicted.max(axis=1), (p.labels == p.target).astype(np.float64)


def _ece(p: Predictions, weights: Floats) -> Floats:
    """Expected calibration error: |confidence - frequency| by bin, averaged over rows."""
    confidence, truth = confidence_and_truth(p)
    bins = np.clip((confidence * ECE_BINS).astype(np.int64), 0, ECE_BINS - 1)
    gaps = sums_by(weights * (confidence - truth), bins, ECE_BINS)
    return np.asarray(np.abs(gaps).sum(axis=1) / weights.sum(axis=1))


def _by_score(scores: Floats, is_positive: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """Weight of positives and of negatives at each distinct score, (b, scores), ascending."""
    _, places = np.unique(scores, return_inverse=True)
    count = int(places.max()) + 1
    positive = sums_by(weights * is_positive, places, count)
    return positive, sums_by(weights, places, count) - positive


def _area(scores: Floats, is_positive: Floats, weights: Floats) -> Floats:
    """The area under the ROC curve, as the share of pairs in the right order; ties count half."""
    positive, negative = _by_score(scores, is_positive, weights)
    below = np.cumsum(negative, axis=1) - negative / 2
    pairs = positive.sum(axis=1) * negative.sum(axis=1)
    return np.where(pairs > 0, (positive * below).sum(axis=1) / pairs, np.nan)


def _roc_auc(p: Predictions, weights: Floats) -> Floats:
    """Of more than two classes: each against the rest, averaged. Undefined if one has no rows."""
    if p.task == "binary":
        return _area(p.scores, (p.target == p.positive).astype(np.float64), weights)
    areas = [
        _area(p.predicted[:, k], (p.target == k).astype(np.float64), weights)
        for k in range(len(p.classes))
    ]
    return np.asarray(np.mean(areas, axis=0))


def _average_precision(p: Predictions, weights: Floats) -> Floats:
    """The area under precision by recall, as a sum of steps, from the highest score down."""
    is_positive = (p.target == p.positive).astype(np.float64)
    positive, negative = (part[:, ::-1] for part in _by_score(p.scores, is_positive, weights))
    hits, said = np.cumsum(positive, axis=1), np.cumsum(positive + negative, axis=1)
    precision = np.where(said > 0, hits / said, 0)
    total = hits[:, -1]
    return np.where(total > 0, (positive * precision).sum(axis=1) / total, np.nan)


def _value(p: Predictions, weights: Floats) -> Floats:
    """What a row is worth on average, in the unit of [problem.values]."""
    return _mean(worth(p), weights)


def worth(p: Predictions) -> Floats:
    """What each row's outcome is worth (n,)."""
    is_right = p.labels == p.target
    if p.task == "multiclass":
        return np.where(is_right, p.values.get("right", 0.0), p.values.get("wrong", 0.0))
    says_positive = p.labels == p.positive
    right = np.where(
        says_positive, p.values.get("true_positive", 0.0), p.values.get("true_negative", 0.0)
    )
    wrong = np.where(
        says_positive, p.values.get("false_positive", 0.0), p.values.get("false_negative", 0.0)
    )
    return np.where(is_right, right, wrong)


def _mae(p: Predictions, weights: Floats) -> Floats:
    return _mean(np.abs(p.predicted - p.target), weights)


def _rmse(p: Predictions, weights: Floats) -> Floats:
    return np.sqrt(_mean(p.losses(), weights))


def _r2(p: Predictions, weights: Floats) -> Floats:
    """The share of the target's variance that is explained; undefined if it has none."""
    mean = _mean(p.target, weights)
    total = (weights * np.square(p.target[None, :] - mean[:, None])).sum(axis=1)
    return np.where(total > 0, 1 - weights @ p.losses() / total, np.nan)


_METRICS: Mapping[str, Metric] = {
    "accuracy": _accuracy,
    "average_precision": _average_precision,
    "balanced_accuracy": _balanced_accuracy,
    "brier": _brier,
    "ece": _ece,
    "f1": _f1,
    "f1_macro": _f1_macro,
    "log_loss": _log_loss,
    "mae": _mae,
    "precision": _precision,
    "r2": _r2,
    "recall": _recall,
    "rmse": _rmse,
    "roc_auc": _roc_auc,
    "value": _value,
}
