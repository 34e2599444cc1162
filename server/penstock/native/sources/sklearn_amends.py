# SPDX-License-Identifier: Apache-2.0
"""What skl2onnx leaves out of a graph without a word: put back where ONNX has a form for it, and
refused where it has none.
"""

from typing import Any

import numpy as np

from penstock.errors import NotCompiledError

__all__ = ["amend", "estimators", "refuse_what_is_left_out"]

#: Nearer than float32 rounds a threshold, which is moved by a unit at most.
NEAR = 1e-6
#: Losses of histogram trees whose predictions are exponentials of the sums.
LOG_LOSSES = {"poisson", "gamma"}


def estimators(model: Any) -> list[Any]:
    """A model and those that it is put together from."""
    found, seen = [model], {id(model)}
    for one in found:  # grows as it goes
        parts = list(vars(one).values()) if hasattr(one, "get_params") else []
        while parts:
            part = parts.pop()
            if isinstance(part, list | tuple):
                parts += part
            elif isinstance(part, dict):
                parts += part.values()
            elif hasattr(part, "get_params") and id(part) not in seen:
                seen.add(id(part))
                found.append(part)
    return found


def refuse_what_is_left_out(model: Any) -> None:
    """Raises NotCompiledError that names the estimator."""
    last = _last_of(model)
    for one in estimators(model):
        name = type(one).__name__
        if getattr(one, "add_indicator", False):
            raise NotCompiledError(
                f"skl2onnx leaves out the columns that add_indicator=True of {name} adds: "
                "train the model without them."
            )
        if any(tree.nodes["is_categorical"].any() for tree in _histogram_trees(one)):
            raise NotCompiledError(
                f"{name} tests for categories (categorical_features), which skl2onnx takes for "
                "numbers: train it on one-hot columns, or with LightGBM."
            )
        if _is_exponential(one) and one is not last:
            raise NotCompiledError(
                f"skl2onnx leaves out the exponential of {name} with loss={one.loss!r}: it can be "
                "put back only where that is the last step."
            )


def amend(graph: Any, model: Any) -> None:
    """Changes the graph that skl2onnx made of the model, a message onnx.GraphProto."""
    trees = _Trees(model)
    for node in graph.node:
        if node.op_type.startswith("TreeEnsemble"):
            _set_missing_sides(node, trees)
    for one in estimators(model):
        if type(one).__name__ == "LinearDiscriminantAnalysis":
            _halve(graph, one)
    if _is_exponential(_last_of(model)):
        _add_exponential(graph)


def _last_of(model: Any) -> Any:
    while getattr(model, "steps", None):
        model = model.steps[-1][1]
    return model


def _histogram_trees(estimator: Any) -> list[Any]:
    return [tree for round_ in getattr(estimator, "_predictors", None) or [] for tree in round_]


def _is_exponential(estimator: Any) -> bool:
    return bool(_histogram_trees(estimator)) and estimator.loss in LOG_LOSSES


def _add_exponential(graph: Any) -> None:
    (output,) = graph.output
    inner = f"{output.name}.sum"
    for node in graph.node:
        node.output[:] = [inner if name == output.name else name for name in node.output]
    graph.node.add(op_type="Exp", name="loss", input=[inner], output=[output.name])


def _halve(graph: Any, estimator: Any) -> None:
    """Of two classes one score d: softmax(-d, d), which skl2onnx writes, is sigmoid(2 * d)."""
    coefficients = getattr(estimator, "coef_", np.zeros((0, 0)))
    if len(coefficients) != 1:
        return
    own = np.concatenate([-coefficients, coefficients]).astype(np.float32).ravel()
    for node in graph.node:
        attributes = {one.name: one for one in node.attribute}
        if node.op_type != "LinearClassifier" or attributes["post_transform"].s != b"SOFTMAX":
            continue
        if not np.array_equal(np.array(attributes["coefficients"].floats, np.float32), own):
            continue
        for name in ("coefficients", "intercepts"):
            attributes[name].floats[:] = [0.5 * number for number in attributes[name].floats]


class _Trees:
    """The trees of a model, but for those of histograms, by how they branch."""

    def __init__(self, model: Any) -> None:
        self._by_form: dict[tuple[bytes, bytes], list[Any]] = {}
        for one in estimators(model):
            tree: Any = getattr(one, "tree_", None)
            if hasattr(tree, "missing_go_to_left"):
                form = self._form(tree.children_left, tree.feature)
                self._by_form.setdefault(form, []).append(tree)

    @staticmethod
    def _form(left: Any, feature: Any) -> tuple[bytes, bytes]:
        is_inner = np.asarray(left) > 0
        return (
            np.where(is_inner, left, 0).astype(np.int64).tobytes(),
            np.where(is_inner, feature, 0).astype(np.int64).tobytes(),
        )

    def sides(self, left: Any, feature: Any, thresholds: Any) -> Any:
        """Of each node of such a tree, whether it sends to the left what is missing; None if there
        is no such tree. Raises NotCompiledError if there are several that differ in it.
        """
        is_inner = left > 0
        found = [
            tree.missing_go_to_left.astype(np.bool_) & is_inner
            for tree in self._by_form.get(self._form(left, feature), [])
            if np.allclose(tree.threshold[is_inner], thresholds[is_inner], rtol=NEAR, atol=NEAR)
        ]
        if any((one != found[0]).any() for one in found):
            raise NotCompiledError(
                "two of its trees differ only in where they send missing values, which skl2onnx "
                "leaves out: train it with another random_state."
            )
        return found[0] if found else None


def _set_missing_sides(node: Any, trees: _Trees) -> None:
    """skl2onnx has them of histogram trees, and sends all others' to the right."""
    attributes = {one.name: one for one in node.attribute}
    missing = attributes.get("nodes_missing_value_tracks_true")
    values = attributes.get("nodes_values")
    if missing is None or values is None:  # in double, or of a later form
        return
    of_tree, left, feature = (
        np.array(attributes[f"nodes_{name}"].ints, np.int64)
        for name in ("treeids", "truenodeids", "featureids")
    )
    thresholds = np.array(values.floats)
    for tree in np.unique(of_tree).tolist():
        own = np.flatnonzero(of_tree == tree)
        sides = trees.sides(left[own], feature[own], thresholds[own])
        for place in own[sides] if sides is not None else ():
            missing.ints[place] = 1
