# SPDX-License-Identifier: Apache-2.0
"""Metrics against scikit-learn's, with and without weights, in ordinary and in awkward rows."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn import calibration, metrics

from penstock_training.evaluate.metrics import (
    ECE_BINS,
    is_better,
    metrics_of,
    per_class,
    score,
    weighted,
    worth,
)
from penstock_training.evaluate.predictions import Predictions


def rows_of_classes(classes: int, rows: int = 300, *, decimals: int = 2) -> Predictions:
    """Rows whose probabilities tell something of the class, rounded so that some are equal."""
    draws = np.random.default_rng(classes)
    target = draws.integers(0, classes, rows)
    scores = draws.random((rows, classes)) + 0.7 * np.eye(classes)[target]
    predicted = np.round(scores / scores.sum(axis=1, keepdims=True), decimals)
    predicted[:, -1] = 1 - predicted[:, :-1].sum(axis=1)
    return Predictions(
        task="binary" if classes == 2 else "multiclass",
        target=target,
        predicted=np.clip(predicted, 0, 1),
        classes=tuple(f"class {k}" for k in range(classes)),
        positive=1,
        values={"true_positive": 5.0, "false_positive": -1.0, "false_negative": -2.0}
        if classes == 2
        else {"right": 1.0, "wrong": -3.0},
    )


def rows_of_numbers(rows: int = 200) -> Predictions:
    draws = np.random.default_rng(1)
    target = draws.normal(10, 3, rows)
    return Predictions(
        task="regression", target=target, predicted=target + draws.normal(0.2, 1, rows)
    )


Reference = Callable[[Predictions, Any], float]

BINARY: dict[str, Reference] = {
    "accuracy": lambda p, w: metrics.accuracy_score(p.target, p.labels, sample_weight=w),
    "average_precision": lambda p, w: metrics.average_precision_score(
        p.target, p.scores, sample_weight=w
    ),
    "balanced_accuracy": lambda p, w: metrics.balanced_accuracy_score(
        p.target, p.labels, sample_weight=w
    ),
    "brier": lambda p, w: metrics.brier_score_loss(p.target, p.scores, sample_weight=w),
    "f1": lambda p, w: metrics.f1_score(p.target, p.labels, sample_weight=w),
    "f1_macro": lambda p, w: metrics.f1_score(p.target, p.labels, average="macro", sample_weight=w),
    "log_loss": lambda p, w: metrics.log_loss(p.target, p.predicted, sample_weight=w),
    "precision": lambda p, w: metrics.precision_score(p.target, p.labels, sample_weight=w),
    "recall": lambda p, w: metrics.recall_score(p.target, p.labels, sample_weight=w),
    "roc_auc": lambda p, w: metrics.roc_auc_score(p.target, p.scores, sample_weight=w),
}
MULTICLASS: dict[str, Reference] = {
    name: BINARY[name] for name in ("accuracy", "balanced_accuracy", "f1_macro", "log_loss")
} | {
    "brier": lambda p, w: metrics.brier_score_loss(p.target, p.predicted, sample_weight=w),
    "roc_auc": lambda p, w: metrics.roc_auc_score(
        p.target, p.predicted, multi_class="ovr", sample_weight=w
    ),
}
REGRESSION: dict[str, Reference] = {
    "mae": lambda p, w: metrics.mean_absolute_error(p.target, p.predicted, sample_weight=w),
    "r2": lambda p, w: metrics.r2_score(p.target, p.predicted, sample_weight=w),
    "rmse": lambda p, w: metrics.root_mean_squared_error(p.target, p.predicted, sample_weight=w),
}
CASES = [
    *((rows_of_classes(2), metric, reference) for metric, reference in BINARY.items()),
    *((rows_of_classes(4), metric, reference) for metric, reference in MULTICLASS.items()),
    *((rows_of_numbers(), metric, reference) for metric, reference in REGRESSION.items()),
]
NAMES = [f"{rows.task}-{metric}" for rows, metric, _ in CASES]


@pytest.mark.parametrize(("rows", "metric", "reference"), CASES, ids=NAMES)
def test_a_metric_is_scikit_learns(rows: Predictions, metric: str, reference: Reference) -> None:
    assert score(metric, rows) == pytest.approx(reference(rows, None), rel=1e-9)


@pytest.mark.parametrize(("rows", "metric", "reference"), CASES, ids=NAMES)
def test_a_resample_is_scikit_learns_with_its_counts_as_weights(
    rows: Predictions, metric: str, reference: Reference
) -> None:
    draws = np.random.default_rng(7)
    counts = draws.multinomial(len(rows), np.full(len(rows), 1 / len(rows)), size=3)
    found = weighted(metric, rows, counts.astype(np.float64))
    wanted = [reference(rows, row) for row in counts]
    assert found == pytest.approx(wanted, rel=1e-9)


def test_the_other_class_may_be_the_positive_one() -> None:
    rows = rows_of_classes(2)
    other = Predictions(
        task="binary",
        target=rows.target,
        predicted=rows.predicted,
        classes=rows.classes,
        positive=0,
    )
    assert score("recall", other) == pytest.approx(
        metrics.recall_score(rows.target, rows.labels, pos_label=0)
    )
    assert score("roc_auc", other) == pytest.approx(score("roc_auc", rows))
    assert score("average_precision", other) == pytest.approx(
        metrics.average_precision_score(rows.target == 0, rows.predicted[:, 0])
    )


def test_the_calibration_error_is_the_gap_of_scikit_learns_curve() -> None:
    rows = rows_of_classes(2, rows=2000, decimals=6)
    frequency, confidence = calibration.calibration_curve(rows.target, rows.scores, n_bins=ECE_BINS)
    counts = np.histogram(rows.scores, np.linspace(0, 1, ECE_BINS + 1))[0]
    shares = counts[counts > 0] / len(rows)
    assert score("ece", rows) == pytest.approx(float(shares @ np.abs(frequency - confidence)))


def test_the_calibration_error_of_many_classes_is_of_the_likeliest_one() -> None:
    sure = Predictions(
        task="multiclass",
        target=np.array([0, 1, 2, 2]),
        predicted=np.array([[1.0, 0, 0], [1.0, 0, 0], [0, 0, 1.0], [0, 0, 1.0]]),
        classes=("a", "b", "c"),
    )
    assert score("ece", sure) == pytest.approx(0.25)


def test_the_value_is_what_outcomes_are_worth_on_average() -> None:
    rows = Predictions(
        task="binary",
        target=np.array([1, 1, 0, 0, 0]),
        predicted=np.array([[0.1, 0.9], [0.9, 0.1], [0.2, 0.8], [0.7, 0.3], [0.6, 0.4]]),
        classes=("no", "yes"),
        positive=1,
        values={
            "true_positive": 10.0,
            "false_negative": -4.0,
            "false_positive": -1.0,
            "true_negative": 0.5,
        },
    )
    assert worth(rows).tolist() == [10.0, -4.0, -1.0, 0.5, 0.5]
    assert score("value", rows) == pytest.approx(6.0 / 5)


def test_each_class_has_scikit_learns_precision_recall_and_f1() -> None:
    rows = rows_of_classes(4)
    precision, recall, f1, support = metrics.precision_recall_fscore_support(
        rows.target, rows.labels
    )
    found = per_class(rows)
    assert [row["precision"] for row in found] == pytest.approx(precision)
    assert [row["recall"] for row in found] == pytest.approx(recall)
    assert [row["f1"] for row in found] == pytest.approx(f1)
    assert [row["rows"] for row in found] == support.tolist()


@pytest.mark.parametrize("metric", ["roc_auc", "average_precision"])
def test_an_area_without_positives_is_not_defined(metric: str) -> None:
    rows = rows_of_classes(2)
    assert math.isnan(score(metric, rows.take(rows.target == 0)))


def test_a_class_without_rows_leaves_the_other_metrics_defined() -> None:
    rows = rows_of_classes(4)
    fewer = rows.take(rows.target != 3)
    assert math.isnan(score("roc_auc", fewer))
    assert score("log_loss", fewer) == pytest.approx(
        metrics.log_loss(fewer.target, fewer.predicted, labels=[0, 1, 2, 3])
    )
    present = metrics.recall_score(
        fewer.target, fewer.labels, labels=[0, 1, 2], average="macro", zero_division=0
    )
    assert score("balanced_accuracy", fewer) == pytest.approx(present)


def test_a_target_that_does_not_vary_has_no_r2() -> None:
    rows = Predictions(
        task="regression", target=np.full(5, 2.0), predicted=np.arange(5, dtype=np.float64)
    )
    assert math.isnan(score("r2", rows))


def test_no_rows_have_no_metric() -> None:
    rows = rows_of_classes(2)
    for metric in metrics_of("binary"):
        assert math.isnan(score(metric, rows.take(np.zeros(len(rows), dtype=bool))))


def test_a_certain_mistake_has_a_finite_loss() -> None:
    rows = Predictions(
        task="binary",
        target=np.array([0, 1]),
        predicted=np.array([[0.0, 1.0], [0.0, 1.0]]),
        classes=(0, 1),
    )
    assert score("log_loss", rows) == pytest.approx(metrics.log_loss([0, 1], rows.predicted))


def test_every_metric_of_the_spec_is_computed_for_each_of_its_tasks() -> None:
    for rows in (rows_of_classes(2), rows_of_classes(3), rows_of_numbers()):
        for metric in metrics_of(rows.task):
            assert math.isfinite(score(metric, rows)), metric


def test_less_of_a_loss_is_better_and_more_of_the_rest() -> None:
    assert is_better("log_loss", 0.1, 0.2)
    assert is_better("accuracy", 0.9, 0.8)
    assert not is_better("rmse", 3.0, 3.0)
