# SPDX-License-Identifier: Apache-2.0
"""Tree ensembles on their way into a step Forest, whatever library grew them.

A `TreeNodes` holds the nodes of all trees side by side, as arrays, in whatever order the library
has them. `forest_step` checks that they are trees and puts them into the order of the artifact:
tree after tree, a root first, a child after its parent.
"""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from penstock.errors import ModelFileError, NotCompiledError
from penstock.native.artifact import ArtifactBuilder
from penstock_client._proto import native_artifact_pb2 as pb

__all__ = ["MISSING_NAN", "MISSING_NONE", "MISSING_ZERO", "TreeNodes", "below", "forest_step"]

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Truths = npt.NDArray[np.bool_]

IS_LEAF, IS_CATEGORY, MISSING_GOES_LEFT = 1, 2, 4
#: What counts as missing, in its place among the flags.
MISSING_NAN, MISSING_ZERO, MISSING_NONE = 0 << 3, 1 << 3, 2 << 3

NODES_MAX = 1 << 26
FEATURES_MAX = 1 << 20
CATEGORY_MAX = 1 << 24
CATEGORY_WORDS_MAX = 1 << 26
#: Tests one after the other, as the core bounds them too.
DEPTH_MAX = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeNodes:
    """All trees' nodes. Left is where a row goes with x <= threshold, or x in the categories.

    Arrays have an element per node; what a leaf or a node does not have is ignored.
    """

    features: int
    targets: int
    roots: Integers  # an element per tree
    is_leaf: Truths
    feature: Integers
    threshold: Floats
    left: Integers  # nodes
    right: Integers
    missing_goes_left: Truths
    missing: npt.NDArray[np.uint8]  # MISSING_...
    target: Integers  # of a leaf; ignored where leaf_values has rows
    leaf_values: Floats  # [nodes], or [nodes, targets]
    #: Node -> its categories; these nodes have no threshold.
    categories: dict[int, Integers] = field(default_factory=dict)


def below(thresholds: npt.NDArray[np.float32]) -> Floats:
    """What x < threshold is for float32 as x <= something. Of -infinity, which has none: NaN."""
    found = np.nextafter(thresholds, np.float32(-np.inf)).astype(np.float64)
    found[np.isneginf(thresholds)] = np.nan
    return found


def forest_step(
    builder: ArtifactBuilder,
    nodes: TreeNodes,
    *,
    base: npt.ArrayLike,
    total: pb.Forest.Sum,
    factor: float = 1.0,
) -> pb.Forest:
    """The step, its arrays being blobs of `builder`."""
    _check(nodes, np.asarray(base, np.float64))
    order, roots = _ordered(nodes)
    place = np.zeros(len(nodes.is_leaf), np.int64)
    place[order] = np.arange(len(order))
    is_leaf = nodes.is_leaf[order]
    has_rows = nodes.leaf_values.ndim == 2
    words, word_places = _category_words(nodes, order)
    is_category = word_places >= 0
    leaf_values = nodes.leaf_values[order][is_leaf]
    leaf_places = (np.cumsum(is_leaf) - 1) * (nodes.targets if has_rows else 1)
    targets = np.zeros(len(order), np.int64) if has_rows else nodes.target[order]
    flags = (
        np.where(is_leaf, IS_LEAF, 0)
        | np.where(is_category, IS_CATEGORY, 0)
        | np.where(nodes.missing_goes_left[order] & ~is_leaf, MISSING_GOES_LEFT, 0)
        | np.where(is_leaf, 0, nodes.missing[order])
    )
    threshold = np.where(is_category, word_places, nodes.threshold[order])
    children_left = place[np.where(is_leaf, 0, nodes.left[order])]
    children_right = place[np.where(is_leaf, 0, nodes.right[order])]
    return pb.Forest(
        features=nodes.features,
        targets=nodes.targets,
        roots=builder.blob(roots, "<u4"),
        feature=builder.blob(np.where(is_leaf, 0, nodes.feature[order]), "<u4"),
        threshold=builder.blob(np.where(is_leaf, 0, threshold), "<f8"),
        left=builder.blob(np.where(is_leaf, leaf_places, children_left), "<u4"),
        right=builder.blob(np.where(is_leaf, targets, children_right), "<u4"),
        flags=builder.blob(flags, "u1"),
        leaf_values=builder.blob(leaf_values, "<f8"),
        leaves_are_rows=has_rows,
        category_words=builder.blob(words, "<u4"),
        base=builder.blob(np.asarray(base, np.float64), "<f8"),
        factor=factor,
        sum=total,
    )


