# SPDX-License-Identifier: Apache-2.0
"""What of ONNX does not compile says which node stopped it, and why, in one sentence."""

import re
import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from onnx import ModelProto, TensorProto, helper
from tests.native.onnx_oracle import FLOAT, ML, model_of, node

from penstock.errors import ModelFileError, NotCompiledError
from penstock.native.compiler import compile_bytes

W = np.ones((4, 3), np.float32)
#: Of address space; ONNX Runtime and the core take some of it.
MEMORY_MAX = 6 << 30
X4: dict[str, tuple[int, list[Any]]] = {"x": (FLOAT, [None, 4])}


def layer() -> ModelProto:
    return model_of([node("MatMul", "x w", "y")], X4, {"y": FLOAT}, {"w": W})


def refused(model: ModelProto | bytes, kind: type[Exception] = NotCompiledError) -> str:
    content = model if isinstance(model, bytes) else model.SerializeToString()
    with pytest.raises(kind) as caught:
        compile_bytes(content)
    return str(caught.value)


@pytest.mark.parametrize(
    ("made", "sentence"),
    [
        (node("Erf", "x", "y"), "node '#0' (ai.onnx.Erf): this operator has no native form."),
        (node("Relu", "x", "y", "com.own", name="r"), "node 'r' (com.own.Relu): this operator"),
        (node("MatMul", "w x", "y"), "its input 'x' is computed: wanted a constant"),
        (node("MatMul", "x v", "y"), "rows are of shape [4] and its weights [3, 3]"),
        (node("MatMul", "x bad", "y"), "its weights hold NaN or infinity: wanted numbers."),
        (node("Gemm", "x w", "y", transA=1), "its first input is transposed"),
        (node("Add", "x x", "y"), "both its inputs are computed"),
        (node("Add", "x w", "y"), "its constant has shape [4, 3]"),
        (node("Div", "one x", "y"), "a constant over what rows bring has no native form"),
        (node("Softmax", "x", "y", axis=0), "it is over axis 0 of 2: wanted the whole of a row"),
        (node("Reshape", "x s", "y"), "the shape [-1, 2], which does not keep rows apart"),
        (node("Transpose", "x", "y"), "it puts axes in the order [1, 0]"),
        (node("Concat", "x x", "y", axis=0), "it is along axis 0"),
        (node("Cast", "x", "y", to=TensorProto.FLOAT16), "float16 has no native form"),
        (node("Cast", "x", "y", to=TensorProto.STRING), "float as string has no native form"),
        (node("Normalizer", "x", "y", ML, norm="MAX"), "its norm MAX has no native form"),
        (node("ZipMap", "x", "y", ML, classlabels_int64s=[1, 2, 3, 4]), "option zipmap=False"),
        (node("OneHotEncoder", "x", "y", ML, cats_int64s=[1], zeros=0), "(zeros=0)"),
        (node("Squeeze", "x", "y"), "it removes all dimensions of 1, and so of one row"),
        (node("Scaler", "x", "y", ML, offset=[0.0], scale=[1.0] * 3), "wanted 1 or 4"),
        (node("Scaler", "x", "y", ML, offset=1, scale=[1.0]), "attributes are not those of its"),
        (node("Scaler", "x", "y", ML, offset=[np.nan], scale=[1.0]), "constants hold NaN or inf"),
        (node("Scaler", "x", "y", ML, offset=[0.0], scale=[np.inf]), "constants hold NaN or inf"),
        (node("Add", "x nan", "y"), "its constants hold NaN or infinity"),
        (node("Mul", "x inf", "y"), "its constants hold NaN or infinity"),
        (node("Div", "x zero", "y"), "its constants hold NaN or infinity"),
        (node("Greater", "x nan", "y"), "one of its constants is NaN"),
        (node("Less", "x nan", "y"), "one of its constants is NaN"),
        (node("LeakyRelu", "x", "y", alpha=np.nan), "one of its constants is NaN"),
        (node("BatchNormalization", "x huge ones ones tiny", "y"), "constants hold NaN or inf"),
        (
            node("LinearRegressor", "x", "y", ML, coefficients=[1.0] * 4, post_transform="SOFTMAX"),
            "its post_transform is SOFTMAX of one score, which ONNX Runtime leaves out",
        ),
        (
            node("OneHotEncoder", "x", "y", ML, cats_int64s=list(range(300_000))),
            "its output has 1200000 columns",
        ),
        (node("Gather", "x far", "y", axis=1), "it picks a column that is not there: there are 4"),
    ],
    ids=lambda made: made.op_type if hasattr(made, "op_type") else None,
)
def test_a_node_without_native_form_is_named(made: Any, sentence: str) -> None:
    constants: dict[str, Any] = {
        "w": W, "v": W[:3], "one": np.float32(1), "s": [-1, 2], "far": [9], "bad": W * np.nan,
        "nan": np.float32(np.nan), "inf": np.float32(np.inf), "zero": np.zeros(4, np.float32),
        "ones": W[:, 0], "huge": W[:, 0] * np.float32(3e38), "tiny": W[:, 0] * np.float32(1e-30),
    }  # fmt: skip
    assert sentence in refused(model_of([made], X4, {"y": FLOAT}, constants))


