# SPDX-License-Identifier: Apache-2.0
"""Nodes that read only constants, computed as the graph is read.

Shapes take this way too: the number of rows is then a mark, `ROWS`, that may be moved about but not
computed with.
"""

from collections.abc import Callable, Sequence

import numpy as np

from penstock.native.onnx.arrays import DTYPES, Array, element_name
from penstock.native.onnx.graph import Node
from penstock.native.onnx.lowering import ROWS, Lowering
from penstock_client._proto import onnx_graph_pb2 as ox

__all__ = ["fold"]

#: Elements of all constants that are computed, together.
FOLDED_MAX = 1 << 27

Fold = Callable[[Node, Lowering], Array]


def fold(node: Node, lower: Lowering) -> bool:
    """Computes the node if all it reads is constant; False: it is for the rows to bring."""
    reads_constants = all(lower.is_constant(name) for name in node.inputs if name)
    if node.domain or node.op not in FOLDS or not reads_constants:
        return False
    try:
        with np.errstate(all="ignore"):
            found = np.asarray(FOLDS[node.op](node, lower))
        if found.flags.owndata:
            _check_size(node, lower, found.shape)
            lower.folded += found.size
    except (ValueError, TypeError, IndexError, OverflowError, MemoryError) as error:
        raise node.error(f"its constants do not fit each other: {error}.") from None
    lower.set(node.outputs[0], found)
    return True


def _constant(node: Node, lower: Lowering) -> Array:
    for name, dtype in (
        ("value", None),
        ("value_float", np.float32),
        ("value_int", np.int64),
        ("value_floats", np.float32),
        ("value_ints", np.int64),
    ):
        found = node.attribute(name)
        if found is not None:
            return np.asarray(found, dtype)
    texts = node.attribute("value_strings")
    if texts is None and node.attribute("value_string") is None:
        raise node.error("its value has no native form.")
    found = np.empty(1 if texts is None else len(texts), object)
    found[:] = [node.attribute("value_string")] if texts is None else texts
    return found if texts is not None else found.reshape(())


def _cast(node: Node, lower: Lowering) -> Array:
    to = node.attribute("to", 0)
    x = lower.constant(node, 0)
    if to not in DTYPES or (x.dtype.kind == "O") != (to == ox.STRING):
        raise node.error(f"a constant cannot be made {element_name(to)}.")
    if DTYPES[to].kind not in "i":
        _plain(node, x)
    return x.astype(DTYPES[to])


def _reshape(node: Node, lower: Lowering) -> Array:
    x = lower.constant(node, 0)
    shape = _plain(node, lower.constant(node, 1)).reshape(-1).tolist()
    if not node.attribute("allowzero", 0):
        shape = [
            x.shape[place] if size == 0 and place < x.ndim else size
            for place, size in enumerate(shape)
        ]
    return x.reshape(shape)


def _squeeze(node: Node, lower: Lowering) -> Array:
    axes = _axes(node, lower)
    x = lower.constant(node, 0)
    return x.squeeze() if axes is None else x.squeeze(tuple(axes))


def _unsqueeze(node: Node, lower: Lowering) -> Array:
    return np.expand_dims(lower.constant(node, 0), tuple(_axes(node, lower) or ()))


def _axes(node: Node, lower: Lowering) -> list[int] | None:
    found = lower.constant(node, 1) if node.has_input(1) else node.attribute("axes")
    return None if found is None else [int(axis) for axis in np.asarray(found).reshape(-1)]


def _transpose(node: Node, lower: Lowering) -> Array:
    order = node.attribute("perm")
    return lower.constant(node, 0).transpose(None if order is None else order.tolist())


def _concat(node: Node, lower: Lowering) -> Array:
    parts = [lower.constant(node, place) for place in range(len(node.inputs))]
    _check_size(node, lower, (sum(part.size for part in parts),))
    return np.concatenate(parts, axis=int(node.attribute("axis", 1)))


