# SPDX-License-Identifier: Apache-2.0
"""The lists that ONNX's tree operators keep their nodes in, checked and taken apart."""

from typing import Any

import numpy as np
import numpy.typing as npt

from penstock.native.onnx.graph import Node
from penstock.native.onnx.operators.branches import LEAF, LEQ, MEMBER, Branches, Integers

__all__ = ["branches_of", "branches_of_ensemble"]

MODES = {
    "LEAF": LEAF,
    "BRANCH_LEQ": LEQ,
    "BRANCH_LT": LEQ + 1,
    "BRANCH_GTE": LEQ + 2,
    "BRANCH_GT": LEQ + 3,
    "BRANCH_EQ": LEQ + 4,
    "BRANCH_NEQ": LEQ + 5,
}
LEAF_CELLS_MAX = 1 << 27


def branches_of(node: Node, what: str, target_count: int) -> Branches:
    """Of the older operators: nodes are named by tree and number; `what` is class or target."""
    trees, numbers, features, when_true, when_false = (
        _array(node, f"nodes_{name}", np.int64)
        for name in ("treeids", "nodeids", "featureids", "truenodeids", "falsenodeids")
    )
    values = _array(node, "nodes_values", np.float64)
    mode = np.array([MODES.get(name, -2) for name in node.attribute("nodes_modes", [])], np.int64)
    count = len(trees)
    missing = _array(node, "nodes_missing_value_tracks_true", np.int64)
    _check_lengths(node, count, numbers, features, when_true, when_false, values, mode)
    if len(missing) not in (0, count) or (mode < LEAF).any():
        raise node.error("wanted a known mode, and missing_value_tracks_true, of each node.")
    places = _Places(node, trees, numbers)
    inner = mode != LEAF
    when_true[inner] = places.of(trees[inner], when_true[inner])
    when_false[inner] = places.of(trees[inner], when_false[inner])
    is_child = np.zeros(count, np.bool_)
    is_child[when_true[inner]] = True
    is_child[when_false[inner]] = True
    roots = np.flatnonzero(~is_child)
    if len(roots) != len(np.unique(trees)) or len(np.unique(trees[roots])) != len(roots):
        raise node.error("wanted one root of each tree, and no cycle.")
    leaf_trees, leaf_nodes, targets = (
        _array(node, f"{what}_{name}", np.int64) for name in ("treeids", "nodeids", "ids")
    )
    weights = _array(node, f"{what}_weights", np.float64)
    _check_lengths(node, len(weights), leaf_trees, leaf_nodes, targets)
    leaves = places.of(leaf_trees, leaf_nodes)
    # ONNX Runtime ignores weights of nodes that are no leaves.
    is_of_leaf = mode[leaves] == LEAF
    made = Branches(
        mode=mode,
        feature=features,
        value=values,
        when_true=when_true,
        when_false=when_false,
        nan_is_true=missing != 0 if len(missing) else np.zeros(count, np.bool_),
        roots=roots,
        target_count=target_count,
        leaves=leaves[is_of_leaf],
        targets=targets[is_of_leaf],
        weights=weights[is_of_leaf],
    )
    _check(node, made)
    return made


class _Places:
    """Where the node of a tree and a number stands."""

    def __init__(self, node: Node, trees: Integers, numbers: Integers) -> None:
        self._node = node
        if len(trees) == 0 or (trees < 0).any() or (numbers < 0).any():
            raise node.error("it has no nodes, or one with a negative number.")
        self._stride = int(numbers.max()) + 1
        if int(trees.max()) * self._stride >= 1 << 62:
            raise node.error("the numbers of its trees and nodes are too large.")
        keys = trees * self._stride + numbers
        self._order = np.argsort(keys, kind="stable")
        self._keys = keys[self._order]
        if (self._keys[1:] == self._keys[:-1]).any():
            raise node.error("two of its nodes have the same number in the same tree.")

    def of(self, trees: Integers, numbers: Integers) -> Integers:
        """Raises if there is no such node."""
        is_possible = (trees >= 0) & (numbers >= 0) & (numbers < self._stride)
        is_possible &= trees < 1 << 40
        keys = np.where(is_possible, trees * self._stride + numbers, -1)
        found = np.minimum(np.searchsorted(self._keys, keys), len(self._keys) - 1)
        if (self._keys[found] != keys).any():
            raise self._node.error("it names a node that it does not have.")
        return self._order[found]


