# SPDX-License-Identifier: Apache-2.0
"""A compiled forest of one target as a model of Yggdrasil, for that to be timed.

Yggdrasil imports nobody's models but lets trees be added to one of its own: to a model of boosted
trees for regression, which adds leaves to a base. So it has the very trees that the others have,
but for missing values, which go where the column's mean goes: some of its engines want that.
"""

from pathlib import Path
from typing import Any

import numpy as np
import ydf

from benchmarks.tree_onnx import rounded_down
from penstock.native.artifact import CompiledModel

#: The input that has all features; Yggdrasil makes a column of each.
INPUT = "x"
_IS_LEAF = 1


def write_yggdrasil(model: CompiledModel, folder: Path) -> None:
    """Write the first Forest step, whose tests must be numeric."""
    forest = next(step.forest for step in model.manifest.steps if step.HasField("forest"))
    flags = model.array(forest.flags, "u1")
    left = model.array(forest.left, "<u4")
    right = model.array(forest.right, "<u4")
    feature = model.array(forest.feature, "<u4")
    leaf_values = model.array(forest.leaf_values, "<f8") * forest.factor
    # Goes left where x <= threshold; Yggdrasil tests x >= threshold.
    above = np.nextafter(
        rounded_down(model.array(forest.threshold, "<f8")), np.float32(np.inf), dtype=np.float32
    )
    made = _untrained(forest.features)
    columns = made.input_features_col_idxs()
    means = [np.float32(made.data_spec().columns[column].numerical.mean) for column in columns]

    def subtree(node: int) -> Any:
        if flags[node] & _IS_LEAF:
            value = ydf.tree.RegressionValue(num_examples=1, value=float(leaf_values[left[node]]))
            return ydf.tree.Leaf(value)
        test = ydf.tree.NumericalHigherThanCondition(
            missing=bool(means[feature[node]] >= above[node]),
            score=0.0,
            attribute=columns[feature[node]],
            threshold=float(above[node]),
        )
        return ydf.tree.NonLeaf(None, test, subtree(int(right[node])), subtree(int(left[node])))

    for root in model.array(forest.roots, "<u4"):
        made.add_tree(ydf.tree.Tree(subtree(int(root))))
    made.remove_tree(0)
    made.set_initial_predictions([float(x) for x in model.array(forest.base, "<f8")])
    made.save(str(folder))


def _untrained(features: int) -> Any:
    """Return a model of one tree, of inputs of the right names and kind."""
    random = np.random.default_rng(0)
    data = {
        INPUT: random.standard_normal((1000, features), np.float32),
        "y": random.standard_normal(1000).astype(np.float32),
    }
    learner = ydf.GradientBoostedTreesLearner(
        label="y", task=ydf.Task.REGRESSION, num_trees=1, validation_ratio=0.0
    )
    return learner.train(data, verbose=0)
