# SPDX-License-Identifier: Apache-2.0
"""XGBoost's model file, JSON or UBJSON, taken apart and checked as far as its form goes.

learner
  learner_model_param    base_score, num_class, num_feature, num_target; numbers in quotes
  objective.name
  gradient_booster       name: gbtree, dart or gblinear
    model                of gbtree
      trees              an object of arrays each, an element per node
      tree_info          each tree's output
    gbtree.model, weight_drop    of dart
    model.weights        of gblinear: features by outputs, the biases last
"""

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from penstock.errors import ModelFileError, NotCompiledError
from penstock.native.sources.json_place import JsonPlace
from penstock.native.sources.ubjson import parse_ubjson

__all__ = ["XgboostFile", "XgboostTree", "parse_xgboost"]

Floats = npt.NDArray[np.float32]
Integers = npt.NDArray[np.int64]

OUTPUTS_END = 1 << 16
FEATURES_END = 1 << 20
NODES_END = 1 << 26
#: `split_type` of a test for categories.
CATEGORICAL = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class XgboostTree:
    """A tree as the file has it: an element per node; the root is the first."""

    left: Integers  # -1: a leaf
    right: Integers
    feature: Integers
    condition: Floats  # a row goes left if x < condition; of a leaf its value
    default_left: npt.NDArray[np.bool_]
    leaf_rows: Floats | None  # [nodes, outputs], where leaves are vectors
    categories: dict[int, Integers]  # node -> those that go right


@dataclass(frozen=True, slots=True, kw_only=True)
class Trees:
    """What gbtree and dart are."""

    trees: tuple[XgboostTree, ...]
    output: Integers  # that a tree adds to
    weight: Floats  # of a tree


@dataclass(frozen=True, slots=True, kw_only=True)
class XgboostFile:
    """A model's file, taken apart."""

    version: str
    objective: str
    features: int
    outputs: int
    base_score: Floats  # [outputs]
    model: Trees | Floats  # of gblinear [features + 1, outputs], the biases last


def parse_xgboost(content: bytes) -> XgboostFile:
    """Takes a file apart. Raises ModelFileError that names the place, or NotCompiledError."""
    root = JsonPlace(_parsed(content))
    learner = root.get("learner")
    parameters = learner.get("learner_model_param")
    features = parameters.get("num_feature").whole(FEATURES_END)
    outputs = max(
        1,
        *(
            parameters.get(key).whole(OUTPUTS_END) if key in parameters else 0
            for key in ("num_class", "num_target")
        ),
    )
    return XgboostFile(
        version=".".join(map(str, root.get("version").array(np.int64).tolist())),
        objective=learner.get("objective", "name").text(),
        features=features,
        outputs=outputs,
        base_score=_base_score(parameters.get("base_score"), outputs),
        model=_model(learner.get("gradient_booster"), features, outputs),
    )


def _parsed(content: bytes) -> Any:
    # UBJSON has a marker of the first key's length where JSON has its quotes.
    if content[1:].lstrip()[:1] not in (b'"', b"}"):
        return parse_ubjson(content)
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ModelFileError(f"it is no JSON: {error}.") from None


def _base_score(place: JsonPlace, outputs: int) -> Floats:
    """A number, or since XGBoost 3.1 an array with one for each output; both in quotes."""
    text = place.text().strip().removeprefix("[").removesuffix("]")
    found = JsonPlace(text.split(","), place.path).array(np.float32)
    if len(found) not in (1, outputs):
        raise ModelFileError(f"it has {len(found)} base scores: wanted 1 or {outputs}.")
    return np.broadcast_to(found, outputs)


