# SPDX-License-Identifier: Apache-2.0
"""A Forest step in numpy: every row walks from the root to a leaf, tree after tree."""

import numpy as np
import numpy.typing as npt

from penstock.native.artifact import CompiledModel
from penstock_client._proto import native_artifact_pb2 as pb

__all__ = ["forest"]

IS_LEAF = 1
IS_CATEGORY_TEST = 2
MISSING_GOES_LEFT = 4
MISSING_IS_NAN, MISSING_IS_NAN_AND_ZERO, MISSING_IS_NOTHING = 0, 1, 2
ZERO_MAX = float(np.float32(1e-35))

Floats = npt.NDArray[np.floating]
Nodes = npt.NDArray[np.int64]


class _Trees:
    """The arrays of a forest."""

    def __init__(self, model: CompiledModel, what: pb.Forest) -> None:
        self.roots = model.array(what.roots, "<u4").astype(np.int64)
        self.feature = model.array(what.feature, "<u4")
        self.threshold = model.array(what.threshold, "<f8")
        self.left = model.array(what.left, "<u4").astype(np.int64)
        self.right = model.array(what.right, "<u4").astype(np.int64)
        self.flags = model.array(what.flags, "u1")
        self.leaf_values = model.array(what.leaf_values, "<f8")
        self.words = model.array(what.category_words, "<u4")
        self.base = model.array(what.base, "<f8")

    def leaves(self, root: np.int64, x: Floats) -> Nodes:
        """For each row the leaf that it ends at."""
        nodes = np.full(len(x), root)
        while True:
            walking = np.flatnonzero(self.flags[nodes] & IS_LEAF == 0)
            if not len(walking):
                return nodes
            here = nodes[walking]
            goes_left = self._goes_left(here, x[walking, self.feature[here]].astype(np.float64))
            nodes[walking] = np.where(goes_left, self.left[here], self.right[here])

    def _goes_left(self, nodes: Nodes, x: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
        flags = self.flags[nodes]
        missing = flags >> 3 & 3
        x = np.where(np.isnan(x) & (missing == MISSING_IS_NOTHING), 0.0, x)
        is_missing = np.isnan(x) | ((missing == MISSING_IS_NAN_AND_ZERO) & (np.abs(x) <= ZERO_MAX))
        passes = x <= self.threshold[nodes]
        for row in np.flatnonzero((flags & IS_CATEGORY_TEST != 0) & ~is_missing):
            passes[row] = self._is_in_set(int(self.threshold[nodes[row]]), x[row])
        return np.where(is_missing, flags & MISSING_GOES_LEFT != 0, passes)

    def _is_in_set(self, place: int, x: float) -> bool:
        if not -1 < x < 32 * int(self.words[place]):
            return False
        category = int(x)
        return bool(self.words[place + 1 + category // 32] >> (category % 32) & 1)


def forest(model: CompiledModel, what: pb.Forest, x: Floats) -> Floats:
    """What the leaves that each row reaches add up to, [rows, targets]."""
    trees = _Trees(model, what)
    kind = np.float64 if what.sum == pb.Forest.IN_DOUBLE else np.float32
    begins_at_base = kind is np.float32 and what.factor == 1
    sums = np.zeros((len(x), what.targets), kind)
    if begins_at_base:
        sums += trees.base.astype(kind)
    rows = np.arange(len(x))
    for root in trees.roots:
        leaves = trees.leaves(root, x)
        first = trees.left[leaves]
        if what.leaves_are_rows:
            sums += trees.leaf_values[first[:, None] + np.arange(what.targets)].astype(kind)
        else:
            sums[rows, trees.right[leaves]] += trees.leaf_values[first].astype(kind)
    return sums if begins_at_base else trees.base + what.factor * sums.astype(np.float64)
