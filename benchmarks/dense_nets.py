# SPDX-License-Identifier: Apache-2.0
"""The dense layers and small nets that are timed: random, and the same for every contestant.

Compiled for Penstock and oneDNN, as ONNX for ONNX Runtime; all in benchmarks/build/dense.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from benchmarks import runner
from penstock.native.artifact import ArtifactBuilder, CompiledModel, read_artifact, write_artifact
from penstock.native.quantize.forms import FormName, LayerForm, in_forms
from penstock.native.quantize.layers import float_layers, traced
from penstock.native.quantize.ranges import static_input
from penstock.native.quantize.weights import GROUP
from penstock.native.reference import evaluate
from penstock_client._proto import native_artifact_pb2 as pb

Floats = npt.NDArray[np.float32]

FOLDER = runner.BUILD / "dense"
#: Enough rows for the largest batch of a net.
_ROWS_MIN = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class DenseCase:
    """A net of widths[0] inputs and its batches. Of a single layer, the batch is the shape's M."""

    widths: tuple[int, ...]
    batches: tuple[int, ...]

    @property
    def name(self) -> str:
        """The shape M,K,N of a layer, the widths of a net."""
        if self.is_layer:
            return ",".join(map(str, (*self.batches, *self.widths)))
        return "-".join(map(str, self.widths))

    @property
    def is_layer(self) -> bool:
        """Whether it is one layer, with ReLU; a net has none behind the last."""
        return len(self.widths) == 2

    @property
    def operations(self) -> int:
        """Of one row; a product and its sum are two."""
        return 2 * sum(k * n for k, n in zip(self.widths, self.widths[1:], strict=False))

    def path(self, what: str) -> Path:
        """Return the file of that name."""
        FOLDER.mkdir(parents=True, exist_ok=True)
        return FOLDER / f"{self.name}.{what}"

    def rows(self) -> Floats:
        """As a layer behind a ReLU reads them: zero points are 0. A net's have both signs."""
        count = max(*self.batches, 8) if self.is_layer else _ROWS_MIN
        x = np.random.default_rng(11).standard_normal((count, self.widths[0]), np.float32)
        return np.abs(x) if self.is_layer else x


def model_of(case: DenseCase) -> CompiledModel:
    """Weights of float32."""
    random = np.random.default_rng(sum(case.widths))
    builder = ArtifactBuilder(source="a benchmark")
    value = builder.input("INPUT0", "FP32", pb.FLOAT32, dims=[case.widths[0]])
    for place, (inputs, outputs) in enumerate(zip(case.widths, case.widths[1:], strict=False)):
        is_activated = case.is_layer or place < len(case.widths) - 2
        weight = random.standard_normal((outputs, inputs), np.float32) * (2 / inputs) ** 0.5
        dense = pb.Dense(
            weights=pb.Dense.FP32,
            weight=builder.blob(weight, "<f4"),
            bias=builder.blob(random.normal(0, 0.1, outputs), "<f4"),
            activation=pb.Activation(
                function=pb.Activation.RELU if is_activated else pb.Activation.IDENTITY
            ),
        )
        value = builder.step(dense, [value], pb.FLOAT32, outputs, name=f"fc{place + 1}")
    builder.output("OUTPUT0", "FP32", value, dims=[case.widths[-1]])
    return builder.finish()


def write_case(case: DenseCase, forms: tuple[FormName, ...]) -> None:
    """Write the rows, and for each form the artifact and what the reference answers."""
    model, rows = model_of(case), case.rows()
    rows.tofile(case.path("rows"))
    layers = float_layers(model)
    reads = traced(model, {"INPUT0": rows}, {layer.reads for layer in layers})
    for name in forms:
        chosen = {}
        for layer in layers:
            spread = static_input(reads[layer.reads], "minmax") if name == "int8-static" else None
            chosen[layer.place] = LayerForm(name=name, input=spread)
        formed = in_forms(model, layers, chosen)
        write_artifact(formed, case.path(f"{name}.pnst"))
        np.save(case.path(f"{name}.npy"), evaluate(formed, {"INPUT0": rows})["OUTPUT0"])


