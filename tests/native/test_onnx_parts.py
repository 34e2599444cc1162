# SPDX-License-Identifier: Apache-2.0
"""A graph that compiles in part is split: the rest are steps that ONNX Runtime runs."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import ModelProto, TensorProto
from tests.native.onnx_oracle import (
    FLOAT,
    ML,
    Array,
    check_against_onnxruntime,
    model_of,
    node,
    steps_of,
)

from penstock import native
from penstock.errors import ArtifactError, EngineError, NotCompiledError
from penstock.native.artifact import ArtifactBuilder, CompiledModel, write_artifact
from penstock.native.compiler import compile_bytes
from penstock.native.reference import evaluate
from penstock_client._proto import native_artifact_pb2 as pb

CHANCE = np.random.default_rng(5)
X = CHANCE.normal(size=(9, 4)).astype(np.float32)
W = CHANCE.normal(size=(4, 6)).astype(np.float32)
V = CHANCE.normal(size=(6, 3)).astype(np.float32)
X4: dict[str, tuple[int, list[Any]]] = {"x": (FLOAT, [None, 4])}
CONSTANTS = {"w": W, "v": V}
HEAD, TAIL = node("MatMul", "x w", "h", name="fc1"), node("MatMul", "g v", "y", name="fc2")


def of(*nodes: Any, y: int = FLOAT, **constants: Any) -> ModelProto:
    return model_of(nodes, X4, {"y": y}, {**CONSTANTS, **constants})


def ran(model: CompiledModel, folder: Path, x: Array) -> Array:
    """What the native executor answers."""
    write_artifact(model, folder / "model.pnst")
    found = native.load(folder / "model.pnst").predict(x)
    assert isinstance(found, np.ndarray)
    return found


@pytest.mark.parametrize(
    ("model", "steps"),
    [
        (of(HEAD, node("Erf", "h", "g", name="gelu"), TAIL), ["dense", "onnx", "dense"]),
        (of(HEAD, node("Erf", "h", "y", name="gelu")), ["dense", "onnx"]),
        (
            of(node("Erf", "x", "e", name="gelu"), node("MatMul", "e w", "h"),
               node("Relu", "h", "y")),
            ["onnx", "dense"],
        ),
        (
            of(HEAD, node("Erf", "h", "a", name="gelu"), node("Mul", "h a", "b", name="m"),
               node("Elu", "b", "g"), TAIL),
            ["dense", "onnx", "dense"],
        ),
    ],
    ids=["middle", "tail", "head", "several nodes are one part"],
)  # fmt: skip
@pytest.mark.parametrize("rows", [1, 9, 5000])
def test_a_part_without_native_form_is_run_by_onnxruntime(
    model: ModelProto, steps: list[str], rows: int, tmp_path: Path
) -> None:
    x = np.resize(X, (rows, 4))
    compiled = check_against_onnxruntime(model.SerializeToString(), {"x": x}, tolerance=1e-4)
    assert steps_of(compiled) == steps
    assert compiled.notes[0] == "node 'gelu' (ai.onnx.Erf): this operator has no native form."
    right = evaluate(compiled, {"x": x})["y"]
    np.testing.assert_allclose(ran(compiled, tmp_path, x), right, rtol=1e-5, atol=1e-6)


def test_shapes_and_types_of_the_graph_stand_around_the_part(tmp_path: Path) -> None:
    """Booleans of rows of [2, 3] go in, and numbers of each row by itself come out."""
    nodes = [
        HEAD,
        node("Greater", "h zero", "b"),
        node("Reshape", "b shape", "s"),
        node("Not", "s", "n"),
        node("Cast", "n", "c", to=FLOAT),
        node("Reshape", "c flat", "g"),
        TAIL,
    ]
    model = of(*nodes, zero=np.float32(0), shape=[-1, 2, 3], flat=[-1, 6])
    compiled = check_against_onnxruntime(model.SerializeToString(), {"x": X})
    assert steps_of(compiled).count("onnx") == 1
    right = evaluate(compiled, {"x": X})["y"]
    np.testing.assert_allclose(ran(compiled, tmp_path, X), right, rtol=1e-5, atol=1e-6)


def test_a_shape_that_depends_on_the_rows_is_computed_in_the_part() -> None:
    nodes = [
        HEAD,
        node("Shape", "h", "s"),
        node("ConstantOfShape", "s", "ones"),
        node("Sub", "h ones", "d"),
        node("Erf", "d", "g", name="gelu"),
        TAIL,
    ]
    compiled = check_against_onnxruntime(of(*nodes).SerializeToString(), {"x": X})
    assert steps_of(compiled) == ["dense", "onnx", "dense"]


ERF = node("Erf", "h", "g", name="gelu")


@pytest.mark.parametrize(
    "model",
    [
        of(node("Erf", "x", "y", name="gelu")),
        of(node("Erf", "x", "e", name="gelu"), node("Identity", "e", "y")),
        of(node("Sum", "x", "s", name="gelu"), node("ReduceMean", "s zero", "m"),
           node("Sub", "s m", "d"), node("MatMul", "d w", "y"), zero=[0]),
        of(HEAD, node("TopK", "h one", "t i", name="gelu"), node("Add", "t t", "a"),
           node("Cast", "i", "j", to=FLOAT), node("Add", "a j", "y"), one=[6]),
        model_of([HEAD, ERF, TAIL, node("Cast", "g", "z", to=TensorProto.STRING)], X4,
                 {"z": TensorProto.STRING}, CONSTANTS),
        of(*(node(op, a, b, name="gelu") for op, a, b in [
            ("Erf", "x", "a"), ("Relu", "a", "b"), ("Erf", "b", "c"), ("Relu", "c", "d"),
            ("Erf", "d", "e"), ("Relu", "e", "f"), ("Erf", "f", "i"), ("Relu", "i", "j"),
            ("Erf", "j", "k"), ("MatMul", "k w", "y")])),
    ],
    ids=["nothing else", "only names", "rows are mixed", "a node runs twice", "texts", "too many"],
)  # fmt: skip
def test_what_gains_nothing_or_cannot_be_cut_is_left_whole(model: ModelProto) -> None:
    with pytest.raises(NotCompiledError, match="node 'gelu'"):
        compile_bytes(model.SerializeToString())


def part(model: bytes, *, width: int = 2) -> CompiledModel:
    builder = ArtifactBuilder(source="a test")
    x = builder.input("x", "FP32", pb.FLOAT32, dims=[2])
    step = pb.Onnx(model=builder.raw_blob(model))
    y = builder.step(step, [x], pb.FLOAT32, width, name="odd")
    builder.output("y", "FP32", y, dims=[width])
    return builder.finish()


def rows_of(op: str, name: str = "r0", kind: int = FLOAT, **attributes: Any) -> bytes:
    made = model_of([node(op, name, "w", **attributes)], {name: (kind, [None, None])}, {"w": kind})
    return made.SerializeToString()


@pytest.mark.parametrize(
    ("model", "sentence"),
    [
        (b"nothing", "step 'odd': onnxruntime could not load the part that did not compile"),
        (rows_of("Erf", "x"), "step 'odd': its ONNX model has other inputs and outputs"),
        (rows_of("Abs", kind=TensorProto.DOUBLE), "wanted r0 of FP32, and w of FP32"),
    ],
)
def test_a_part_that_is_none_is_refused(model: bytes, sentence: str, tmp_path: Path) -> None:
    write_artifact(part(model), tmp_path / "model.pnst")
    with pytest.raises(ArtifactError, match=sentence):
        native.load(tmp_path / "model.pnst")


def test_a_part_that_fails_fails_the_call_and_not_the_process(tmp_path: Path) -> None:
    write_artifact(part(rows_of("Erf"), width=3), tmp_path / "model.pnst")
    model = native.load(tmp_path / "model.pnst")
    for _ in range(2):
        with pytest.raises(EngineError, match="step 'odd': onnxruntime could not run the part"):
            model.predict(np.zeros((4, 2), np.float32))


def test_a_tree_behind_what_has_no_native_form_reads_its_rows() -> None:
    trees = node(
        "TreeEnsembleRegressor", "e", "y", ML, nodes_treeids=[0, 0, 0], nodes_nodeids=[0, 1, 2],
        nodes_featureids=[1, 0, 0], nodes_values=[0.25, 0.0, 0.0], nodes_truenodeids=[1, 0, 0],
        nodes_modes=["BRANCH_LEQ", "LEAF", "LEAF"], nodes_falsenodeids=[2, 0, 0],
        target_treeids=[0, 0], target_nodeids=[1, 2], target_ids=[0, 0],
        target_weights=[1.0, 2.0], n_targets=1,
    )  # fmt: skip
    model = of(node("Erf", "x", "e", name="gelu"), trees)
    assert steps_of(check_against_onnxruntime(model.SerializeToString(), {"x": X})) == [
        "onnx", "forest",
    ]  # fmt: skip
