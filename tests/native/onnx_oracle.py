# SPDX-License-Identifier: Apache-2.0
"""Small ONNX models, and ONNX Runtime's answers to hold compiled ones against."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper
from tests.native.agreement import difference

from penstock.native.artifact import CompiledModel
from penstock.native.compiler import compile_bytes
from penstock.native.options import CompileOptions
from penstock.native.reference import evaluate

__all__ = ["FLOAT", "ML", "check_against_onnxruntime", "model_of", "node", "steps_of"]

Array = npt.NDArray[Any]
FLOAT = TensorProto.FLOAT
ML = "ai.onnx.ml"
QUIET = 4


def node(op: str, inputs: str, outputs: str, domain: str = "", **attributes: Any) -> NodeProto:
    """A node; names of inputs and outputs are set apart by spaces."""
    made = helper.make_node(op, inputs.split(" "), outputs.split(), domain=domain, **attributes)
    assert isinstance(made, NodeProto)
    return made


def model_of(
    nodes: Sequence[NodeProto],
    inputs: Mapping[str, tuple[int, list[Any]]],
    outputs: Mapping[str, int],
    constants: Mapping[str, npt.ArrayLike] | None = None,
    *,
    opset: int = 18,
    ml: int = 3,
) -> ModelProto:
    """A model; `inputs` give type and shape, `outputs` the type."""
    graph = helper.make_graph(
        list(nodes),
        "test",
        [helper.make_tensor_value_info(name, *form) for name, form in inputs.items()],
        [helper.make_tensor_value_info(name, kind, None) for name, kind in outputs.items()],
        [numpy_helper.from_array(np.asarray(v), name) for name, v in (constants or {}).items()],
    )
    opsets = [helper.make_opsetid("", opset), helper.make_opsetid(ML, ml)]
    made = helper.make_model(graph, opset_imports=opsets, ir_version=9)
    assert isinstance(made, ModelProto)
    return made


def check_against_onnxruntime(
    content: bytes, inputs: Mapping[str, Array], tolerance: float = 1e-5, **options: Any
) -> CompiledModel:
    """Compiles the model, and raises AssertionError where the two differ in any output."""
    compiled = compile_bytes(content, CompileOptions(**options))
    settings = onnxruntime.SessionOptions()
    settings.log_severity_level = QUIET
    settings.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(content, settings, ["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    found = evaluate(compiled, inputs)
    for name, right in zip(names, session.run(names, dict(inputs)), strict=True):
        if right.dtype == object or right.dtype.kind in "US":
            assert [one.decode() for one in found[name].ravel()] == right.ravel().tolist()
            assert found[name].shape == right.shape
        elif right.dtype.kind == "f":
            assert found[name].dtype == right.dtype
            assert difference(found[name], right) <= tolerance, name
        else:
            assert found[name].dtype == right.dtype
            assert np.array_equal(found[name], right), name
    return compiled


def steps_of(model: CompiledModel) -> list[str | None]:
    """The kinds of its steps."""
    return [step.WhichOneof("what") for step in model.manifest.steps]
