# SPDX-License-Identifier: Apache-2.0
"""Writes the tiny ONNX files that the C++ tests load, beside this script.

Run it after a change (`python tests/cpp/models/make.py`) and check the files in: the tests read
them, and a build needs no onnx.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

HERE = Path(__file__).parent
OPSET = 20
IR_VERSION = 9

Dims = Sequence[str | int | None]

# Every datatype of the V2 protocol, as ONNX calls it.
DTYPES = {
    "BOOL": TensorProto.BOOL,
    "UINT8": TensorProto.UINT8,
    "UINT16": TensorProto.UINT16,
    "UINT32": TensorProto.UINT32,
    "UINT64": TensorProto.UINT64,
    "INT8": TensorProto.INT8,
    "INT16": TensorProto.INT16,
    "INT32": TensorProto.INT32,
    "INT64": TensorProto.INT64,
    "FP16": TensorProto.FLOAT16,
    "BF16": TensorProto.BFLOAT16,
    "FP32": TensorProto.FLOAT,
    "FP64": TensorProto.DOUBLE,
    "BYTES": TensorProto.STRING,
}


def tensor(name: str, dims: Dims | None, dtype: int = TensorProto.FLOAT) -> onnx.ValueInfoProto:
    """Declare an input or output; a name or None stands for a dimension of any size."""
    return helper.make_tensor_value_info(name, dtype, dims)


def constant(name: str, value: object, dtype: str) -> onnx.TensorProto:
    """Make a value that stands in the file."""
    return numpy_helper.from_array(np.array(value, dtype=dtype), name)


def write(
    name: str,
    nodes: Sequence[onnx.NodeProto],
    inputs: Sequence[onnx.ValueInfoProto],
    outputs: Sequence[onnx.ValueInfoProto],
    constants: Sequence[onnx.TensorProto] = (),
) -> None:
    """Write one model to `<name>.onnx`."""
    graph = helper.make_graph(list(nodes), name, list(inputs), list(outputs), list(constants))
    model = helper.make_model(
        graph,
        producer_name="penstock-tests",
        opset_imports=[helper.make_opsetid("", OPSET)],
    )
    model.ir_version = IR_VERSION
    (HERE / f"{name}.onnx").write_bytes(model.SerializeToString(deterministic=True))


def node(op: str, inputs: Sequence[str], output: str, **attributes: int) -> onnx.NodeProto:
    """Make a node with one output."""
    made = helper.make_node(op, list(inputs), [output])
    made.attribute.extend(helper.make_attribute(key, value) for key, value in attributes.items())
    return made


def main() -> None:
    """Write them all."""
    # y = 2 x + 1, row by row.
    write(
        "affine",
        [node("Mul", ["x", "two"], "twice"), node("Add", ["twice", "one"], "y")],
        [tensor("x", ["batch", 3])],
        [tensor("y", ["batch", 3])],
        [constant("two", [2, 2, 2], "float32"), constant("one", [1, 1, 1], "float32")],
    )
    # Two inputs of different types; outputs in another order than computed.
    write(
        "mixed",
        [
            node("Cast", ["count"], "count_f", to=TensorProto.FLOAT),
            node("Mul", ["x", "count_f"], "scaled"),
            node("Add", ["count", "count"], "doubled"),
        ],
        [tensor("x", ["batch", 2]), tensor("count", ["batch", 1], TensorProto.INT64)],
        [tensor("doubled", ["batch", 1], TensorProto.INT64), tensor("scaled", ["batch", 2])],
    )
    # Each datatype through a node of its own.
    write(
        "types",
        [node("Identity", [name], f"{name}_out") for name in DTYPES],
        [tensor(name, ["batch", 2], dtype) for name, dtype in DTYPES.items()],
        [tensor(f"{name}_out", ["batch", 2], dtype) for name, dtype in DTYPES.items()],
    )
    write(
        "scalar",
        [node("Add", ["x", "one"], "y")],
        [tensor("x", [])],
        [tensor("y", [])],
        [constant("one", 1, "float32")],
    )
    write(
        "strings",
        [node("StringConcat", ["x", "x"], "y")],
        [tensor("x", ["batch", 2], TensorProto.STRING)],
        [tensor("y", ["batch", 2], TensorProto.STRING)],
    )
    # Fails at run time unless x has a multiple of three elements.
    write(
        "threes",
        [node("Reshape", ["x", "shape"], "y")],
        [tensor("x", ["n"])],
        [tensor("y", [None, 3])],
        [constant("shape", [-1, 3], "int64")],
    )
    # The output's size depends on the values.
    write(
        "nonzero",
        [node("NonZero", ["x"], "y")],
        [tensor("x", ["n"])],
        [tensor("y", [1, "found"], TensorProto.INT64)],
    )
    # Looks as if it batched, but its rows are not the input's.
    write(
        "not_rows",
        [node("NonZero", ["x"], "found"), node("Transpose", ["found"], "y")],
        [tensor("x", ["n", 2])],
        [tensor("y", ["m", 2], TensorProto.INT64)],
    )
    # Declares two columns and gives three, in a way that shape inference cannot see.
    write(
        "lying",
        [
            node("ReduceMax", ["x", "axis"], "top", keepdims=0),
            node("Greater", ["top", "least"], "keep"),
            node("Compress", ["x", "keep"], "y", axis=1),
        ],
        [tensor("x", ["batch", 3])],
        [tensor("y", ["batch", 2])],
        [constant("axis", [0], "int64"), constant("least", -1e30, "float32")],
    )
    write(
        "fixed",
        [node("Abs", ["x"], "y")],
        [tensor("x", [1, 3])],
        [tensor("y", [1, 3])],
    )
    write(
        "wide",
        [node("Abs", ["x"], "y")],
        [tensor("x", ["batch", "n"])],
        [tensor("y", ["batch", "n"])],
    )
    # One output is no tensor, as from a scikit-learn classifier with a ZipMap.
    write(
        "sequence",
        [node("Abs", ["x"], "label"), node("SequenceConstruct", ["x", "x"], "maps")],
        [tensor("x", ["batch", 3])],
        [
            tensor("label", ["batch", 3]),
            helper.make_tensor_sequence_value_info("maps", TensorProto.FLOAT, None),
        ],
    )
    write(
        "float8",
        [node("Cast", ["x"], "y", to=TensorProto.FLOAT8E4M3FN)],
        [tensor("x", ["batch", 3])],
        [tensor("y", ["batch", 3], TensorProto.FLOAT8E4M3FN)],
    )
    # An input with a default that requests may override.
    write(
        "default",
        [node("Mul", ["x", "scale"], "y")],
        [tensor("x", ["batch", 3]), tensor("scale", [1])],
        [tensor("y", ["batch", 3])],
        [constant("scale", [10], "float32")],
    )
    write(
        "unranked",
        [node("Abs", ["x"], "y")],
        [tensor("x", None)],
        [tensor("y", None)],
    )
    # Outputs that no node computes: an input itself, and a value of the file.
    write(
        "through",
        [node("Abs", ["x"], "y")],
        [tensor("x", ["batch", 3])],
        [tensor("x", ["batch", 3]), tensor("y", ["batch", 3]), tensor("c", [2])],
        [constant("c", [7, 8], "float32")],
    )
    # Parts of compiled models, as penstock.native.onnx.cut makes them. This one fails at run time
    # for an index that is not below three.
    write(
        "part_gather",
        [node("Gather", ["table", "r1"], "factor"), node("Mul", ["r0", "factor"], "w")],
        [tensor("r0", ["rows", 2]), tensor("r1", ["rows", 1], TensorProto.INT64)],
        [tensor("w", ["rows", 2])],
        [constant("table", [10, 100, 1000], "float32")],
    )
    # Tells how many rows came with one call.
    write(
        "part_rows",
        [
            node("Shape", ["r0"], "count", start=0, end=1),
            node("Cast", ["count"], "rows_f", to=TensorProto.FLOAT),
            node("Add", ["r0", "rows_f"], "w"),
        ],
        [tensor("r0", ["rows", 1])],
        [tensor("w", ["rows", 1])],
    )


if __name__ == "__main__":
    main()
