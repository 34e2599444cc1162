# SPDX-License-Identifier: Apache-2.0
"""Calibrated probabilities in ONNX."""

from typing import Any

import numpy as np
from onnx import TensorProto

from penstock_training.candidates.calibration import FLOOR, HIGH, LOW, Calibration, Sigmoid
from penstock_training.candidates.family import Array

__all__ = ["add_calibration"]


def add_calibration(
    scope: Any, container: Any, calibration: Calibration, classes: int, source: str, target: str
) -> None:
    """Nodes that compute `target` (n, classes) of the probabilities `source`."""
    graph = _Graph(scope, container)
    mapped = graph.columns(source, np.array([1])) if classes == 2 else source
    if isinstance(calibration, Sigmoid):
        found = _add_sigmoid(graph, calibration, mapped)
    else:
        columns, starts, widths, matrix, offsets = calibration.ramps()
        if len(columns):
            steps = graph.node("Sub", graph.columns(mapped, columns), graph.floats(starts))
            steps = graph.node("Max", steps, graph.floats(np.zeros(())), version=13)
            steps = graph.node("Min", steps, graph.floats(widths), version=13)
            product = graph.node("MatMul", steps, graph.floats(matrix), version=13)
        else:
            nothing = graph.floats(np.zeros(()))
            product = graph.node("Mul", mapped, nothing)
        found = graph.node("Add", product, graph.floats(offsets))
    found = graph.node("Max", found, graph.floats(np.array(FLOOR)), version=13)
    if classes == 2:
        found = graph.node("Min", found, graph.floats(np.array(1 - FLOOR)), version=13)
        rest = graph.node("Sub", graph.floats(np.ones(())), found)
        container.add_node("Concat", [rest, found], [target], axis=1, op_version=13)
        return
    axes = scope.get_unique_variable_name("axes")
    container.add_initializer(axes, TensorProto.INT64, [1], [1])
    total = scope.get_unique_variable_name("total")
    container.add_node("ReduceSum", [found, axes], [total], keepdims=1, op_version=13)
    container.add_node("Div", [found, total], [target], op_version=14)


def _add_sigmoid(graph: "_Graph", calibration: Sigmoid, mapped: str) -> str:
    low, high = graph.floats(np.array(LOW)), graph.floats(np.array(HIGH))
    clipped = graph.node("Min", graph.node("Max", mapped, low, version=13), high, version=13)
    rest = graph.node("Sub", graph.floats(np.ones(())), clipped)
    logits = graph.node("Log", graph.node("Div", clipped, rest), version=13)
    scaled = graph.node("Mul", logits, graph.floats(np.array(calibration.slopes)))
    shifted = graph.node("Add", scaled, graph.floats(np.array(calibration.offsets)))
    return graph.node("Sigmoid", shifted, version=13)


class _Graph:
    """Names what it adds."""

    def __init__(self, scope: Any, container: Any) -> None:
        self._scope, self._container = scope, container

    def floats(self, values: Array) -> str:
        name: str = self._scope.get_unique_variable_name("constant")
        flat = np.asarray(values, np.float32).ravel().tolist()
        self._container.add_initializer(name, TensorProto.FLOAT, list(np.shape(values)), flat)
        return name

    def columns(self, source: str, places: Array) -> str:
        name: str = self._scope.get_unique_variable_name("places")
        self._container.add_initializer(name, TensorProto.INT64, [len(places)], places.tolist())
        made: str = self._scope.get_unique_variable_name("columns")
        self._container.add_node("Gather", [source, name], [made], axis=1, op_version=13)
        return made

    def node(self, kind: str, *inputs: str, version: int = 14) -> str:
        made: str = self._scope.get_unique_variable_name(kind.lower())
        self._container.add_node(kind, list(inputs), [made], op_version=version)
        return made
