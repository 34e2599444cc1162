# SPDX-License-Identifier: Apache-2.0
"""Metrics by what they say of a few answers, and what they refuse."""

import math
from typing import Any

import numpy as np
import pytest

from penstock.errors import QuantizeError
from penstock.native.artifact import ArtifactBuilder, CompiledModel
from penstock.native.quantize.metrics import METRICS, chosen_output, metric_named, score
from penstock_client._proto import native_artifact_pb2 as pb


def scored(name: str, answers: Any, labels: Any) -> float:
    return score(METRICS[name], np.asarray(answers), np.asarray(labels))


@pytest.mark.parametrize(
    ("name", "answers", "labels", "expected"),
    [
        ("auc", [[0.1], [0.4], [0.35], [0.8]], [0, 0, 1, 1], 0.75),
        ("auc", [[0.9, 0.1], [0.6, 0.4], [0.65, 0.35], [0.2, 0.8]], [0, 0, 1, 1], 0.75),
        ("auc", [[1, 0, 0], [0, 1, 0], [0, 0, 1.0]], [0, 1, 2], 1),
        ("accuracy", [[0.2, 0.8], [0.6, 0.4]], [1, 1], 0.5),
        ("accuracy", [[0.6], [0.4], [0.5]], [1, 0, 1], 2 / 3),
        ("accuracy", [[3], [4]], [3, 4], 1),
        ("accuracy", np.array([[b"yes"], [b"7"]], object), np.array(["yes", "no"], object), 0.5),
        ("accuracy", np.array([[b"6"], [b"7"]], object), [6.0, 7.0], 1),
        ("logloss", [[0.25], [0.5]], [0, 1], -(math.log(0.75) + math.log(0.5)) / 2),
        ("logloss", [[0.5, 0.25, 0.25], [0.2, 0.4, 0.4]], [0, 2], -math.log(0.2) / 2),
        ("f1", [[0.9], [0.9], [0.1]], [1, 0, 1], 0.5),
        ("f1", [[0], [1], [2]], [0, 1, 1], (1 + 2 / 3 + 0) / 3),
        ("rmse", [[1.0], [5.0]], [1, 2], math.sqrt(4.5)),
        ("mae", [1.0, 5.0], [1, 2], 1.5),
        ("r2", [[1.0], [2.0]], [1, 2], 1),
        ("agreement", [[1], [2]], [[1], [3]], 0.5),
        ("agreement", [[0.2, 0.8], [0.6, 0.4]], [[0.4, 0.6], [0.4, 0.6]], 0.5),
        ("agreement", [[1.0], [2.0], [3.5]], [[1.0], [2.0], [3.0]], 1 - 0.25 / 2),
        ("agreement", [[math.nan], [2.0]], [[1.0], [2.0]], 0),
        ("agreement", [[1.0], [1.0]], [[1.0], [1.0]], 1),
    ],
)
def test_a_metric_says_how_good_answers_are(
    name: str, answers: Any, labels: Any, expected: float
) -> None:
    assert scored(name, answers, labels) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("name", "answers", "labels", "message"),
    [
        ("auc", [[0.1], [0.2]], [1, 1], "needs rows of two classes"),
        ("auc", [[math.nan], [0.2]], [0, 1], "the model answers NaN"),
        ("auc", [[1, 2, 3.0], [0, 1, 0], [0, 0, 1]], [0, 1, 2], "cannot be taken: Target scores"),
        ("rmse", [[0.1, 0.2]], [1], "of one number a row; the output has 2"),
        ("accuracy", [[1], [2]], np.array(["a", "b"], object), "labels are text and the model"),
        ("agreement", [[1.0], [2.0]], [[math.inf], [2.0]], "unquantised model answers NaN or inf"),
    ],
)
def test_answers_and_labels_that_do_not_fit_are_refused(
    name: str, answers: Any, labels: Any, message: str
) -> None:
    with pytest.raises(QuantizeError, match=message):
        scored(name, answers, labels)


def test_an_unknown_metric_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(QuantizeError, match="'AUC' is not known: wanted one of auc, accuracy"):
        metric_named("AUC")


def test_a_drop_is_above_zero_where_it_got_worse() -> None:
    assert METRICS["auc"].drop(0.9, 0.8) == pytest.approx(0.1)
    assert METRICS["logloss"].drop(0.2, 0.5) == pytest.approx(0.3)
    assert [metric.name for metric in METRICS.values() if not metric.needs_labels] == ["agreement"]


def classifier() -> CompiledModel:
    """Answers a class and a probability for each of two."""
    builder = ArtifactBuilder(source="")
    x = builder.input("x", "FP32", pb.FLOAT32, dims=[2])
    builder.output("label", "INT64", builder.step(pb.ArgMax(), [x], pb.INT64, 1))
    builder.output("margin", "FP32", x, dims=[2])
    p = builder.step(pb.Activation(function=pb.Activation.SOFTMAX), [x], pb.FLOAT32, 2)
    builder.output("probabilities", "FP32", p, dims=[2])
    return builder.finish()


def test_the_output_that_suits_the_metric_is_looked_at() -> None:
    model = classifier()
    assert chosen_output(model, METRICS["auc"], "").name == "probabilities"
    assert chosen_output(model, METRICS["accuracy"], "").name == "label"
    assert chosen_output(model, METRICS["agreement"], "").name == "label"
    assert chosen_output(model, METRICS["accuracy"], "margin").name == "margin"
    with pytest.raises(QuantizeError, match="wanted output 'p'; the model has 'label', 'margin'"):
        chosen_output(model, METRICS["auc"], "p")
