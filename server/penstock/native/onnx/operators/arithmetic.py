# SPDX-License-Identifier: Apache-2.0
"""Arithmetic with constants: Add, Sub, Mul, Div, Neg, BatchNormalization.

All of it is (x - offset) * scale. Constants join the layer or the affine step before them where
that changes no rounding: a bias is added to a product, a scale multiplies a difference.
"""

from dataclasses import replace
from typing import Any

import numpy as np

from penstock.native.onnx.arrays import DTYPES, Array
from penstock.native.onnx.graph import Node
from penstock.native.onnx.lowering import WIDTH_MAX, Lowering, Tensor, check_finite
from penstock.native.onnx.steps import AffineStep, DenseStep

__all__ = ["add", "batch_normalization", "div", "mul", "neg", "sub"]


def add(node: Node, lower: Lowering) -> None:
    """x + c, either first."""
    x, c = _operands(node, lower)
    step = lower.plan.writer(x.value)
    is_layer = step is not None and isinstance(step.what, DenseStep)
    if is_layer and lower.may_change(x) and c.size == x.width:
        assert step is not None
        assert isinstance(step.what, DenseStep)
        if step.what.bias is None and step.what.activation is None and np.isfinite(c).all():
            step.what.bias = c.reshape(-1)
            lower.set(node.outputs[0], x)
            return
    _affine(node, lower, x, offset=-c, scale=np.ones_like(c))


def sub(node: Node, lower: Lowering) -> None:
    """x - c; or c - x, which is (x - c) * -1."""
    x, c = _operands(node, lower)
    sign = -1 if lower.is_constant(node.inputs[0]) else 1
    _affine(node, lower, x, offset=c, scale=np.full_like(c, sign))


def mul(node: Node, lower: Lowering) -> None:
    """x * c, either first."""
    x, c = _operands(node, lower)
    _multiplied(node, lower, x, c)


def div(node: Node, lower: Lowering) -> None:
    """x / c, by the reciprocal: a unit in the last place may differ."""
    x, c = _operands(node, lower)
    if lower.is_constant(node.inputs[0]):
        raise node.error("a constant over what rows bring has no native form.")
    with np.errstate(divide="ignore"):
        _multiplied(node, lower, x, (1 / c.astype(np.float64)).astype(c.dtype))


def neg(node: Node, lower: Lowering) -> None:
    """-x."""
    x = lower.numbers(node, 0)
    _multiplied(node, lower, x, np.full(x.dims, -1, _dtype(x)))


def batch_normalization(node: Node, lower: Lowering) -> None:
    """scale * (x - mean) / sqrt(variance + epsilon) + bias, of each column."""
    x = lower.numbers(node, 0)
    scale, bias, mean, variance = (lower.constant(node, place) for place in (1, 2, 3, 4))
    if node.attribute("training_mode", 0) or len([one for one in node.outputs if one]) > 1:
        raise node.error("it is in training mode: export the model for inference.")
    if len(x.dims) != 1 or any(one.shape != x.dims for one in (scale, bias, mean, variance)):
        raise node.error(f"its rows have shape {list(x.dims)}: wanted one dimension of its own.")
    with np.errstate(all="ignore"):
        root = np.sqrt(variance.astype(np.float64) + node.attribute("epsilon", 1e-5))
        factor = scale.astype(np.float64) / root
        rest = bias.astype(np.float64) - mean.astype(np.float64) * factor
    if not (np.isfinite(factor).all() and np.isfinite(rest).all()):
        raise node.error("its constants hold NaN or infinity, or a variance below 0.")
    step = lower.plan.writer(x.value)
    if step is not None and isinstance(step.what, DenseStep) and lower.may_change(x):
        layer = step.what
        if layer.activation is None:
            old = np.zeros(x.dims) if layer.bias is None else layer.bias.astype(np.float64)
            with np.errstate(over="ignore"):
                weight = (layer.weight * factor[:, None]).astype(np.float32)
                bias = (old * factor + rest).astype(np.float32)
            check_finite(node, weight, bias)
            layer.weight, layer.bias = weight, bias
            lower.set(node.outputs[0], x)
            return
    dtype = _dtype(x)
    with np.errstate(over="ignore"):
        factor, rest = factor.astype(dtype), rest.astype(dtype)
    y = _multiplied_by(node, lower, x, factor)
    made = lower.step(
        node, AffineStep(offset=-rest, scale=np.ones_like(rest)), [y], x.element, x.dims
    )
    lower.set(node.outputs[0], made)


def _operands(node: Node, lower: Lowering) -> tuple[Tensor, Array]:
    """What rows bring, and the constant in its shape."""
    constants = [place for place in (0, 1) if lower.is_constant(node.inputs[place])]
    if not constants:
        raise node.error("both its inputs are computed: wanted a constant as one of them.")
    x = lower.numbers(node, 1 - constants[0])
    c = lower.constant(node, constants[0])
    if c.dtype != _dtype(x):
        raise node.error(f"its constant is of {c.dtype}: wanted {_dtype(x)}.")
    own = c.reshape(c.shape[1:]) if c.ndim == len(x.dims) + 1 and c.shape[0] == 1 else c
    try:
        shape = np.broadcast_shapes(x.dims, own.shape)
    except ValueError:
        shape = ()
    if own.ndim > len(x.dims) or (x.dims and not shape):
        raise node.error(
            f"its constant has shape {list(c.shape)}: wanted one that fits rows of "
            f"shape {list(x.dims)}."
        )
    if np.prod(shape, dtype=np.float64) > WIDTH_MAX:
        raise node.error(f"its output has rows of shape {list(shape)}: wanted {WIDTH_MAX} numbers.")
    if shape != x.dims:
        columns = np.broadcast_to(np.arange(x.width).reshape(x.dims), shape).ravel()
        x = lower.selected(node, x, columns.tolist(), shape)
    return x, np.broadcast_to(own, x.dims)


def _affine(node: Node, lower: Lowering, x: Tensor, *, offset: Array, scale: Array) -> None:
    step = AffineStep(offset=offset.reshape(-1), scale=scale.reshape(-1))
    lower.set(node.outputs[0], lower.step(node, step, [x], x.element, x.dims))


def _multiplied(node: Node, lower: Lowering, x: Tensor, c: Array) -> None:
    lower.set(node.outputs[0], _multiplied_by(node, lower, x, c.reshape(-1)))


def _multiplied_by(node: Node, lower: Lowering, x: Tensor, c: Array) -> Tensor:
    check_finite(node, c)
    step = lower.plan.writer(x.value)
    if (
        step is not None
        and isinstance(step.what, AffineStep)
        and lower.may_change(x)
        and (step.what.scale == 1).all()
    ):
        step.what.scale = c
        return replace(x)
    made = AffineStep(offset=np.zeros_like(c), scale=c)
    return lower.step(node, made, [x], x.element, x.dims)


def _dtype(x: Tensor) -> np.dtype[Any]:
    return DTYPES[x.element]