def _model(booster: JsonPlace, features: int, outputs: int) -> Trees | Floats:
    match booster.get("name").text():
        case "gbtree":
            return _trees(booster.get("model"), outputs)
        case "dart":
            weight = booster.get("weight_drop").array(np.float32)
            return _trees(booster.get("gbtree", "model"), outputs, weight)
        case "gblinear":
            weights = booster.get("model", "weights").array(np.float32, (features + 1) * outputs)
            return weights.reshape(features + 1, outputs)
        case name:
            raise NotCompiledError(f"its booster is {name!r}: wanted gbtree, dart or gblinear.")


def _trees(model: JsonPlace, outputs: int, weight: Floats | None = None) -> Trees:
    trees = tuple(_tree(place, outputs) for place in model.get("trees").elements())
    output = model.get("tree_info").array(np.int64, len(trees))
    if weight is None:
        weight = np.ones(len(trees), np.float32)
    if len(weight) != len(trees):
        raise ModelFileError(f"weight_drop has {len(weight)} weights of {len(trees)} trees.")
    return Trees(trees=trees, output=output, weight=weight)


def _tree(tree: JsonPlace, outputs: int) -> XgboostTree:
    count = tree.get("tree_param", "num_nodes").whole(NODES_END)
    left = tree.get("left_children").array(np.int64, count)
    right = tree.get("right_children").array(np.int64, count)
    size = tree.get("tree_param", "size_leaf_vector").whole(OUTPUTS_END)
    return XgboostTree(
        left=left,
        right=right,
        feature=tree.get("split_indices").array(np.int64, count),
        condition=_conditions(tree.get("split_conditions"), count),
        default_left=tree.get("default_left").array(np.int64, count) != 0,
        leaf_rows=_leaf_rows(tree, left, right, outputs) if size > 1 else None,
        categories=_categories(tree, count) if "split_type" in tree else {},
    )


def _conditions(place: JsonPlace, count: int) -> Floats:
    """Infinities are as good as any: nothing, or all, is below one."""
    try:
        given = np.array(place.value, np.float64)
    except (TypeError, ValueError):
        return place.array(np.float32, count)
    kept = np.where(np.isinf(given), 0, given)
    found = JsonPlace(kept, place.path).array(np.float32, count)
    return np.where(np.isinf(given), given, found).astype(np.float32)


def _leaf_rows(tree: JsonPlace, left: Integers, right: Integers, outputs: int) -> Floats:
    """Leaves that are vectors: of a leaf the right child says which, since XGBoost 3.2.

    Before, the weights of all nodes, inner ones too, stood side by side.
    """
    count = len(left)
    if "leaf_weights" not in tree:
        rows = tree.get("base_weights").array(np.float32, count * outputs)
        return rows.reshape(count, outputs)
    is_leaf = left < 0
    rows = tree.get("leaf_weights").array(np.float32, int(is_leaf.sum()) * outputs)
    places = right[is_leaf]
    if len(places) and (places.min() < 0 or places.max() >= len(places)):
        raise ModelFileError(f"{tree.path}right_children names a leaf that is not there.")
    found = np.zeros((count, outputs), np.float32)
    found[is_leaf] = rows.reshape(-1, outputs)[places]
    return found


def _categories(tree: JsonPlace, count: int) -> dict[int, Integers]:
    is_categorical = tree.get("split_type").array(np.int64, count) == CATEGORICAL
    if not is_categorical.any():
        return {}
    nodes = tree.get("categories_nodes").array(np.int64)
    starts = tree.get("categories_segments").array(np.int64, len(nodes))
    sizes = tree.get("categories_sizes").array(np.int64, len(nodes))
    values = tree.get("categories").array(np.int64)
    if (starts < 0).any() or (sizes < 0).any() or (starts + sizes > len(values)).any():
        raise ModelFileError(f"{tree.path}categories ends before the last of its segments.")
    found = {
        int(node): values[start : start + size]
        for node, start, size in zip(nodes, starts, sizes, strict=True)
    }
    if found.keys() != set(np.flatnonzero(is_categorical).tolist()):
        raise ModelFileError(f"{tree.path}categories_nodes are not the nodes of split_type 1.")
    return found
