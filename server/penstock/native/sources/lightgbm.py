# SPDX-License-Identifier: Apache-2.0
"""LightGBM's models: their trees, and what their objective makes of the sums.

LightGBM computes in float64 throughout: it compares features as float64, adds leaves up in the
order of the trees, and then applies the objective's link. Compiled exactly, so does the step.
"""

import numpy as np
import numpy.typing as npt

from penstock.errors import ModelFileError, NotCompiledError
from penstock.native.artifact import ArtifactBuilder, CompiledModel, StepWhat
from penstock.native.forest import MISSING_NAN, MISSING_NONE, MISSING_ZERO, TreeNodes, forest_step
from penstock.native.options import CompileOptions
from penstock.native.sources.classes import ClassLabels, add_classes
from penstock.native.sources.lightgbm_text import LightGbmText, LightGbmTree
from penstock_client._proto import native_artifact_pb2 as pb

__all__ = ["compile_lightgbm"]

Integers = npt.NDArray[np.int64]

IS_CATEGORY, MISSING_GOES_LEFT = 1, 2
#: LightGBM leaves features as near to zero as this out of a row, and so takes them for zero.
ZERO = float(np.float32(1e-35))
MISSING_KINDS = np.array([MISSING_NONE, MISSING_ZERO, MISSING_NAN, MISSING_NONE], np.uint8)

#: Objectives whose predictions are the sums themselves; `sqrt` may still square them.
PLAIN = {
    "", "custom", "regression", "regression_l1", "huber", "fair", "quantile", "mape",
    "lambdarank", "rank_xendcg",
}  # fmt: skip
EXPONENTIAL = {"poisson", "gamma", "tweedie"}


def compile_lightgbm(
    model: LightGbmText, options: CompileOptions, labels: ClassLabels | None = None
) -> CompiledModel:
    """The compiled model: what Booster.predict gives, or with `labels` what LGBMClassifier does."""
    link = _link(model)
    nodes = _nodes(model)
    version = model.version.removeprefix("v")
    builder = ArtifactBuilder(source=f"LightGBM model, format {version}")
    datatype, kind = options.input_of("FP64")
    x = builder.input("input", datatype, kind, [model.features])
    rounds = len(model.trees) // model.trees_per_round
    step = forest_step(
        builder,
        nodes,
        base=np.zeros(nodes.targets),
        total=pb.Forest.IN_DOUBLE if options.is_exact else pb.Forest.IN_ANY_ORDER,
        factor=1 / rounds if model.averages else 1.0,
    )
    made, datatype = (pb.FLOAT64, "FP64") if options.is_exact else (pb.FLOAT32, "FP32")
    y = builder.step(step, [x], made, nodes.targets, name="trees")
    if link is not None:
        y = builder.step(link, [y], made, nodes.targets, name="objective")
    if labels is not None and (model.objective or ("custom",))[0] == "custom":
        raise NotCompiledError(
            "it is a classifier of an objective of your own, whose predict gives sums instead of "
            "classes: compile its booster_."
        )
    if labels is None:
        builder.output("prediction", datatype, y, [nodes.targets])
    else:
        add_classes(builder, y, nodes.targets, labels, datatype)
    return builder.finish()


def _link(model: LightGbmText) -> StepWhat | None:
    name, *words = model.objective or ("",)
    options = dict(word.partition(":")[::2] for word in words)
    match name:
        case "binary" | "multiclassova":
            slope = _number(options.get("sigmoid", "1"))
            return pb.Activation(function=pb.Activation.SIGMOID, alpha=slope)
        case "cross_entropy" | "xentropy":
            return pb.Activation(function=pb.Activation.SIGMOID, alpha=1)
        case "cross_entropy_lambda" | "xentlambda":
            return pb.Activation(function=pb.Activation.LOG1P_EXP)
        case "multiclass":
            return pb.Activation(function=pb.Activation.SOFTMAX)
        case name if name in EXPONENTIAL:
            return pb.Activation(function=pb.Activation.EXP)
        case name if name in PLAIN:
            if "sqrt" in options:
                return pb.Activation(function=pb.Activation.SIGN_SQUARE)
            return None
    raise NotCompiledError(
        f"its objective is {name!r}, whose predictions are not known; LightGBM's own are."
    )


