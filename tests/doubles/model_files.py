# SPDX-License-Identifier: Apache-2.0
"""Writes models into a repository, as a user would."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

Tensor = tuple[str, str, list[int]]  # name, TYPE_..., dims

KINDS, BITS = ("INT", "UINT"), (8, 16, 32, 64)
#: V2 datatype -> its name in a configuration.
TYPES = {
    "BOOL": "TYPE_BOOL",
    **{
        f"{kind}{bits}": f"TYPE_{kind}{bits}"
        for kind in ("INT", "UINT")
        for bits in (8, 16, 32, 64)
    },
    "FP16": "TYPE_FP16",
    "BF16": "TYPE_BF16",
    "FP32": "TYPE_FP32",
    "FP64": "TYPE_FP64",
    "BYTES": "TYPE_STRING",
}


def config_text(inputs: list[Tensor], outputs: list[Tensor], more: str = "") -> str:
    """A config.pbtxt of these tensors, and `more`."""
    lines = [
        f'{kind} {{ name: "{name}" data_type: {datatype} dims: {dims} }}'
        for kind, tensors in (("input", inputs), ("output", outputs))
        for name, datatype, dims in tensors
    ]
    return "\n".join([*lines, dedent(more)])


def add_config(repository: Path, name: str, text: str, version: int = 1) -> Path:
    """Makes the model's folders and writes its configuration; gives the version's folder."""
    folder = repository / name / str(version)
    folder.mkdir(parents=True, exist_ok=True)
    if text:
        (repository / name / "config.pbtxt").write_text(text)
    return folder


def add_identity(repository: Path, name: str, tensors: list[Tensor], rows_max: int) -> None:
    """A model that gives each input NAME back as output NAME_out."""
    outputs = [(f"{name}_out", datatype, dims) for name, datatype, dims in tensors]
    more = f'backend: "identity" max_batch_size: {rows_max}'
    add_config(repository, name, config_text(tensors, outputs, more))


def add_python(
    repository: Path,
    name: str,
    code: str,
    *,
    inputs: list[Tensor] | None = None,
    outputs: list[Tensor] | None = None,
    more: str = "",
) -> None:
    """A model in Python; by default from x to y, both FP32 of two columns."""
    text = config_text(
        inputs or [("x", "TYPE_FP32", [2])], outputs or [("y", "TYPE_FP32", [2])], more
    )
    folder = add_config(repository, name, f'backend: "python"\n{text}')
    (folder / "model.py").write_text(dedent(code))


def add_affine(
    repository: Path, name: str, *, version: int = 1, add: float = 1.0, config: str = ""
) -> None:
    """An ONNX model: x of FP32[rows, 3] to y = 2 x + `add`."""
    add_graph(
        repository,
        name,
        [
            helper.make_node("Mul", ["x", "two"], ["twice"]),
            helper.make_node("Add", ["twice", "addend"], ["y"]),
        ],
        inputs=[helper.make_tensor_value_info("x", TensorProto.FLOAT, ["rows", 3])],
        outputs=[helper.make_tensor_value_info("y", TensorProto.FLOAT, ["rows", 3])],
        constants={"two": np.float32(2), "addend": np.float32(add)},
        version=version,
        config=config,
    )


def add_sum_and_difference(repository: Path, name: str) -> None:
    """An ONNX model of two inputs and two outputs: total = a + b and gap = a - b."""

    def tensor(name: str) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["rows", 2])

    add_graph(
        repository,
        name,
        [
            helper.make_node("Add", ["a", "b"], ["total"]),
            helper.make_node("Sub", ["a", "b"], ["gap"]),
        ],
        inputs=[tensor("a"), tensor("b")],
        outputs=[tensor("total"), tensor("gap")],
    )


def add_graph(
    repository: Path,
    name: str,
    nodes: list[onnx.NodeProto],
    *,
    inputs: list[onnx.ValueInfoProto],
    outputs: list[onnx.ValueInfoProto],
    constants: dict[str, np.generic] | None = None,
    version: int = 1,
    config: str = "",
) -> None:
    """Any ONNX graph."""
    graph = helper.make_graph(
        nodes,
        name,
        inputs,
        outputs,
        [numpy_helper.from_array(np.asarray(v), key) for key, v in (constants or {}).items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    onnx.checker.check_model(model)
    folder = add_config(repository, name, config, version)
    (folder / "model.onnx").write_bytes(model.SerializeToString())