def _check(nodes: TreeNodes, base: Floats) -> None:
    count = len(nodes.is_leaf)
    if not 0 < count <= NODES_MAX:
        raise NotCompiledError(f"its trees have {count} nodes: wanted 1 to {NODES_MAX}.")
    if not 0 < nodes.features <= FEATURES_MAX:
        raise NotCompiledError(f"it has {nodes.features} features: wanted 1 to {FEATURES_MAX}.")
    if base.shape != (nodes.targets,) or nodes.targets < 1:
        raise ModelFileError(f"wanted a base score for each of {nodes.targets} targets.")
    if not np.isfinite(base).all():
        raise ModelFileError("its base scores are not finite: wanted numbers.")
    inner = ~nodes.is_leaf
    for name, array, end in (
        ("feature", nodes.feature, nodes.features),
        ("left child", nodes.left, count),
        ("right child", nodes.right, count),
    ):
        wrong = inner & ((array < 0) | (array >= end))
        if wrong.any():
            at = int(np.argmax(wrong))
            raise ModelFileError(f"node {at} has {name} {array[at]}: wanted 0 to {end - 1}.")
    is_test = inner.copy()
    is_test[list(nodes.categories)] = False
    if np.isnan(nodes.threshold[is_test]).any():
        at = int(np.flatnonzero(is_test & np.isnan(nodes.threshold))[0])
        raise ModelFileError(f"node {at} has a threshold that is no number (NaN).")
    if not np.isfinite(nodes.leaf_values[nodes.is_leaf]).all():
        raise ModelFileError("a leaf has a value that is not finite: wanted numbers.")
    if nodes.leaf_values.ndim == 1:
        wrong = nodes.is_leaf & ((nodes.target < 0) | (nodes.target >= nodes.targets))
        if wrong.any():
            at = int(np.argmax(wrong))
            raise ModelFileError(
                f"leaf {at} adds to target {nodes.target[at]}: there are {nodes.targets}."
            )


def _ordered(nodes: TreeNodes) -> tuple[Integers, Integers]:
    """Nodes in the artifact's order, and where in it the roots are. Unreached nodes are left out.

    Goes down all trees at once, a level at a time.
    """
    count = len(nodes.is_leaf)
    if not len(nodes.roots) or nodes.roots.min() < 0 or nodes.roots.max() >= count:
        raise ModelFileError("wanted at least one tree, and each root to be a node.")
    is_reached = np.zeros(count, np.bool_)
    levels: list[Integers] = []
    trees: list[Integers] = []
    level, tree = nodes.roots, np.arange(len(nodes.roots))
    while len(level):
        if is_reached[level].any() or len(np.unique(level)) != len(level):
            raise ModelFileError(
                "a node is the child of two nodes, or of one below itself: these are no trees."
            )
        if len(levels) > DEPTH_MAX:
            raise NotCompiledError(f"a tree is deeper than {DEPTH_MAX} tests.")
        is_reached[level] = True
        levels.append(level)
        trees.append(tree)
        inner = ~nodes.is_leaf[level]
        parents = level[inner]
        level = np.stack([nodes.left[parents], nodes.right[parents]], axis=1).ravel()
        tree = np.repeat(tree[inner], 2)
    # Levels are in order already, so a stable sort by tree keeps parents before their children.
    by_tree = np.argsort(np.concatenate(trees), kind="stable")
    order = np.concatenate(levels)[by_tree]
    sizes = np.bincount(np.concatenate(trees), minlength=len(nodes.roots))
    return order, np.cumsum(sizes) - sizes


def _category_words(nodes: TreeNodes, order: Integers) -> tuple[Integers, Integers]:
    """All category sets, equal ones once; and each ordered node's place in them, -1 for none."""
    words: list[int] = []
    places: dict[bytes, int] = {}
    found = np.full(len(nodes.is_leaf), -1, np.int64)
    for node, categories in nodes.categories.items():
        chosen = np.unique(categories)
        if len(chosen) and (chosen[0] < 0 or chosen[-1] >= CATEGORY_MAX):
            raise ModelFileError(
                f"node {node} tests for category {chosen[[0, -1]].tolist()}: "
                f"wanted 0 to {CATEGORY_MAX - 1}."
            )
        key = chosen.tobytes()
        if key not in places:
            places[key] = len(words)
            size = int(chosen[-1]) // 32 + 1 if len(chosen) else 0
            bits = np.zeros(size * 32, np.uint8)
            bits[chosen] = 1
            packed = np.packbits(bits, bitorder="little").view("<u4")
            words += [size, *packed.tolist()]
            if len(words) > CATEGORY_WORDS_MAX:
                raise NotCompiledError(f"its category sets take over {CATEGORY_WORDS_MAX} words.")
        found[node] = places[key]
    return np.array(words, np.int64), found[order]