def _number(text: str) -> float:
    try:
        found = float(text)
    except ValueError:
        found = 0.0
    if not 0 < found < 1e30:
        raise ModelFileError(f"its objective has sigmoid:{text[:40]}: wanted a number above 0.")
    return found


def _nodes(model: LightGbmText) -> TreeNodes:
    """All trees' nodes: of each tree its inner nodes, then its leaves."""
    if not model.trees:
        raise ModelFileError("it has no trees: train it for at least a round.")
    if model.trees_per_round < 1 or len(model.trees) % model.trees_per_round:
        raise ModelFileError(
            f"it has {len(model.trees)} trees: wanted a multiple of "
            f"num_tree_per_iteration, {model.trees_per_round}."
        )
    trees = model.trees
    inner = np.array([len(tree.split_feature) for tree in trees])
    leaves = np.array([len(tree.leaf_value) for tree in trees])
    roots = np.cumsum(inner + leaves) - (inner + leaves)
    count = int((inner + leaves).sum())
    is_leaf = np.ones(count, np.bool_)
    feature, left, right, target = np.zeros((4, count), np.int64)
    threshold, leaf_values = np.zeros((2, count), np.float64)
    decisions = np.zeros(count, np.int64)
    categories: dict[int, Integers] = {}
    for place, (tree, root) in enumerate(zip(trees, roots.tolist(), strict=True)):
        if tree.is_linear:
            raise NotCompiledError(
                f"tree {place} has linear models in its leaves (linear_tree), "
                "which have no native form."
            )
        first_leaf = root + len(tree.split_feature)
        end = first_leaf + len(tree.leaf_value)
        is_leaf[root:first_leaf] = False
        feature[root:first_leaf] = tree.split_feature
        threshold[root:first_leaf] = _past_zero(tree)
        decisions[root:first_leaf] = tree.decision_type
        for children, own in ((left, tree.left_child), (right, tree.right_child)):
            if ((own >= len(own)) | (own < -len(tree.leaf_value))).any():
                raise ModelFileError(f"tree {place} has a child that it does not have a place for.")
            children[root:first_leaf] = np.where(own >= 0, root + own, first_leaf - 1 - own)
        leaf_values[first_leaf:end] = tree.leaf_value
        target[first_leaf:end] = place % model.trees_per_round
        for node in np.flatnonzero(tree.decision_type & IS_CATEGORY).tolist():
            categories[root + node] = _categories(tree, node, place)
    return TreeNodes(
        features=model.features,
        targets=model.trees_per_round,
        roots=roots,
        is_leaf=is_leaf,
        feature=feature,
        threshold=threshold,
        left=left,
        right=right,
        # A test for categories sends what is missing to the right.
        missing_goes_left=(decisions & (MISSING_GOES_LEFT | IS_CATEGORY)) == MISSING_GOES_LEFT,
        missing=np.where(decisions & IS_CATEGORY, MISSING_NAN, MISSING_KINDS[decisions >> 2 & 3]),
        target=target,
        leaf_values=leaf_values,
        categories=categories,
    )


def _categories(tree: LightGbmTree, node: int, place: int) -> Integers:
    """The categories that a node of the tree sends to the left."""
    index = int(tree.threshold[node]) if np.isfinite(tree.threshold[node]) else -1
    if not 0 <= index < len(tree.cat_boundaries) - 1:
        raise ModelFileError(f"tree {place} tests for a set of categories that it does not have.")
    first, end = tree.cat_boundaries[index : index + 2].tolist()
    words = tree.cat_threshold[first:end]
    if not 0 <= first <= end or ((words < 0) | (words >= 1 << 32)).any():
        raise ModelFileError(f"tree {place} has a set of categories that is no set of bits.")
    bits = np.unpackbits(words.astype("<u4").view(np.uint8), bitorder="little")
    return np.flatnonzero(bits)


def _past_zero(tree: LightGbmTree) -> npt.NDArray[np.float64]:
    """Thresholds that send all that LightGBM takes for zero to the side where zero goes."""
    exact = tree.threshold
    is_above, is_below = (exact >= 0) & (exact < ZERO), (exact < 0) & (exact >= -ZERO)
    moved = np.where(is_above, ZERO, np.where(is_below, np.nextafter(-ZERO, -np.inf), exact))
    return np.where(tree.decision_type & IS_CATEGORY, exact, moved)
