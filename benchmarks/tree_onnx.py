# SPDX-License-Identifier: Apache-2.0
"""A compiled forest of one target as ONNX's TreeEnsembleRegressor, for ONNX Runtime to be timed."""

from pathlib import Path

import numpy as np
from onnx import TensorProto, checker, helper, save

from penstock.native.artifact import CompiledModel

_IS_LEAF = 1
_MISSING_GOES_LEFT = 4


def write_onnx(model: CompiledModel, path: Path, *, link: str = "Identity") -> None:
    """Write the first Forest step, whose tests must be numeric, and an operator behind it."""
    forest = next(step.forest for step in model.manifest.steps if step.HasField("forest"))
    roots = model.array(forest.roots, "<u4").astype(np.int64)
    flags = model.array(forest.flags, "u1")
    left = model.array(forest.left, "<u4").astype(np.int64)
    right = model.array(forest.right, "<u4").astype(np.int64)
    is_leaf = flags & _IS_LEAF != 0
    nodes = np.arange(len(flags))
    tree = np.searchsorted(roots, nodes, side="right") - 1
    within = nodes - roots[tree]
    leaf_values = model.array(forest.leaf_values, "<f8")
    leaves = nodes[is_leaf]
    node = helper.make_node(
        "TreeEnsembleRegressor",
        ["INPUT0"],
        ["sum"],
        domain="ai.onnx.ml",
        n_targets=1,
        base_values=[float(x) for x in model.array(forest.base, "<f8")],
        nodes_treeids=tree.tolist(),
        nodes_nodeids=within.tolist(),
        nodes_featureids=model.array(forest.feature, "<u4").tolist(),
        nodes_values=rounded_down(model.array(forest.threshold, "<f8")).tolist(),
        nodes_modes=["LEAF" if leaf else "BRANCH_LEQ" for leaf in is_leaf],
        nodes_truenodeids=np.where(is_leaf, 0, left - roots[tree]).tolist(),
        nodes_falsenodeids=np.where(is_leaf, 0, right - roots[tree]).tolist(),
        nodes_missing_value_tracks_true=(flags & _MISSING_GOES_LEFT != 0).astype(int).tolist(),
        target_treeids=tree[leaves].tolist(),
        target_nodeids=within[leaves].tolist(),
        target_ids=[0] * len(leaves),
        target_weights=(leaf_values[left[leaves]] * forest.factor).tolist(),
    )
    graph = helper.make_graph(
        [node, helper.make_node(link, ["sum"], ["OUTPUT0"])],
        "forest",
        [helper.make_tensor_value_info("INPUT0", TensorProto.FLOAT, [None, forest.features])],
        [helper.make_tensor_value_info("OUTPUT0", TensorProto.FLOAT, [None, 1])],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]
    made = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    checker.check_model(made)
    save(made, path)


def rounded_down(thresholds: np.ndarray) -> np.ndarray:
    """Return the greatest float32 not above each, which no comparison of float32 can tell."""
    rounded = thresholds.astype(np.float32)
    return np.where(rounded > thresholds, np.nextafter(rounded, np.float32(-np.inf)), rounded)
