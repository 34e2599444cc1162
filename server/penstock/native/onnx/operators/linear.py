# SPDX-License-Identifier: Apache-2.0
"""LinearRegressor and LinearClassifier, and what classifiers make of their scores."""

from dataclasses import replace

import numpy as np

from penstock.native.onnx.arrays import Array
from penstock.native.onnx.graph import Node
from penstock.native.onnx.lowering import Lowering, Tensor
from penstock.native.onnx.operators.dense import add_dense
from penstock.native.onnx.operators.labels import class_names, label_at
from penstock.native.onnx.steps import DenseStep
from penstock_client._proto import native_artifact_pb2 as pb
from penstock_client._proto import onnx_graph_pb2 as ox

__all__ = [
    "linear_classifier",
    "linear_regressor",
    "one_of_many",
    "one_of_two",
    "refuse_transform_of_one",
    "transformed",
]

TRANSFORMS = {
    "NONE": pb.Activation.IDENTITY,
    "LOGISTIC": pb.Activation.SIGMOID,
    "SOFTMAX": pb.Activation.SOFTMAX,
    "SOFTMAX_ZERO": pb.Activation.SOFTMAX_ZERO,
    "PROBIT": pb.Activation.PROBIT,
}


def transformed(node: Node, lower: Lowering, scores: Tensor, name: str = "") -> Tensor:
    """Scores by a transform, or by the node's post_transform."""
    name = name or node.attribute("post_transform", "NONE")
    if name not in TRANSFORMS:
        raise node.error(f"its post_transform is {name!r}: wanted one of {', '.join(TRANSFORMS)}.")
    if name == "NONE":
        return scores
    what = pb.Activation(function=TRANSFORMS[name])
    return lower.step(node, what, [scores], scores.element, scores.dims)


def refuse_transform_of_one(node: Node, targets: int, name: str) -> None:
    """Raises where ONNX Runtime leaves out what ONNX wants: nobody knows which one is meant."""
    if targets == 1 and name not in ("NONE", "PROBIT"):
        raise node.error(
            f"its post_transform is {name} of one score, which ONNX Runtime leaves out and ONNX "
            "does not: export it with NONE, and with an operator of its own for that."
        )


def linear_regressor(node: Node, lower: Lowering) -> None:
    """y = coefficients @ x + intercepts."""
    targets = int(node.attribute("targets", 1))
    refuse_transform_of_one(node, targets, node.attribute("post_transform", "NONE"))
    x = lower.floats(node, 0)
    scores = _scores(node, lower, x, targets)
    lower.set(node.outputs[0], transformed(node, lower, scores))


def _scores(node: Node, lower: Lowering, x: Tensor, rows: int) -> Tensor:
    coefficients = node.attribute("coefficients")
    intercepts = node.attribute("intercepts")
    count = 0 if coefficients is None else len(coefficients)
    if not x.dims:
        x = replace(x, dims=(1,))
    if len(x.dims) != 1 or rows < 1 or count != rows * x.dims[0]:
        raise node.error(
            f"it has {count} coefficients: wanted {rows} rows of {x.width}, the features."
        )
    if intercepts is not None and len(intercepts) not in (0, rows):
        raise node.error(f"it has {len(intercepts)} intercepts: wanted {rows}.")
    bias: Array | None = intercepts if intercepts is not None and len(intercepts) else None
    return add_dense(node, lower, x, coefficients.reshape(rows, -1), bias)


def linear_classifier(node: Node, lower: Lowering) -> None:
    """The label of the highest score, and the scores by the post_transform.

    One row of coefficients scores the second of two classes, whose label it has from above 0 on.
    """
    labels = class_names(node)
    x = lower.floats(node, 0)
    intercepts = node.attribute("intercepts")
    coefficients = node.attribute("coefficients", np.zeros(0))
    rows = len(coefficients) // max(x.width, 1)
    if intercepts is not None and len(intercepts):
        rows = len(intercepts)
    scores = _scores(node, lower, x, rows)
    if rows == 1 and len(labels) == 2:
        one_of_two(node, lower, scores, labels, is_probability=True, limit=0.0)
        return
    if rows != len(labels) or rows < 2:
        raise node.error(f"it has {rows} rows of coefficients for {len(labels)} classes.")
    one_of_many(node, lower, scores, labels)


def one_of_many(node: Node, lower: Lowering, scores: Tensor, labels: Array) -> None:
    """A score for each class: the label is that of the highest, the first of equals."""
    if lower.graph.uses[node.outputs[0]]:
        place = lower.step(node, pb.ArgMax(), [scores], ox.INT64, ())
        lower.set(node.outputs[0], label_at(node, lower, place, labels))
    if len(node.outputs) > 1:
        lower.set(node.outputs[1], transformed(node, lower, scores))


def one_of_two(
    node: Node,
    lower: Lowering,
    score: Tensor,
    labels: Array,
    *,
    is_probability: bool,
    limit: float,
) -> None:
    """One score for two classes, as ONNX Runtime has it: above `limit` the second class is meant.

    The first class's score is 1 - score, or -score where it is no probability; only the transform
    LOGISTIC changes both.
    """
    if lower.graph.uses[node.outputs[0]]:
        what = pb.Threshold(threshold=limit)
        place = lower.step(node, what, [score], ox.INT64, ())
        lower.set(node.outputs[0], label_at(node, lower, place, labels))
    if len(node.outputs) < 2:
        return
    name = node.attribute("post_transform", "NONE")
    if name not in TRANSFORMS or name == "PROBIT":
        raise node.error(f"its post_transform {name} of one score has no native form.")
    if name == "LOGISTIC" or not is_probability:
        signs = np.array([[-1], [1]], np.float32)
        activation = pb.Activation(function=TRANSFORMS["LOGISTIC"], alpha=1)
        step = DenseStep(weight=signs, activation=activation if name == "LOGISTIC" else None)
        both = lower.step(node, step, [score], ox.FLOAT, (2,))
    else:
        both = lower.step(node, pb.Complement(), [score], ox.FLOAT, (2,))
    lower.set(node.outputs[1], both)
