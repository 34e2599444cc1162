# SPDX-License-Identifier: Apache-2.0
"""Products with constant matrices, which are layers: Gemm and MatMul."""

from dataclasses import replace

import numpy as np

from penstock.native.onnx.arrays import DTYPES, Array
from penstock.native.onnx.graph import Node
from penstock.native.onnx.lowering import Lowering, Tensor
from penstock.native.onnx.steps import DenseStep
from penstock_client._proto import onnx_graph_pb2 as ox

__all__ = ["add_dense", "gemm", "matmul"]


def add_dense(node: Node, lower: Lowering, x: Tensor, weight: Array, bias: Array | None) -> Tensor:
    """A layer with `weight` [outputs, inputs] on rows of one dimension."""
    if len(x.dims) != 1 or weight.ndim != 2 or weight.shape[1] != x.dims[0]:
        raise node.error(
            f"its rows are of shape {list(x.dims)} and its weights {list(weight.shape)}: "
            "wanted rows of one dimension, and weights of as many columns."
        )
    if any(one.dtype != DTYPES[x.element] for one in (weight, bias) if one is not None):
        raise node.error(f"its weights are {weight.dtype}: wanted {DTYPES[x.element]}.")
    if not (np.isfinite(weight).all() and (bias is None or np.isfinite(bias).all())):
        raise node.error("its weights hold NaN or infinity: wanted numbers.")
    if x.element != ox.FLOAT and lower.options.is_exact:
        raise node.error("layers have no native form in double; --fast computes them in float.")
    step = DenseStep(weight=weight, bias=bias)
    made = lower.step(
        node, step, [lower.converted(node, x, ox.FLOAT)], ox.FLOAT, (weight.shape[0],)
    )
    return lower.converted(node, made, x.element)


def gemm(node: Node, lower: Lowering) -> None:
    """y = alpha * a @ b + beta * c."""
    if node.attribute("transA", 0):
        raise node.error("its first input is transposed, which has no native form.")
    b = lower.constant(node, 1)
    if b.ndim != 2:
        raise node.error(f"its matrix has shape {list(b.shape)}: wanted two dimensions.")
    weight = b if node.attribute("transB", 0) else b.T
    alpha, beta = node.attribute("alpha", 1.0), node.attribute("beta", 1.0)
    bias = None
    if node.has_input(2):
        bias = _scaled(_bias(node, lower.constant(node, 2), weight.shape[0]), beta)
    weight = _scaled(weight, alpha)
    lower.set(node.outputs[0], add_dense(node, lower, lower.numbers(node, 0), weight, bias))


def matmul(node: Node, lower: Lowering) -> None:
    """y = a @ b, of rows and a constant matrix."""
    b = lower.constant(node, 1)
    x = lower.numbers(node, 0)
    if b.ndim == 1:
        made = add_dense(node, lower, x, b[None, :], None)
        lower.set(node.outputs[0], replace(made, dims=()))
        return
    lower.set(node.outputs[0], add_dense(node, lower, x, b.T, None))


def _scaled(array: Array, factor: float) -> Array:
    return array if factor == 1 else (array * array.dtype.type(factor)).astype(array.dtype)


def _bias(node: Node, c: Array, outputs: int) -> Array:
    is_row = c.ndim < 2 or c.shape[:-1] == (1,)
    if not is_row or c.shape[-1:] not in ((), (1,), (outputs,)):
        raise node.error(f"its third input has shape {list(c.shape)}: wanted [{outputs}].")
    return np.broadcast_to(c.reshape(c.shape[-1:]), (outputs,))
