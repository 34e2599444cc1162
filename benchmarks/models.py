# SPDX-License-Identifier: Apache-2.0
"""The models that are timed and the model repositories that Penstock serves them from."""

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

Floats = npt.NDArray[np.float32]

MLP_WIDTHS = (30, 128, 64, 1)

# About 10 ms for a batch of eight on one core of 2025.
ENCODER_ROWS = 8
ENCODER_TOKENS = 32
ENCODER_WIDTH = 256
ENCODER_HEADS = 4
ENCODER_LAYERS = 4


def _config(name: str, lines: list[str], inputs: list[int], outputs: list[int]) -> str:
    def tensor(kind: str, tensor_name: str, dims: list[int]) -> str:
        return f'{kind} [ {{ name: "{tensor_name}" data_type: TYPE_FP32 dims: {dims} }} ]'

    parts = [f'name: "{name}"', *lines]
    parts += [tensor("input", "INPUT0", inputs), tensor("output", "OUTPUT0", outputs)]
    return "\n".join(parts) + "\n"


def _version_folder(repository: Path, name: str, version: int = 1) -> Path:
    folder = repository / name / str(version)
    folder.mkdir(parents=True)
    return folder


def add_identity(repository: Path, name: str, width: int, versions: int = 1) -> None:
    """Add a model that echoes [n, width] floats, in so many versions."""
    for version in range(1, versions + 1):
        _version_folder(repository, name, version)
    lines = ['backend: "identity"', "max_batch_size: 64", "version_policy { all {} }"]
    (repository / name / "config.pbtxt").write_text(_config(name, lines, [width], [width]))


def add_python_identity(repository: Path, name: str, width: int, isolation: str) -> None:
    """Add a Python model that echoes [n, width] floats; `isolation` is "none" or "process"."""
    code = "class Identity:\n    def execute(self, batch):\n"
    code += '        return {"OUTPUT0": batch["INPUT0"]}\n'
    (_version_folder(repository, name) / "model.py").write_text(code)
    lines = [
        'backend: "python"',
        "max_batch_size: 64",
        f'parameters {{ key: "penstock.isolation" value {{ string_value: "{isolation}" }} }}',
    ]
    (repository / name / "config.pbtxt").write_text(_config(name, lines, [width], [width]))


def _onnx_lines(rows_max: int) -> list[str]:
    def parameter(key: str, value: str) -> str:
        return f'parameters {{ key: "{key}" value {{ string_value: "{value}" }} }}'

    return [
        'backend: "onnxruntime"',
        f"max_batch_size: {rows_max}",
        "instance_group [ { count: 1 kind: KIND_CPU } ]",
        parameter("intra_op_thread_count", "1"),
        parameter("inter_op_thread_count", "1"),
    ]


def add_mlp(repository: Path, name: str) -> Path:
    """Add the MLP; return its ONNX file."""
    path = _version_folder(repository, name) / "model.onnx"
    onnx.save(_mlp(), path)
    lines = [*_onnx_lines(64), "dynamic_batching { }"]
    config = _config(name, lines, [MLP_WIDTHS[0]], [MLP_WIDTHS[-1]])
    (repository / name / "config.pbtxt").write_text(config)
    return path


def add_onnx(
    repository: Path, name: str, graph: Path, inputs: list[int], outputs: list[int]
) -> None:
    """Add the ONNX file, batched as the MLP is."""
    (_version_folder(repository, name) / "model.onnx").write_bytes(graph.read_bytes())
    lines = [*_onnx_lines(64), "dynamic_batching { }"]
    (repository / name / "config.pbtxt").write_text(_config(name, lines, inputs, outputs))


