# SPDX-License-Identifier: Apache-2.0
"""Random trees of hard numbers, and the forms in which libraries write them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st
from onnx import ModelProto
from tests.native.agreement import Array
from tests.native.onnx_oracle import FLOAT, ML, model_of, node

__all__ = [
    "DEEP",
    "FEATURES",
    "Leaf",
    "Split",
    "Tree",
    "lightgbm_text",
    "onnx_trees",
    "rows_near",
    "trees",
]

FEATURES = 3
#: Float32 all of them, so that libraries of both widths can have them as thresholds.
HARD = (0.0, -0.0, 1e-45, -1e-45, 1.1754942e-38, 1e-35, 0.1, 0.5, 1.0, -1.0, 3.4028235e38, -3.4e38)
DEEP = 60


@dataclass(frozen=True, slots=True)
class Leaf:
    """An end of a tree."""

    value: float


@dataclass(frozen=True, slots=True)
class Split:
    """Rows go left up to the threshold; those without the feature as `missing_left` says."""

    feature: int
    threshold: float
    missing_left: bool
    left: Tree
    right: Tree


Tree = Leaf | Split

thresholds = st.sampled_from([float(np.float32(one)) for one in HARD]) | st.floats(
    width=32, allow_nan=False, allow_infinity=False
)
leaves = st.builds(Leaf, st.floats(-100, 100, width=32))


def _splits(children: st.SearchStrategy[Tree]) -> st.SearchStrategy[Tree]:
    return st.builds(
        Split, st.integers(0, FEATURES - 1), thresholds, st.booleans(), children, children
    )


@st.composite
def _chains(draw: st.DrawFn) -> Tree:
    """As deep as trees get: one test after the other, with a leaf beside each."""
    tree: Tree = draw(leaves)
    for place in range(DEEP):
        near = Leaf(float(place))
        threshold = draw(thresholds) if place % 8 == 0 else float(place - DEEP // 2)
        both = (tree, near) if place % 3 else (near, tree)
        tree = Split(place % FEATURES, threshold, place % 2 == 0, *both)
    return tree


trees: st.SearchStrategy[list[Tree]] = st.lists(
    st.recursive(leaves, _splits, max_leaves=24) | _chains(), min_size=1, max_size=4
)


def _thresholds_of(tree: Tree) -> list[float]:
    if isinstance(tree, Leaf):
        return []
    return [tree.threshold, *_thresholds_of(tree.left), *_thresholds_of(tree.right)]


def rows_near(forest: Sequence[Tree], seed: int, count: int = 70) -> Array:
    """Rows of thresholds, their neighbours, and everything that is no number."""
    found = np.array([one for tree in forest for one in _thresholds_of(tree)] + [0], np.float32)
    with np.errstate(over="ignore"):
        up, down = (np.nextafter(found, np.float32(end)) for end in (np.inf, -np.inf))
    odd = np.array([np.nan, np.inf, -np.inf, *HARD], np.float32)
    pool = np.concatenate([found, up, down, odd])
    return np.random.default_rng(seed).choice(pool, (count, FEATURES))


def _flat(tree: Tree) -> list[Tree]:
    """Parents before their children."""
    found = [tree]
    for one in found:  # grows as it goes
        if isinstance(one, Split):
            found += [one.left, one.right]
    return found


def lightgbm_text(forest: Sequence[Tree]) -> str:
    """LightGBM's form; NaN is what is missing."""
    blocks = []
    for place, tree in enumerate(forest):
        nodes = _flat(tree)
        splits = [one for one in nodes if isinstance(one, Split)]
        ends = [one for one in nodes if isinstance(one, Leaf)]
        at = {id(one): i for i, one in enumerate(splits)}
        at |= {id(one): -1 - i for i, one in enumerate(ends)}
        lines = [f"Tree={place}", f"num_leaves={len(ends)}", "num_cat=0"]
        if splits:
            lines += [
                "split_feature=" + " ".join(str(one.feature) for one in splits),
                "split_gain=" + " ".join("1" for _ in splits),
                "threshold=" + " ".join(repr(one.threshold) for one in splits),
                # Bit 1: missing goes left. Bits 2 and 3: NaN is missing.
                "decision_type=" + " ".join(str(8 + 2 * one.missing_left) for one in splits),
                "left_child=" + " ".join(str(at[id(one.left)]) for one in splits),
                "right_child=" + " ".join(str(at[id(one.right)]) for one in splits),
            ]
        lines += [
            "leaf_value=" + " ".join(repr(one.value) for one in ends),
            "is_linear=0", "shrinkage=1",
        ]  # fmt: skip
        blocks.append("\n".join(lines) + "\n\n")
    names = " ".join(f"f{i}" for i in range(FEATURES))
    head = (
        f"tree\nversion=v4\nnum_class=1\nnum_tree_per_iteration=1\nlabel_index=0\n"
        f"max_feature_idx={FEATURES - 1}\nobjective=regression\nfeature_names={names}\n"
        f"feature_infos={' '.join(['[-1e308:1e308]'] * FEATURES)}\n\n"
    )
    return head + "\n".join(blocks) + "end of trees\n\nparameters:\nend of parameters\n"


def onnx_trees(forest: Sequence[Tree], modes: Sequence[str]) -> ModelProto:
    """A TreeEnsembleRegressor, whose tests are of `modes`, one after the other."""
    columns: dict[str, list[int | float | str]] = {
        name: []
        for name in (
            "treeids", "nodeids", "featureids", "values", "truenodeids", "falsenodeids", "modes",
            "missing_value_tracks_true",
        )
    }  # fmt: skip
    targets: dict[str, list[int | float]] = {
        name: [] for name in ("treeids", "nodeids", "ids", "weights")
    }
    for place, tree in enumerate(forest):
        nodes = _flat(tree)
        at = {id(one): i for i, one in enumerate(nodes)}
        for i, one in enumerate(nodes):
            columns["treeids"].append(place)
            columns["nodeids"].append(i)
            is_split = isinstance(one, Split)
            columns["featureids"].append(one.feature if isinstance(one, Split) else 0)
            columns["values"].append(one.threshold if isinstance(one, Split) else 0.0)
            columns["truenodeids"].append(at[id(one.left)] if isinstance(one, Split) else 0)
            columns["falsenodeids"].append(at[id(one.right)] if isinstance(one, Split) else 0)
            columns["modes"].append(modes[i % len(modes)] if is_split else "LEAF")
            missing = int(one.missing_left) if isinstance(one, Split) else 0
            columns["missing_value_tracks_true"].append(missing)
            if isinstance(one, Leaf):
                for name, value in zip(targets, (place, i, 0, one.value), strict=True):
                    targets[name].append(value)
    attributes = {f"nodes_{name}": values for name, values in columns.items()}
    attributes |= {f"target_{name}": [*values] for name, values in targets.items()}
    made = node("TreeEnsembleRegressor", "x", "y", ML, n_targets=1, **attributes)
    return model_of([made], {"x": (FLOAT, [None, FEATURES])}, {"y": FLOAT})
