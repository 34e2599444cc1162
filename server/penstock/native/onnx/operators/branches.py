# SPDX-License-Identifier: Apache-2.0
"""The nodes of ONNX's trees, in their seven modes, as nodes that ask x <= threshold.

    x <= t    as it is                       x < t     x <= the number below t
    x > t     x <= t, sides changed          x >= t    x <= the number below t, sides changed
    x == t    a column of 0 and 1 more, which says whether; the node asks that column
    x != t    x == t, sides changed          x in S    a column more

A comparison with NaN is false but for x != t; a node may say that NaN counts as true.
"""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from penstock.native.forest import MISSING_NAN, TreeNodes
from penstock.native.onnx.arrays import DTYPES
from penstock.native.onnx.graph import Node
from penstock.native.onnx.lowering import Lowering, Tensor
from penstock_client._proto import native_artifact_pb2 as pb

__all__ = ["Branches", "with_indicators"]

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Truths = npt.NDArray[np.bool_]

#: Modes of nodes; from LEQ on, version 5's numbers.
LEAF, LEQ, LT, GTE, GT, EQ, NEQ, MEMBER = range(-1, 7)
SETS_MAX = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Whether a feature is one of some numbers; with `has_nan`, or NaN."""

    feature: int
    numbers: tuple[float, ...]
    has_nan: bool


@dataclass(slots=True, kw_only=True)
class Branches:
    """All trees' nodes; of a leaf the weights that it adds, each to a target."""

    mode: Integers
    feature: Integers
    value: Floats
    when_true: Integers
    when_false: Integers
    nan_is_true: Truths
    roots: Integers
    target_count: int
    leaves: Integers  # an element per weight: node
    targets: Integers
    weights: Floats
    members: dict[int, tuple[float, ...]] = field(default_factory=dict)  # of MEMBER nodes
    #: Columns that answer questions stand behind the features; filled in by with_indicators.
    columns: dict[Question, int] = field(default_factory=dict)

    @property
    def tree_count(self) -> int:
        """How many trees there are."""
        return len(self.roots)

    def of_one_target(self) -> "Branches":
        """The same where all weights are of the first of two targets."""
        return replace(self, target_count=1)

    def always_adds_to_all(self) -> bool:
        """Whether each target gets a weight from every row; or no weight is negative."""
        if (self.weights >= 0).all():
            return True
        tree = self._tree_of_nodes()
        leaf_count = np.bincount(tree[self.mode == LEAF], minlength=self.tree_count)
        is_full = np.zeros(self.target_count, np.bool_)
        for target in range(self.target_count):
            own = np.unique(self.leaves[self.targets == target])
            is_full[target] = (
                np.bincount(tree[own], minlength=self.tree_count) == leaf_count
            ).any()
        return bool(is_full.all())

    def _tree_of_nodes(self) -> Integers:
        """Which tree a node is of: goes down from the roots, at most as deep as there are nodes."""
        tree = np.zeros(len(self.mode), np.int64)
        level, own = self.roots, np.arange(self.tree_count)
        for _ in range(len(self.mode)):
            tree[level] = own
            inner = self.mode[level] != LEAF
            level, own = level[inner], own[inner]
            if not len(level):
                break
            level = np.concatenate([self.when_true[level], self.when_false[level]])
            own = np.concatenate([own, own])
            if len(level) > len(self.mode):
                break
        return tree

    def question(self, node: int) -> Question:
        """What a node of EQ, NEQ or MEMBER asks."""
        mode = self.mode[node]
        numbers = self.members[node] if mode == MEMBER else (float(self.value[node]),)
        has_nan = bool(self.nan_is_true[node]) and mode != NEQ
        return Question(feature=int(self.feature[node]), numbers=numbers, has_nan=has_nan)

    def nodes(self, features: int, dtype: np.dtype[Any]) -> TreeNodes:
        """Nodes that ask x <= threshold, x being of `dtype`."""
        threshold = self.value.copy()
        is_strict = np.isin(self.mode, (LT, GTE))
        with np.errstate(over="ignore"):
            given = threshold[is_strict].astype(dtype)
        lowered = np.nextafter(given, dtype.type(-np.inf)).astype(np.float64)
        threshold[is_strict] = lowered
        # Nothing is below -infinity: no row is in a set of no categories.
        nothing = np.flatnonzero(is_strict)[np.isneginf(given)]
        feature = self.feature.copy()
        is_asked = np.isin(self.mode, (EQ, NEQ, MEMBER))
        for node in np.flatnonzero(is_asked).tolist():
            feature[node] = self.columns[self.question(node)]
            threshold[node] = 0.5
        # Where a row with x <= threshold goes: to the side of true, or of false.
        is_true_left = np.isin(self.mode, (LEQ, LT, NEQ))
        nan_goes_true = self.nan_is_true | (self.mode == NEQ)
        leaf_values, target = self._leaf_values()
        return TreeNodes(
            features=features,
            targets=self.target_count,
            roots=self.roots,
            is_leaf=self.mode == LEAF,
            feature=feature,
            threshold=threshold,
            left=np.where(is_true_left, self.when_true, self.when_false),
            right=np.where(is_true_left, self.when_false, self.when_true),
            missing_goes_left=nan_goes_true == is_true_left,
            missing=np.full(len(self.mode), MISSING_NAN, np.uint8),
            target=target,
            leaf_values=leaf_values,
            categories={int(node): np.zeros(0, np.int64) for node in nothing},
        )

    def _leaf_values(self) -> tuple[Floats, Integers]:
        """A number and its target of each leaf, or a row of all targets where leaves have more."""
        count = len(self.mode)
        target = np.zeros(count, np.int64)
        if len(np.unique(self.leaves)) == len(self.leaves):
            values = np.zeros(count)
            values[self.leaves] = self.weights
            target[self.leaves] = self.targets
            return values, target
        rows = np.zeros((count, self.target_count))
        np.add.at(rows, (self.leaves, self.targets), self.weights)
        return rows, target