def add_encoder(repository: Path, name: str) -> Path:
    """Add the encoder, batched by eights; return its ONNX file."""
    path = _version_folder(repository, name) / "model.onnx"
    onnx.save(_encoder(), path)
    batching = (
        f"dynamic_batching {{ preferred_batch_size: [ {ENCODER_ROWS} ] "
        "max_queue_delay_microseconds: 2000 }"
    )
    lines = [*_onnx_lines(ENCODER_ROWS), batching]
    config = _config(name, lines, [ENCODER_TOKENS, ENCODER_WIDTH], [ENCODER_WIDTH])
    (repository / name / "config.pbtxt").write_text(config)
    return path


class _Graph:
    """Nodes and random weights as they are added; the last output's name is the next input's."""

    def __init__(self, seed: int) -> None:
        self._random = np.random.default_rng(seed)
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []

    def constant(self, array: npt.NDArray[np.generic]) -> str:
        name = f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(array, name))
        return name

    def node(self, kind: str, *inputs: str, output: str | None = None, **attributes: Any) -> str:
        name = output or f"t{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def dense(self, x: str, rows: int, columns: int, output: str | None = None) -> str:
        weights = self._random.standard_normal((rows, columns)) / np.sqrt(rows)
        product = self.node("MatMul", x, self.constant(weights.astype(np.float32)))
        bias = self.constant(self._random.standard_normal(columns).astype(np.float32) * 0.1)
        return self.node("Add", product, bias, output=output)

    def normalise(self, x: str, width: int) -> str:
        scale = self.constant(np.ones(width, np.float32))
        shift = self.constant(np.zeros(width, np.float32))
        return self.node("LayerNormalization", x, scale, shift, axis=-1)

    def model(self, inputs: list[int], outputs: list[int]) -> onnx.ModelProto:
        def value(name: str, dims: list[int]) -> onnx.ValueInfoProto:
            return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", *dims])

        graph = helper.make_graph(
            self.nodes,
            "benchmark",
            [value("INPUT0", inputs)],
            [value("OUTPUT0", outputs)],
            self.weights,
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        onnx.checker.check_model(model)
        return model


def _mlp() -> onnx.ModelProto:
    graph = _Graph(seed=1)
    x = "INPUT0"
    for rows, columns in itertools.pairwise(MLP_WIDTHS[:-1]):
        x = graph.node("Relu", graph.dense(x, rows, columns))
    graph.dense(x, MLP_WIDTHS[-2], MLP_WIDTHS[-1], output="OUTPUT0")
    return graph.model([MLP_WIDTHS[0]], [MLP_WIDTHS[-1]])


def _attention(graph: _Graph, x: str) -> str:
    width, heads = ENCODER_WIDTH, ENCODER_HEADS
    split = graph.constant(np.array([0, 0, heads, width // heads], np.int64))
    joined = graph.constant(np.array([0, 0, width], np.int64))
    scale = graph.constant(np.array((width // heads) ** -0.5, np.float32))

    def heads_of(perm: list[int]) -> str:
        return graph.node(
            "Transpose", graph.node("Reshape", graph.dense(x, width, width), split), perm=perm
        )

    query, key, value = (heads_of(perm) for perm in ([0, 2, 1, 3], [0, 2, 3, 1], [0, 2, 1, 3]))
    scores = graph.node("Mul", graph.node("MatMul", query, key), scale)
    mixed = graph.node("MatMul", graph.node("Softmax", scores, axis=-1), value)
    flat = graph.node("Reshape", graph.node("Transpose", mixed, perm=[0, 2, 1, 3]), joined)
    return graph.dense(flat, width, width)


def _encoder() -> onnx.ModelProto:
    graph = _Graph(seed=2)
    width = ENCODER_WIDTH
    x = "INPUT0"
    for _ in range(ENCODER_LAYERS):
        x = graph.normalise(graph.node("Add", x, _attention(graph, x)), width)
        hidden = graph.node("Relu", graph.dense(x, width, 4 * width))
        x = graph.normalise(graph.node("Add", x, graph.dense(hidden, 4 * width, width)), width)
    graph.node("ReduceMean", x, output="OUTPUT0", axes=[1], keepdims=0)
    return graph.model([ENCODER_TOKENS, width], [width])
