# SPDX-License-Identifier: Apache-2.0
"""LightGBM's model text: lines `key=value` of the whole model, then blocks `Tree=N` of the trees.

    tree                          the first line
    version=v4
    num_class=1
    num_tree_per_iteration=1      trees of one round, one for each output
    max_feature_idx=29
    objective=binary sigmoid:1
    average_output                a word of its own: random forests
    ...
    Tree=0
    num_leaves=3
    split_feature=23 27           an element per inner node, as all that follow
    threshold=868.2 0.13          of a category test: which of the sets
    decision_type=2 2             bit 0: a category test; bit 1: missing goes left;
                                  bits 2 and 3: what is missing: 0 nothing, 1 zero, 2 NaN
    left_child=1 -1               negative: leaf -1 - x
    right_child=-3 -2
    leaf_value=0.1 -0.2 0.3       an element per leaf
    cat_boundaries=0 2            set i: the words from boundary i to boundary i + 1
    cat_threshold=5 1             32 categories a word
    end of trees

What stands behind `end of trees` does not matter to predictions.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from penstock.errors import ModelFileError

__all__ = ["LightGbmText", "LightGbmTree", "parse_text"]

LEAVES_MAX = 1 << 24
TREES_MAX = 1 << 20

Fields = dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class LightGbmTree:
    """A tree as its block has it; see above."""

    split_feature: npt.NDArray[np.int64]
    threshold: npt.NDArray[np.float64]
    decision_type: npt.NDArray[np.int64]
    left_child: npt.NDArray[np.int64]
    right_child: npt.NDArray[np.int64]
    leaf_value: npt.NDArray[np.float64]
    cat_boundaries: npt.NDArray[np.int64]
    cat_threshold: npt.NDArray[np.int64]
    is_linear: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LightGbmText:
    """A model's text, taken apart; nothing in it is yet checked against anything else."""

    version: str
    objective: tuple[str, ...]  # name and options: ("binary", "sigmoid:1"); none: ()
    classes: int
    trees_per_round: int
    features: int
    averages: bool
    feature_names: tuple[str, ...]
    trees: tuple[LightGbmTree, ...]


def parse_text(text: str) -> LightGbmText:
    """Takes a model's text apart. Raises ModelFileError that names the line or the tree."""
    head, *blocks = _blocks(text)
    objective = tuple(head.get("objective", "").split())
    return LightGbmText(
        version=head.get("version", ""),
        objective=objective,
        classes=_whole(head, "num_class", "its head", end=1 << 16),
        trees_per_round=_whole(head, "num_tree_per_iteration", "its head", end=1 << 16),
        features=_whole(head, "max_feature_idx", "its head", end=1 << 20) + 1,
        averages="average_output" in head,
        feature_names=tuple(head.get("feature_names", "").split()),
        trees=tuple(_tree(block, f"tree {place}") for place, block in enumerate(blocks)),
    )


def _blocks(text: str) -> Iterator[Fields]:
    """The head's fields, then each tree's."""
    lines = iter(text.splitlines())
    if next(lines, "").strip() != "tree":
        raise ModelFileError("wanted a LightGBM model's text, whose first line is `tree`.")
    fields: Fields = {}
    trees = 0
    for line in lines:
        key, is_pair, value = line.strip().partition("=")
        if key == "Tree" and is_pair:
            yield fields
            fields = {}
            trees += 1
            if trees > TREES_MAX:
                raise ModelFileError(f"it has more than {TREES_MAX} trees.")
        elif key == "end of trees":
            yield fields
            return
        elif key:
            fields[key] = value
    raise ModelFileError("its text ends before the line `end of trees`: the file is cut short.")


def _tree(fields: Fields, where: str) -> LightGbmTree:
    leaves = _whole(fields, "num_leaves", where, end=LEAVES_MAX)
    sets = _whole(fields, "num_cat", where, end=LEAVES_MAX) if "num_cat" in fields else 0
    if leaves < 1:
        raise ModelFileError(f"{where} has {leaves} leaves: wanted at least 1.")
    inner = leaves - 1
    boundaries = _integers(fields, "cat_boundaries", where, sets + 1 if sets else 0)
    words = int(boundaries[-1]) if sets else 0
    return LightGbmTree(
        split_feature=_integers(fields, "split_feature", where, inner),
        threshold=_numbers(fields, "threshold", where, inner),
        decision_type=_integers(fields, "decision_type", where, inner),
        left_child=_integers(fields, "left_child", where, inner),
        right_child=_integers(fields, "right_child", where, inner),
        leaf_value=_numbers(fields, "leaf_value", where, leaves),
        cat_boundaries=boundaries,
        cat_threshold=_integers(fields, "cat_threshold", where, words),
        is_linear=fields.get("is_linear", "0").strip() not in ("0", ""),
    )


def _whole(fields: Fields, key: str, where: str, *, end: int) -> int:
    found = fields.get(key, "")
    if not found.isascii() or not found.isdecimal() or not len(found) < 12 or int(found) >= end:
        raise ModelFileError(f"{where} has {key}={found[:40]!r}: wanted a number below {end}.")
    return int(found)


def _numbers(fields: Fields, key: str, where: str, count: int) -> npt.NDArray[np.float64]:
    words = fields.get(key, "").split() if count else []
    if len(words) != count:
        raise ModelFileError(f"{where} has {len(words)} elements of {key}: wanted {count}.")
    try:
        return np.array(words, np.float64)
    except ValueError:
        raise ModelFileError(f"{where} has a {key} with a word that is no number.") from None


def _integers(fields: Fields, key: str, where: str, count: int) -> npt.NDArray[np.int64]:
    found = _numbers(fields, key, where, count)
    if not (np.abs(found) < 2**53).all() or (found != np.trunc(found)).any():
        raise ModelFileError(f"{where} has a {key} with a word that is no whole number.")
    return found.astype(np.int64)