def with_opset(domain: str, version: int) -> ModelProto:
    model = layer()
    del model.opset_import[:]
    model.opset_import.append(helper.make_opsetid(domain, version))
    return model


def with_input(*dims: Any, kind: int = FLOAT) -> ModelProto:
    return model_of([node("Relu", "x", "y")], {"x": (kind, list(dims))}, {"y": FLOAT})


def cyclic() -> ModelProto:
    nodes = [node("Add", "x b", "a"), node("Relu", "a", "b")]
    return model_of(nodes, X4, {"b": FLOAT})


def huge() -> ModelProto:
    model = layer()
    model.graph.node.extend([node("Relu", "x", "z")] * 100_001)
    return model


def outside() -> ModelProto:
    model = layer()
    model.graph.initializer[0].data_location = TensorProto.EXTERNAL
    return model


def sparse() -> ModelProto:
    model = layer()
    model.graph.sparse_initializer.add().values.name = "w"
    return model


def cut_constant() -> ModelProto:
    model = layer()
    model.graph.initializer[0].raw_data = bytes(44)
    return model


def wide_constant() -> ModelProto:
    model = layer()
    model.graph.initializer[0].dims[:] = [1 << 40, 1 << 40]
    return model


def half() -> ModelProto:
    return model_of([node("MatMul", "x w", "y")], X4, {"y": FLOAT}, {"w": W.astype(np.float16)})


def unwritten() -> ModelProto:
    return model_of([node("Relu", "x", "y")], X4, {"z": FLOAT})


def through() -> ModelProto:
    return model_of([node("Relu", "x", "y")], X4, {"y": FLOAT, "x": FLOAT})


def of_no_rows_and_too_many() -> ModelProto:
    model = layer()
    model.graph.initializer[0].dims[:] = [0, 1 << 62]
    return model


def twice() -> ModelProto:
    return model_of([node("Relu", "x", "y"), node("Tanh", "x", "y")], X4, {"y": FLOAT})


@pytest.mark.parametrize(
    ("made", "kind", "sentence"),
    [
        (lambda: with_opset("", 6), NotCompiledError, "opset 6 of ai.onnx: wanted 7 to 28"),
        (lambda: with_opset("", 99), NotCompiledError, "opset 99 of ai.onnx: wanted 7 to 28"),
        (lambda: with_opset(ML, 9), NotCompiledError, "opset 9 of ai.onnx.ml: wanted 1 to 5"),
        (lambda: with_opset(ML, 3), NotCompiledError, "does not say the version of its domain"),
        (lambda: with_input(None, "n"), NotCompiledError, "of no known size: export the model"),
        (lambda: with_input(7), NotCompiledError, "has 7 numbers and no dimension for rows"),
        (lambda: with_input(), NotCompiledError, "input 'x' has no shape"),
        (lambda: with_input(None, kind=16), NotCompiledError, "input 'x' is of type 16"),
        (huge, NotCompiledError, "its graph has 100002 nodes"),
        (outside, NotCompiledError, "its constant 'w' is kept in another file: save the model"),
        (sparse, NotCompiledError, "its constant 'w' is sparse"),
        (half, NotCompiledError, "node '#0' (ai.onnx.MatMul)"),
        (cyclic, ModelFileError, "node 0 (Add '') reads 'b', which nothing before it writes"),
        (cut_constant, ModelFileError, "'w' has 11 elements: its shape [4, 3] wants others"),
        (wide_constant, ModelFileError, "which is too large"),
        (of_no_rows_and_too_many, ModelFileError, "which is too large"),
        (through, NotCompiledError, "its input or output 'x' is one more"),
        (unwritten, ModelFileError, "its output 'z' is written by no node"),
        (twice, ModelFileError, "node 1 (Tanh '') writes 'y', which is written already"),
        (lambda: layer().SerializeToString()[:-3], ModelFileError, "it is none of an ONNX model"),
        (lambda: b"", ModelFileError, "it is none of an ONNX model"),
        (lambda: b"\x80\x04pickle", ModelFileError, "it is a pickle, which could run any code"),
        (lambda: b"CBM1....", ModelFileError, "save_model(FILE, format='onnx')"),
        (lambda: b"\x89PNST\r\n\x1a", ModelFileError, "it is a compiled model already"),
    ],
)
def test_a_file_that_is_wrong_is_refused(
    made: Callable[[], ModelProto | bytes], kind: type[Exception], sentence: str
) -> None:
    assert sentence in refused(made(), kind)