def with_indicators(node: Node, lower: Lowering, x: Tensor, branches: Branches) -> Tensor:
    """x, and behind its columns those that answer the questions of EQ, NEQ and MEMBER."""
    asking = np.flatnonzero(np.isin(branches.mode, (EQ, NEQ, MEMBER)))
    questions = {branches.question(place) for place in asking.tolist()}
    if not questions:
        return x
    if any(not 0 <= question.feature < x.width for question in questions):
        raise node.error(f"it asks for a feature that is not there: there are {x.width}.")
    dtype = DTYPES[x.element].newbyteorder("<").str
    plain = sorted(
        (one.feature, one.numbers[0], one)
        for one in questions
        if len(one.numbers) == 1 and not one.has_nan
    )
    sets = [one for one in questions if len(one.numbers) != 1 or one.has_nan]
    if len(sets) > SETS_MAX:
        raise node.error(f"it asks for {len(sets)} sets of numbers: wanted {SETS_MAX} at most.")
    parts = [x]
    end = x.width
    if plain:
        features = sorted({feature for feature, _, _ in plain})
        counts = [sum(one[0] == feature for one in plain) for feature in features]
        picked = lower.selected(node, x, features, (len(features),))
        categories = lower.blob(np.array([number for _, number, _ in plain]), dtype)
        what = pb.OneHot(counts=counts, categories=categories)
        parts.append(lower.step(node, what, [picked], x.element, (len(plain),)))
        branches.columns.update({one: end + at for at, (_, _, one) in enumerate(plain)})
        end += len(plain)
    for one in sets:
        keys = np.array([*one.numbers, *([np.nan] if one.has_nan else [])])
        ones, zero = np.ones(len(keys)), np.zeros(1)
        what_set = pb.Lookup(
            keys=lower.blob(keys, dtype),
            values=lower.blob(ones, dtype),
            otherwise=lower.blob(zero, dtype),
        )
        picked = lower.selected(node, x, [one.feature], (1,))
        parts.append(lower.step(node, what_set, [picked], x.element, (1,)))
        branches.columns[one] = end
        end += 1
    return lower.joined(node, parts)
