# SPDX-License-Identifier: Apache-2.0
"""TreeEnsembleClassifier, TreeEnsembleRegressor, and TreeEnsemble that replaced both."""

from typing import Any

import numpy as np

from penstock.errors import PenstockError
from penstock.native.forest import forest_step
from penstock.native.onnx.arrays import DTYPES, Array
from penstock.native.onnx.graph import Node
from penstock.native.onnx.lowering import FLOATS, Lowering, Tensor
from penstock.native.onnx.operators.branch_lists import branches_of, branches_of_ensemble
from penstock.native.onnx.operators.branches import Branches, with_indicators
from penstock.native.onnx.operators.labels import class_names
from penstock.native.onnx.operators.linear import (
    one_of_many,
    one_of_two,
    refuse_transform_of_one,
    transformed,
)
from penstock_client._proto import native_artifact_pb2 as pb
from penstock_client._proto import onnx_graph_pb2 as ox

__all__ = ["tree_ensemble", "tree_ensemble_classifier", "tree_ensemble_regressor"]

AGGREGATES = {0: "AVERAGE", 1: "SUM", 2: "MIN", 3: "MAX"}
TRANSFORM_NAMES = {0: "NONE", 1: "SOFTMAX", 2: "LOGISTIC", 3: "SOFTMAX_ZERO", 4: "PROBIT"}


def tree_ensemble_regressor(node: Node, lower: Lowering) -> None:
    """Each target's sum, or mean, of the leaves that a row reaches."""
    targets = int(node.attribute("n_targets", 1))
    refuse_transform_of_one(node, targets, node.attribute("post_transform", "NONE"))
    branches = branches_of(node, "target", targets)
    base = _numbers(node, "base_values")
    factor = _factor(node, node.attribute("aggregate_function", "SUM"), branches)
    scores = _forest(node, lower, branches, _base(node, base, targets), factor, ox.FLOAT)
    lower.set(node.outputs[0], transformed(node, lower, scores))


def tree_ensemble_classifier(node: Node, lower: Lowering) -> None:
    """The label of the highest class, and the scores by the post_transform."""
    labels = class_names(node)
    count = len(labels)
    branches = branches_of(node, "class", count)
    base = _numbers(node, "base_values")
    chosen = np.unique(branches.targets)
    if count < 2:
        raise node.error("it has fewer than two classes.")
    if count > 2 or len(chosen) > 1:
        if count == 2 and lower.producer != "CatBoost":  # which means the higher of the two
            raise node.error(
                "both of two classes have weights, for which ONNX Runtime's labels are not ONNX's: "
                "export it with weights of one of them."
            )
        if not len(base) and not branches.always_adds_to_all():
            raise node.error("a class may get no weight at all, which has no native form.")
        scores = _forest(node, lower, branches, _base(node, base, count), 1.0, ox.FLOAT)
        one_of_many(node, lower, scores, labels)
        return
    if len(base) > 1 or (len(chosen) and chosen[0] != 0):
        raise node.error(
            "it scores one of two classes: wanted the weights to be class 0's, and one base value."
        )
    score = _forest(node, lower, branches.of_one_target(), _base(node, base, 1), 1.0, ox.FLOAT)
    is_probability = bool((branches.weights >= 0).all())
    one_of_two(
        node,
        lower,
        score,
        labels,
        is_probability=is_probability,
        limit=0.5 if is_probability else 0.0,
    )


def tree_ensemble(node: Node, lower: Lowering) -> None:
    """Version 5's one operator for both, without labels."""
    targets = int(node.attribute("n_targets", 1))
    name = TRANSFORM_NAMES.get(int(node.attribute("post_transform", 0)), "")
    refuse_transform_of_one(node, targets, name)
    if name in ("SOFTMAX", "LOGISTIC"):
        raise node.error(
            f"its post_transform is {name}, which ONNX Runtime takes for the other of SOFTMAX and "
            "LOGISTIC: export it with NONE, and with an operator of its own for that."
        )
    branches = branches_of_ensemble(node, targets)
    aggregate = AGGREGATES.get(int(node.attribute("aggregate_function", 1)), "")
    factor = _factor(node, aggregate, branches)
    element = lower.tensor(node, 0).element
    scores = _forest(node, lower, branches, np.zeros(targets), factor, element)
    lower.set(node.outputs[0], transformed(node, lower, scores, name))


def _forest(
    node: Node, lower: Lowering, branches: Branches, base: Array, factor: float, element: int
) -> Tensor:
    """The step; of double, or of what was trained in double, the sums are float64."""
    x = lower.tensor(node, 0)
    if len(x.dims) != 1 or x.element == ox.STRING:
        raise node.error(f"wanted rows of numbers, of one dimension; found {list(x.dims)}.")
    if x.element not in FLOATS:
        x = lower.converted(node, x, ox.DOUBLE)
    is_double = x.element == ox.DOUBLE
    x = with_indicators(node, lower, x, branches)
    if not lower.options.is_exact:
        total = pb.Forest.IN_ANY_ORDER
    else:
        total = pb.Forest.IN_DOUBLE if is_double else pb.Forest.IN_FLOAT
    try:
        nodes = branches.nodes(x.width, DTYPES[x.element])
        step = forest_step(lower.plan.builder, nodes, base=base, total=total, factor=factor)
    except PenstockError as error:
        raise node.error(str(error)) from None
    return lower.step(node, step, [x], element, (len(base),))


def _base(node: Node, base: Array, targets: int) -> Array:
    if len(base) not in (0, targets):
        raise node.error(f"it has {len(base)} base values: wanted {targets}.")
    return base if len(base) else np.zeros(targets)


def _factor(node: Node, aggregate: Any, branches: Branches) -> float:
    match aggregate:
        case "SUM":
            return 1.0
        case "AVERAGE":
            return 1 / max(branches.tree_count, 1)
    raise node.error(f"its aggregate_function is {aggregate}: wanted SUM or AVERAGE.")


def _numbers(node: Node, name: str) -> Array:
    found = node.attribute(f"{name}_as_tensor")
    if found is None or not found.size:
        found = node.attribute(name, np.zeros(0))
    return np.asarray(found, np.float64).reshape(-1)