def _graph(case: DenseCase, nodes: list[Any], constants: list[Any]) -> onnx.ModelProto:
    ports = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, width])
        for name, width in (("INPUT0", case.widths[0]), ("OUTPUT0", case.widths[-1]))
    ]
    graph = helper.make_graph(nodes, "net", ports[:1], ports[1:], constants)
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


def write_onnx(case: DenseCase) -> None:
    """The same weights as Gemm and Relu."""
    nodes, constants = [], []
    model = model_of(case)
    steps = [step for step in model.manifest.steps if step.HasField("dense")]
    value = "INPUT0"
    for place, step in enumerate(steps):
        outputs = case.widths[place + 1]
        weight = model.array(step.dense.weight, "<f4").reshape(outputs, -1).T
        bias = model.array(step.dense.bias, "<f4")
        constants += [
            numpy_helper.from_array(np.ascontiguousarray(weight), f"w{place}"),
            numpy_helper.from_array(bias, f"b{place}"),
        ]
        is_last = place == len(steps) - 1
        is_activated = step.dense.activation.function == pb.Activation.RELU
        summed = "OUTPUT0" if is_last and not is_activated else f"s{place}"
        nodes.append(helper.make_node("Gemm", [value, f"w{place}", f"b{place}"], [summed]))
        value = summed
        if is_activated:
            value = "OUTPUT0" if is_last else f"a{place}"
            nodes.append(helper.make_node("Relu", [summed], [value]))
    onnx.save(_graph(case, nodes, constants), case.path("onnx"))


def write_nibbles_onnx(case: DenseCase) -> None:
    """The 4-bit weights as ONNX Runtime's MatMulNBits, whose blocks and nibbles are the same."""
    model = read_artifact(case.path("int4.pnst"))
    dense = model.manifest.steps[0].dense
    inputs, outputs = case.widths
    blocks = inputs // GROUP
    constants = [
        numpy_helper.from_array(
            model.array(dense.weight, "u1").reshape(outputs, blocks, GROUP // 2), "w"
        ),
        numpy_helper.from_array(model.array(dense.scale, "<f4").reshape(outputs, blocks), "s"),
        numpy_helper.from_array(model.array(dense.bias, "<f4"), "b"),
    ]
    nodes = [
        helper.make_node(
            "MatMulNBits",
            ["INPUT0", "w", "s"],
            ["p"],
            domain="com.microsoft",
            K=inputs,
            N=outputs,
            bits=4,
            block_size=GROUP,
            accuracy_level=4,  # int8 in the inner loop
        ),
        helper.make_node("Add", ["p", "b"], ["t"]),
        helper.make_node("Relu", ["t"], ["OUTPUT0"]),
    ]
    onnx.save(_graph(case, nodes, constants), case.path("int4.onnx"))


class _Rows:
    """Calibration rows, as ONNX Runtime asks for them."""

    def __init__(self, rows: Floats) -> None:
        self._rows: Iterator[Floats] = iter(np.split(rows, len(rows)))

    def get_next(self) -> dict[str, Floats] | None:
        """Return the next of them."""
        row = next(self._rows, None)
        return None if row is None else {"INPUT0": row}


def write_quantized_onnx(case: DenseCase) -> None:
    """ONNX Runtime's own int8 forms: static (QDQ) and dynamic."""
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_dynamic, quantize_static

    logging.getLogger().setLevel(logging.ERROR)  # it advises to fuse what Gemm and Relu have not
    quantize_dynamic(
        case.path("onnx"), case.path("dynamic.onnx"), per_channel=True, weight_type=QuantType.QInt8
    )
    quantize_static(
        case.path("onnx"),
        case.path("static.onnx"),
        _Rows(case.rows()),
        quant_format=QuantFormat.QDQ,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        per_channel=False,
    )
