# SPDX-License-Identifier: Apache-2.0
"""XGBoost's models: their trees or weights, and what their objective makes of the sums.

XGBoost computes in float32: it compares x < condition, which for float32 is x <= the number below,
and adds the leaves up in the order of the trees, beginning with the base score. The base score is
kept as a prediction; its link's inverse makes the sum to begin with.
"""

import math

import numpy as np

from penstock.errors import ModelFileError, NotCompiledError
from penstock.native.artifact import ArtifactBuilder, CompiledModel
from penstock.native.forest import MISSING_NAN, TreeNodes, below, forest_step
from penstock.native.options import CompileOptions
from penstock.native.sources.classes import ClassLabels, add_classes
from penstock.native.sources.xgboost_file import Floats, Trees, XgboostFile
from penstock_client._proto import native_artifact_pb2 as pb

__all__ = ["compile_xgboost"]

#: Objectives by what makes predictions of sums.
LOGISTIC = {"reg:logistic", "binary:logistic"}
EXPONENTIAL = {"count:poisson", "reg:gamma", "reg:tweedie", "survival:cox", "survival:aft"}
SOFTMAX = {"multi:softprob", "multi:softmax"}
PLAIN = {
    "reg:squarederror", "reg:squaredlogerror", "reg:pseudohubererror", "reg:absoluteerror",
    "reg:quantileerror", "reg:expectileerror", "reg:linear", "binary:logitraw",
    "rank:pairwise", "rank:ndcg", "rank:map",
}  # fmt: skip


def compile_xgboost(
    model: XgboostFile,
    options: CompileOptions,
    labels: ClassLabels | None = None,
    *,
    missing: float = math.nan,
) -> CompiledModel:
    """The compiled model: what Booster.predict gives, or with `labels` what XGBClassifier does.

    `missing` is the number that stands for a missing feature, besides NaN.
    """
    builder = ArtifactBuilder(source=f"XGBoost {model.version} model")
    datatype, kind = options.input_of("FP32")
    x = builder.input("input", datatype, kind, [model.features])
    if kind == pb.FLOAT64:
        x = builder.step(pb.Convert(), [x], pb.FLOAT32, model.features, name="to float32")
    if not math.isnan(missing):
        replacement = builder.blob(np.full(model.features, np.nan), "<f4")
        step = pb.Impute(missing=float(np.float32(missing)), replacement=replacement)
        x = builder.step(step, [x], pb.FLOAT32, model.features, name="missing")
    base = _base(model)
    if isinstance(model.model, Trees):
        nodes = _nodes(model, model.model)
        total = pb.Forest.IN_FLOAT if options.is_exact else pb.Forest.IN_ANY_ORDER
        forest = forest_step(builder, nodes, base=base, total=total)
        y = builder.step(forest, [x], pb.FLOAT32, model.outputs, name="trees")
    else:
        y = _add_linear(builder, x, model, model.model, base)
    _add_outputs(builder, y, model, labels)
    return builder.finish()


def _base(model: XgboostFile) -> Floats:
    """What the sums begin with."""
    name, score = model.objective, model.base_score
    if name in LOGISTIC:
        if not ((score > 0) & (score < 1)).all():
            raise ModelFileError(f"its base scores are {score.tolist()}: wanted probabilities.")
        odds = np.float32(1) / score - np.float32(1)
        return -np.log(odds.astype(np.float64)).astype(np.float32)
    if name in EXPONENTIAL:
        if not (score > 0).all():
            raise ModelFileError(f"its base scores are {score.tolist()}: wanted some above 0.")
        return np.log(score.astype(np.float64)).astype(np.float32)
    if name in SOFTMAX | PLAIN | {"binary:hinge"}:
        return score
    raise NotCompiledError(
        f"its objective is {name!r}, whose predictions are not known; XGBoost's own are."
    )