def _gather(node: Node, lower: Lowering) -> Array:
    places = _plain(node, lower.constant(node, 1)).astype(np.int64)
    x, axis = lower.constant(node, 0), int(node.attribute("axis", 0))
    _check_size(node, lower, (x.size // max(x.shape[axis], 1), places.size))
    return np.take(x, places, axis=axis)


def _slice(node: Node, lower: Lowering) -> Array:
    x = lower.constant(node, 0)
    if lower.version(node) < 10:
        starts, ends = node.attribute("starts"), node.attribute("ends")
        axes, steps = node.attribute("axes", np.arange(len(starts))), np.ones(len(starts), np.int64)
    else:
        starts, ends = lower.constant(node, 1), lower.constant(node, 2)
        axes = lower.constant(node, 3, np.arange(len(starts)))
        steps = lower.constant(node, 4, np.ones(len(starts), np.int64))
    chosen = [slice(None)] * x.ndim
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        chosen[int(axis)] = slice(int(start), int(end), int(step))
    return x[tuple(chosen)]


def _constant_of_shape(node: Node, lower: Lowering) -> Array:
    shape = _plain(node, lower.constant(node, 0)).tolist()
    _check_size(node, lower, shape)
    value = node.attribute("value", np.zeros(1, np.float32))
    return np.full(shape, value.reshape(-1)[0])


def _expand(node: Node, lower: Lowering) -> Array:
    x = lower.constant(node, 0)
    shape = np.broadcast_shapes(x.shape, tuple(_plain(node, lower.constant(node, 1)).tolist()))
    _check_size(node, lower, shape)
    return np.broadcast_to(x, shape)


def _check_size(node: Node, lower: Lowering, shape: Sequence[int]) -> None:
    """Raises if there is no room for such a constant beside those that were computed before."""
    room = FOLDED_MAX - lower.folded
    if any(size < 0 for size in shape) or np.prod(shape, dtype=np.float64) > room:
        raise node.error(
            f"a constant of shape {list(shape)} is too large: wanted {FOLDED_MAX} elements at "
            "most, of all that are computed."
        )


def _dequantize(node: Node, lower: Lowering) -> Array:
    x, scale = lower.constant(node, 0), lower.constant(node, 1)
    zero = lower.constant(node, 2, np.zeros_like(scale, x.dtype))
    if node.attribute("block_size", 0) or scale.ndim > 1 or scale.dtype != np.float32:
        raise node.error("scales of blocks have no native form.")
    shape = [1] * x.ndim
    if scale.ndim == 1 and scale.size > 1:
        shape[int(node.attribute("axis", 1))] = scale.size
    difference = x.astype(np.int64) - zero.astype(np.int64).reshape(shape)
    return difference.astype(np.float32) * scale.reshape(shape)


def _arithmetic(operation: Callable[[Array, Array], Array]) -> Fold:
    def compute(node: Node, lower: Lowering) -> Array:
        a, b = (_plain(node, lower.constant(node, place)) for place in (0, 1))
        if a.dtype != b.dtype or a.dtype == object:
            raise node.error(f"its constants are {a.dtype} and {b.dtype}: wanted numbers alike.")
        _check_size(node, lower, np.broadcast_shapes(a.shape, b.shape))
        return operation(a, b).astype(a.dtype)

    return compute


def _of_each(operation: Callable[[Array], Array]) -> Fold:
    def compute(node: Node, lower: Lowering) -> Array:
        x = _plain(node, lower.constant(node, 0))
        if x.dtype == object:
            raise node.error("its constant is of texts: wanted numbers.")
        return operation(x).astype(x.dtype)

    return compute


def _identity(node: Node, lower: Lowering) -> Array:
    return lower.constant(node, 0)


def _shape(node: Node, lower: Lowering) -> Array:
    found = np.array(lower.constant(node, 0).shape, np.int64)
    return found[node.attribute("start", 0) : node.attribute("end", len(found))]


def _plain(node: Node, x: Array) -> Array:
    """Raises if the number of rows is among the numbers."""
    if x.dtype == np.int64 and (x == ROWS).any():
        raise node.error("it computes with the number of rows, which has no native form.")
    return x


def _divided(a: Array, b: Array) -> Array:
    if a.dtype.kind == "f":
        return np.asarray(a / b)
    if (b == 0).any():
        raise ValueError("a division by zero")
    return np.trunc(a / b)


FOLDS: dict[str, Fold] = {
    "Add": _arithmetic(np.add),
    "Cast": _cast,
    "Concat": _concat,
    "Constant": _constant,
    "ConstantOfShape": _constant_of_shape,
    "DequantizeLinear": _dequantize,
    "Div": _arithmetic(_divided),
    "Exp": _of_each(np.exp),
    "Expand": _expand,
    "Gather": _gather,
    "Identity": _identity,
    "Mul": _arithmetic(np.multiply),
    "Neg": _of_each(np.negative),
    "Reciprocal": _of_each(np.reciprocal),
    "Reshape": _reshape,
    "Shape": _shape,
    "Slice": _slice,
    "Sqrt": _of_each(np.sqrt),
    "Squeeze": _squeeze,
    "Sub": _arithmetic(np.subtract),
    "Transpose": _transpose,
    "Unsqueeze": _unsqueeze,
}
