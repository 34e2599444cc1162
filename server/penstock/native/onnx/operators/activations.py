# SPDX-License-Identifier: Apache-2.0
"""Functions of each element or of a row: Relu and its kin, Softmax, Clip, Min, Max, thresholds."""

from collections.abc import Callable

import numpy as np

from penstock.native.onnx.arrays import Array
from penstock.native.onnx.graph import Node
from penstock.native.onnx.lowering import Lowering, Tensor, check_finite
from penstock.native.onnx.steps import AffineStep, DenseStep
from penstock_client._proto import native_artifact_pb2 as pb
from penstock_client._proto import onnx_graph_pb2 as ox

__all__ = [
    "activated",
    "clip",
    "elementwise",
    "greater",
    "leaky_relu",
    "less",
    "max_",
    "min_",
    "softmax",
]

Function = pb.Activation.Function

#: What a layer can do by itself, as it writes its outputs.
OF_LAYERS = {
    pb.Activation.RELU,
    pb.Activation.LEAKY_RELU,
    pb.Activation.SIGMOID,
    pb.Activation.TANH,
    pb.Activation.CLIP,
}


def activated(node: Node, lower: Lowering, x: Tensor, what: pb.Activation) -> Tensor:
    """The function of a tensor; the layer before it does it where it can."""
    check_finite(node, np.array([what.alpha, what.beta]), with_infinity=True)
    step = lower.plan.writer(x.value)
    if (
        what.function in OF_LAYERS
        and step is not None
        and isinstance(step.what, DenseStep)
        and step.what.activation is None
        and lower.may_change(x)
    ):
        step.what.activation = what
        return x
    return lower.step(node, what, [x], x.element, x.dims)


def elementwise(function: Function) -> Callable[[Node, Lowering], None]:
    """The operator that is a function of each element, without parameters."""

    def operator(node: Node, lower: Lowering) -> None:
        x = lower.numbers(node, 0)
        lower.set(node.outputs[0], activated(node, lower, x, pb.Activation(function=function)))

    return operator


def leaky_relu(node: Node, lower: Lowering) -> None:
    """x, or alpha * x where it is negative."""
    what = pb.Activation(function=pb.Activation.LEAKY_RELU, alpha=node.attribute("alpha", 0.01))
    lower.set(node.outputs[0], activated(node, lower, lower.numbers(node, 0), what))


def clip(node: Node, lower: Lowering) -> None:
    """Between two limits, attributes at first and inputs since version 11."""
    x = lower.numbers(node, 0)
    # A limit that is not given is the greatest finite number.
    end = np.array(np.finfo(np.float32).max if x.element == ox.FLOAT else np.inf)
    if lower.version(node) < 11:
        low, high = node.attribute("min", float(-end)), node.attribute("max", float(end))
    else:
        low, high = _limit(node, lower, 1, -end), _limit(node, lower, 2, end)
    _clipped(node, lower, x, low, high)


def max_(node: Node, lower: Lowering) -> None:
    """The greater of x and a constant."""
    x, c = _with_limit(node, lower)
    _clipped(node, lower, x, c, np.inf)


def min_(node: Node, lower: Lowering) -> None:
    """The lesser of x and a constant."""
    x, c = _with_limit(node, lower)
    _clipped(node, lower, x, -np.inf, c)


def softmax(node: Node, lower: Lowering) -> None:
    """Over a row: the last dimension, or before version 13 all behind the first."""
    x = lower.numbers(node, 0)
    is_whole_row = lower.version(node) < 13
    axis = node.attribute("axis", 1 if is_whole_row else -1)
    rank = len(x.dims) + 1
    if rank < 2 or axis % rank != 1 or (rank > 2 and not is_whole_row):
        raise node.error(f"it is over axis {axis} of {rank}: wanted the whole of a row.")
    what = pb.Activation(function=pb.Activation.SOFTMAX)
    lower.set(node.outputs[0], lower.step(node, what, [x], x.element, x.dims))


def greater(*, is_inclusive: bool) -> Callable[[Node, Lowering], None]:
    """x > c, or x >= c."""

    def operator(node: Node, lower: Lowering) -> None:
        if lower.is_constant(node.inputs[0]):
            raise node.error("wanted the constant as its second input.")
        x, c = _with_limit(node, lower)
        what = pb.Threshold(threshold=c, is_inclusive=is_inclusive)
        lower.set(node.outputs[0], lower.step(node, what, [x], ox.BOOL, x.dims))

    return operator


def less(*, is_inclusive: bool) -> Callable[[Node, Lowering], None]:
    """x < c, which is -x > -c."""

    def operator(node: Node, lower: Lowering) -> None:
        if lower.is_constant(node.inputs[0]):
            raise node.error("wanted the constant as its second input.")
        x, c = _with_limit(node, lower)
        dtype = np.float64 if x.element == ox.DOUBLE else np.float32
        negated = AffineStep(offset=np.zeros(x.width, dtype), scale=np.full(x.width, -1, dtype))
        x = lower.step(node, negated, [x], x.element, x.dims)
        what = pb.Threshold(threshold=-c, is_inclusive=is_inclusive)
        lower.set(node.outputs[0], lower.step(node, what, [x], ox.BOOL, x.dims))

    return operator


def _limit(node: Node, lower: Lowering, place: int, otherwise: Array) -> float:
    found = lower.constant(node, place, otherwise)
    if found.size != 1 or found.dtype.kind != "f":
        raise node.error(f"its input {node.inputs[place]!r} is {found.size} numbers: wanted one.")
    return float(found.reshape(()))


def _with_limit(node: Node, lower: Lowering) -> tuple[Tensor, float]:
    if len(node.inputs) != 2 or not any(lower.is_constant(name) for name in node.inputs):
        raise node.error("wanted two inputs, one of them a constant.")
    place = 0 if lower.is_constant(node.inputs[0]) else 1
    x = lower.numbers(node, 1 - place)
    if lower.constant(node, place).ndim > len(x.dims) + 1:
        raise node.error("its constant has more dimensions than its other input.")
    return x, _limit(node, lower, place, np.zeros(()))


def _clipped(node: Node, lower: Lowering, x: Tensor, low: float, high: float) -> None:
    if np.isnan(low) or np.isnan(high):
        raise node.error("one of its limits is NaN: wanted numbers.")
    if x.element == ox.DOUBLE and any(one != float(np.float32(one)) for one in (low, high)):
        raise node.error(f"its limits {low} and {high} are no float32.")
    what = pb.Activation(function=pb.Activation.CLIP, alpha=low, beta=high)
    lower.set(node.outputs[0], activated(node, lower, x, what))