def branches_of_ensemble(node: Node, target_count: int) -> Branches:
    """Of TreeEnsemble: inner nodes and leaves are numbered apart; leaves here stand behind."""
    features, when_true, when_false, true_is_leaf, false_is_leaf, roots = (
        _array(node, name, np.int64)
        for name in (
            "nodes_featureids",
            "nodes_truenodeids",
            "nodes_falsenodeids",
            "nodes_trueleafs",
            "nodes_falseleafs",
            "tree_roots",
        )
    )
    mode = _array(node, "nodes_modes", np.int64)
    values = _array(node, "nodes_splits", np.float64)
    missing = _array(node, "nodes_missing_value_tracks_true", np.int64)
    targets = _array(node, "leaf_targetids", np.int64)
    weights = _array(node, "leaf_weights", np.float64)
    inner, leaf_count = len(mode), len(weights)
    _check_lengths(
        node, inner, features, when_true, when_false, true_is_leaf, false_is_leaf, values
    )
    _check_lengths(node, leaf_count, targets)
    if len(missing) not in (0, inner) or ((mode < LEQ) | (mode > MEMBER)).any():
        raise node.error("wanted a known mode, and missing_value_tracks_true, of each node.")
    for children, is_leaf in ((when_true, true_is_leaf), (when_false, false_is_leaf)):
        if (children < 0).any() or (children >= np.where(is_leaf, leaf_count, inner)).any():
            raise node.error("it names a node that it does not have.")
        children += np.where(is_leaf, inner, 0)
    # A tree of a single leaf is a root both of whose children are that leaf: one of them is asked.
    is_alone = (when_true == when_false) & (true_is_leaf != 0)
    zeros = np.zeros(leaf_count, np.int64)
    copies = np.flatnonzero(is_alone)
    made = Branches(
        mode=np.concatenate([np.where(is_alone, LEAF, mode), zeros + LEAF]),
        feature=np.concatenate([features, zeros]),
        value=np.concatenate([values, zeros.astype(np.float64)]),
        when_true=np.concatenate([when_true, zeros]),
        when_false=np.concatenate([when_false, zeros]),
        nan_is_true=np.concatenate(
            [missing != 0 if len(missing) else np.zeros(inner, np.bool_), zeros != 0]
        ),
        roots=roots,
        target_count=target_count,
        leaves=np.concatenate([inner + np.arange(leaf_count), copies]),
        targets=np.concatenate([targets, targets[when_true[copies] - inner]]),
        weights=np.concatenate([weights, weights[when_true[copies] - inner]]),
        members=_members(node, mode),
    )
    _check(node, made)
    return made


def _members(node: Node, mode: Integers) -> dict[int, tuple[float, ...]]:
    """The sets, one after the other in the order of their nodes, each ended by NaN."""
    sets: list[tuple[float, ...]] = []
    numbers: list[float] = []
    for number in _array(node, "membership_values", np.float64).tolist():
        if number == number:
            numbers.append(number)
        else:
            sets.append(tuple(sorted(set(numbers))))
            numbers = []
    if numbers:
        sets.append(tuple(sorted(set(numbers))))
    asking = np.flatnonzero(mode == MEMBER).tolist()
    if len(asking) != len(sets):
        raise node.error(f"it has {len(sets)} sets for {len(asking)} nodes of mode MEMBER.")
    return dict(zip(asking, sets, strict=True))


def _array(node: Node, name: str, dtype: type[Any]) -> npt.NDArray[Any]:
    """An attribute, or the one of the same name that ends in _as_tensor; none: empty."""
    found = node.attribute(name)
    if found is None or not len(np.atleast_1d(found)):
        found = node.attribute(f"{name}_as_tensor", np.zeros(0))
    array = np.asarray(found)
    if array.dtype.kind not in "iufb":
        raise node.error(f"its {name} are no numbers.")
    return array.reshape(-1).astype(dtype)


def _check_lengths(node: Node, count: int, *arrays: npt.NDArray[Any]) -> None:
    if any(len(array) != count for array in arrays):
        raise node.error("the lists of its nodes, or of its weights, differ in length.")


def _check(node: Node, branches: Branches) -> None:
    if np.isnan(branches.value[~np.isin(branches.mode, (LEAF, MEMBER))]).any():
        raise node.error("a node has a threshold that is no number (NaN).")
    wrong = (branches.targets < 0) | (branches.targets >= branches.target_count)
    if wrong.any():
        raise node.error(
            f"a leaf adds to target {branches.targets[wrong][0]}: "
            f"there are {branches.target_count}."
        )
    if len(branches.mode) * branches.target_count > LEAF_CELLS_MAX:
        raise node.error("its nodes and targets are too many.")