def _nodes(model: XgboostFile, ensemble: Trees) -> TreeNodes:
    """All trees' nodes, one tree's after the other's."""
    trees = ensemble.trees
    if not trees:
        raise ModelFileError("it has no trees: train it for at least a round.")
    counts = np.array([len(tree.left) for tree in trees])
    if not counts.all():
        raise ModelFileError("it has a tree without nodes.")
    roots = np.cumsum(counts) - counts
    shift = np.repeat(roots, counts)
    left, right = (
        np.concatenate([getattr(tree, side) for tree in trees]) for side in ("left", "right")
    )
    is_leaf = left < 0
    condition = np.concatenate([tree.condition for tree in trees])
    default_left = np.concatenate([tree.default_left for tree in trees])
    has_rows = {tree.leaf_rows is not None for tree in trees}
    if len(has_rows) > 1:
        raise NotCompiledError("some of its trees have vectors as leaves, others numbers.")
    weight = np.repeat(ensemble.weight, counts)
    leaf_values = condition
    if has_rows == {True}:
        leaf_values = np.concatenate(
            [tree.leaf_rows for tree in trees if tree.leaf_rows is not None]
        )
        weight = weight[:, None]
    threshold = below(condition)
    categories = {
        int(root) + node: chosen
        for root, tree in zip(roots, trees, strict=True)
        for node, chosen in tree.categories.items()
    }
    # XGBoost sends its categories, and the forest its own, to different sides.
    is_swapped = np.zeros(len(left), np.bool_)
    is_swapped[list(categories)] = True
    # Nothing is below -infinity, which is as if it were in no category.
    for node in np.flatnonzero(~is_leaf & ~is_swapped & np.isneginf(condition)).tolist():
        categories[node] = np.zeros(0, np.int64)
    return TreeNodes(
        features=model.features,
        targets=model.outputs,
        roots=roots,
        is_leaf=is_leaf,
        feature=np.concatenate([tree.feature for tree in trees]),
        threshold=threshold,
        left=shift + np.where(is_swapped, right, left),
        right=shift + np.where(is_swapped, left, right),
        missing_goes_left=default_left != is_swapped,
        missing=np.full(len(left), MISSING_NAN, np.uint8),
        target=np.repeat(ensemble.output, counts),
        leaf_values=(leaf_values * weight).astype(np.float64),
        categories=categories,
    )


def _add_linear(
    builder: ArtifactBuilder, x: int, model: XgboostFile, weights: Floats, base: Floats
) -> int:
    """gblinear, to which a missing feature is one of 0, and the first base score is everyone's."""
    zeros = builder.blob(np.zeros(model.features), "<f4")
    step = pb.Impute(missing=math.nan, replacement=zeros)
    x = builder.step(step, [x], pb.FLOAT32, model.features, name="missing")
    dense = pb.Dense(
        weights=pb.Dense.FP32,
        weight=builder.blob(weights[:-1].T, "<f4"),
        bias=builder.blob(weights[-1] + base[0], "<f4"),
    )
    return builder.step(dense, [x], pb.FLOAT32, model.outputs, name="weights")


def _add_outputs(
    builder: ArtifactBuilder, y: int, model: XgboostFile, labels: ClassLabels | None
) -> None:
    name, width = model.objective, model.outputs
    # XGBClassifier's probabilities are those of multi:softprob, whatever its objective.
    if name == "multi:softmax" and labels is None:
        y, width = builder.step(pb.ArgMax(), [y], pb.INT64, 1, name="objective"), 1
    elif name == "binary:hinge":
        y = builder.step(pb.Threshold(threshold=0), [y], pb.INT64, width, name="objective")
    elif (link := _link(name)) is not None:
        y = builder.step(link, [y], pb.FLOAT32, width, name="objective")
    if labels is None:
        builder.output("prediction", "FP32", y, [width])
    else:
        if name == "binary:hinge":
            y = builder.step(pb.Convert(), [y], pb.FLOAT32, width, name="objective")
        add_classes(builder, y, width, labels, "FP32")


def _link(name: str) -> pb.Activation | None:
    if name in LOGISTIC:
        return pb.Activation(function=pb.Activation.SIGMOID, alpha=1)
    if name in EXPONENTIAL:
        return pb.Activation(function=pb.Activation.EXP)
    if name in SOFTMAX:
        return pb.Activation(function=pb.Activation.SOFTMAX)
    return None