def test_every_shorter_file_is_refused() -> None:
    model = layer()
    del model.opset_import[1]
    content = model.SerializeToString()
    for size in range(len(content)):
        refused(content[:size], ModelFileError)


def test_nodes_that_nothing_needs_stop_nobody() -> None:
    model = layer()
    model.graph.node.append(node("Erf", "x", "unused"))
    compile_bytes(model.SerializeToString())


def doubled(first: str, by: str, times: int, **attributes: Any) -> list[Any]:
    """A name that stands for twice as much, again and again."""
    names = [first, *(f"c{place}" for place in range(times))]
    return [
        node("Concat", f"{one} {one}", other, **attributes) for one, other in pairwise(names)
    ] + [node(by, f"x {names[-1]}", "y", axis=1)]


def many() -> list[Any]:
    made = [node("ConstantOfShape", "s", f"c{place}") for place in range(40)]
    return [
        *made,
        node("Sum", " ".join(one.output[0] for one in made), "c"),
        node("Add", "x c", "y"),
    ]


@pytest.mark.parametrize(
    ("nodes", "sentence"),
    [
        (
            [node("ConstantOfShape", "n", "k"), *doubled("k", "Gather", 3, axis=0)],
            r"a constant of shape \[134217728\] is too large",
        ),
        (doubled("x", "Concat", 40, axis=1), "its output has 2097152 columns: wanted"),
        (many(), r"a constant of shape \[1, 16777216\] is too large"),
        (
            [
                node("Expand", "row wide", "e"),
                node("Expand", "e wider", "f"),
                node("MatMul", "x f", "y"),
            ],
            r"a constant of shape \[16384, 4, 65536\] is too large",
        ),
        (
            [
                node("Relu", "x", "a"),
                node("Expand", "a wider", "b"),
                node("Erf", "b", "c"),
                node("Relu", "c", "y"),
            ],
            "this operator has no native form",
        ),
    ],
    ids=["doubled", "doubled rows", "many", "expanded", "expanded rows"],
)
def test_a_graph_that_makes_up_huge_numbers_takes_little_memory(
    nodes: list[Any], sentence: str
) -> None:
    constants: dict[str, Any] = {
        "n": [1 << 25], "s": [1, 1 << 24], "row": W[:1, :1], "wide": [4, 1 << 16],
        "wider": [1 << 14, 4, 1 << 16],
    }  # fmt: skip
    content = model_of(nodes, X4, {nodes[-1].output[0]: FLOAT}, constants).SerializeToString()
    program = (
        "import resource, sys\n"
        "from penstock.native.compiler import compile_bytes\n"
        f"resource.setrlimit(resource.RLIMIT_AS, ({MEMORY_MAX}, {MEMORY_MAX}))\n"
        "compile_bytes(sys.stdin.buffer.read())\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], input=content, capture_output=True, check=False
    )
    last = ran.stderr.decode().strip().splitlines()[-1]
    assert re.search(f"NotCompiledError: .*{sentence}", last), last
