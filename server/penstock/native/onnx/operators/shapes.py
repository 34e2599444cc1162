# SPDX-License-Identifier: Apache-2.0
"""What moves or renames columns, or the shape around them, and leaves rows rows."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from penstock.native.onnx.arrays import element_name
from penstock.native.onnx.graph import Node
from penstock.native.onnx.lowering import FLOATS, ROWS, Lowering, Tensor
from penstock.native.onnx.steps import AffineStep
from penstock_client._proto import native_artifact_pb2 as pb
from penstock_client._proto import onnx_graph_pb2 as ox

__all__ = [
    "arg_max",
    "cast",
    "concat",
    "feature_vectorizer",
    "flatten",
    "gather",
    "identity",
    "reshape",
    "shape",
    "slice_",
    "squeeze",
    "transpose",
    "unsqueeze",
]


def identity(node: Node, lower: Lowering) -> None:
    """x."""
    lower.set(node.outputs[0], lower.any_tensor(node, 0))
    if len(node.outputs) > 1 and lower.graph.uses[node.outputs[1]]:
        raise node.error(f"its output {node.outputs[1]!r} has no native form.")


def cast(node: Node, lower: Lowering) -> None:
    """x as another type, as C converts it."""
    x = lower.any_tensor(node, 0)
    to = node.attribute("to", 0)
    is_number = x.element != ox.STRING
    if to == x.element:
        lower.set(node.outputs[0], x)
        return
    if not is_number or to == ox.STRING or (to == ox.BOOL and x.element in FLOATS):
        raise node.error(f"{element_name(x.element)} as {element_name(to)} has no native form.")
    if to in (ox.BOOL, ox.UINT8) and x.element != ox.BOOL:
        raise node.error(f"{element_name(x.element)} as {element_name(to)} has no native form.")
    lower.set(node.outputs[0], lower.converted(node, x, to))


def shape(node: Node, lower: Lowering) -> None:
    """The shape, with a mark in the place of the number of rows."""
    x = lower.tensor(node, 0)
    found = np.array([ROWS, *x.dims], np.int64)
    start, end = node.attribute("start", 0), node.attribute("end", len(found))
    lower.set(node.outputs[0], found[start:end])


def reshape(node: Node, lower: Lowering) -> None:
    """Another shape that keeps rows apart."""
    x = lower.any_tensor(node, 0)
    wanted = lower.constant(node, 1).reshape(-1).tolist()
    if x.rows_are_last:
        _reshape_last(node, lower, x, wanted)
        return
    if not node.attribute("allowzero", 0):
        old = [ROWS, *x.dims]
        wanted = [
            old[place] if size == 0 and place < len(old) else size
            for place, size in enumerate(wanted)
        ]
    first, *dims = wanted if wanted else [0]
    if -1 in dims:
        known = int(np.prod([size for size in dims if size != -1]))
        free = x.width // known if known > 0 else 0
        dims = [free if size == -1 else size for size in dims]
    is_batch = first in (ROWS, -1) or (first == 1 and lower.has_batch_of_one)
    if not is_batch or any(size < 0 for size in dims) or int(np.prod(dims)) != x.width:
        raise _mixes(node, x, wanted)
    lower.set(node.outputs[0], replace(x, dims=tuple(dims)))


def _reshape_last(node: Node, lower: Lowering, x: Tensor, wanted: list[int]) -> None:
    """[1, rows], one number of each row, as [rows] or [rows, 1]."""
    if x.width != 1 or wanted[:1] not in ([-1], [ROWS]) or any(size != 1 for size in wanted[1:]):
        raise _mixes(node, x, wanted)
    lower.set(node.outputs[0], replace(x, dims=tuple(wanted[1:]), rows_are_last=False))


def _mixes(node: Node, x: Tensor, wanted: Sequence[int]) -> Exception:
    names = ["rows" if size == ROWS else size for size in wanted]
    return node.error(
        f"it gives rows of shape {list(x.dims)} the shape {names}, which does not keep rows apart."
    )


def flatten(node: Node, lower: Lowering) -> None:
    """All dimensions behind the first as one."""
    x = lower.tensor(node, 0)
    axis = node.attribute("axis", 1)
    if axis % (len(x.dims) + 1) != 1:
        raise node.error(f"it is at axis {axis}, which does not keep rows apart: wanted 1.")
    lower.set(node.outputs[0], replace(x, dims=(x.width,)))


def squeeze(node: Node, lower: Lowering) -> None:
    """Without dimensions of 1."""
    x = lower.any_tensor(node, 0)
    axes = _axes(node, lower)
    if x.rows_are_last:
        if axes not in ([0], [-2]) or x.dims != (1,):
            raise node.error(f"it removes axes {axes}, which does not keep rows apart.")
        lower.set(node.outputs[0], replace(x, dims=(), rows_are_last=False))
        return
    rank = len(x.dims) + 1
    if axes is None:
        raise node.error("it removes all dimensions of 1, and so of one row: name them.")
    places = {axis % rank for axis in axes}
    if 0 in places or any(x.dims[place - 1] != 1 for place in places):
        raise node.error(f"it removes axes {axes} of rows of shape {list(x.dims)}.")
    kept = [size for place, size in enumerate(x.dims, 1) if place not in places]
    lower.set(node.outputs[0], replace(x, dims=tuple(kept)))


def unsqueeze(node: Node, lower: Lowering) -> None:
    """With more dimensions of 1."""
    x = lower.tensor(node, 0)
    axes = _axes(node, lower)
    rank = len(x.dims) + 1 + len(axes or [])
    places = {axis % rank for axis in axes or []}
    if not places or 0 in places or len(places) != len(axes or []):
        raise node.error(f"it adds axes {axes}, which does not keep rows first.")
    sizes = iter(x.dims)
    dims = [1 if place in places else next(sizes) for place in range(1, rank)]
    lower.set(node.outputs[0], replace(x, dims=tuple(dims)))


def _axes(node: Node, lower: Lowering) -> list[int] | None:
    """An attribute at first, an input since version 13."""
    if node.has_input(1):
        return [int(axis) for axis in lower.constant(node, 1).reshape(-1)]
    found = node.attribute("axes")
    return None if found is None else [int(axis) for axis in found]


def transpose(node: Node, lower: Lowering) -> None:
    """Only one that leaves everything where it is."""
    x = lower.tensor(node, 0)
    axes = list(range(len(x.dims) + 1))
    order = node.attribute("perm")
    wanted = axes[::-1] if order is None else [int(axis) for axis in order]
    if wanted != axes:
        raise node.error(f"it puts axes in the order {wanted}, which has no native form.")
    lower.set(node.outputs[0], x)


def concat(node: Node, lower: Lowering) -> None:
    """Rows side by side."""
    parts = [lower.tensor(node, place) for place in range(len(node.inputs))]
    first = parts[0]
    axis = node.attribute("axis", 1)
    place = axis % (len(first.dims) + 1) - 1  # among dims
    if place < 0 or any(size != 1 for size in first.dims[:place]):
        raise node.error(f"it is along axis {axis}: wanted 1, the first behind the rows.")
    if any(_without(part.dims, place) != _without(first.dims, place) for part in parts):
        raise node.error("its inputs differ in their shapes behind the axis.")
    if any(part.element != first.element for part in parts):
        raise node.error("its inputs differ in their types.")
    size = sum(part.dims[place] for part in parts)
    made = _complement(node, lower, parts) or lower.joined(node, parts)
    dims = (*first.dims[:place], size, *first.dims[place + 1 :])
    lower.set(node.outputs[0], replace(made, dims=dims))


def _without(dims: tuple[int, ...], place: int) -> tuple[int, ...]:
    return (*dims[:place], *dims[place + 1 :]) if len(dims) > place else (-1,)


def _complement(node: Node, lower: Lowering, parts: list[Tensor]) -> Tensor | None:
    """[1 - p, p], which is a step of its own."""
    if len(parts) != 2 or parts[0].width != 1 or parts[0].element not in FLOATS:
        return None
    step = lower.plan.writer(parts[0].value)
    if step is None or not isinstance(step.what, AffineStep) or step.reads != (parts[1].value,):
        return None
    if step.what.offset[0] != 1 or step.what.scale[0] != -1:
        return None
    return lower.step(node, pb.Complement(), [parts[1]], parts[1].element, (2,))


def feature_vectorizer(node: Node, lower: Lowering) -> None:
    """Rows side by side, as float32."""
    parts = [lower.floats(node, place) for place in range(len(node.inputs))]
    lower.set(node.outputs[0], lower.joined(node, parts))


def gather(node: Node, lower: Lowering) -> None:
    """Columns, by constant places."""
    x = lower.tensor(node, 0)
    axis = node.attribute("axis", 0)
    places = lower.constant(node, 1)
    if len(x.dims) != 1 or axis % 2 != 1 or places.ndim > 1:
        raise node.error(f"it picks along axis {axis} of rows of shape {list(x.dims)}.")
    columns = [int(place) + (x.width if place < 0 else 0) for place in places.reshape(-1)]
    lower.set(node.outputs[0], lower.selected(node, x, columns, places.shape))


def slice_(node: Node, lower: Lowering) -> None:
    """Columns from one place to another."""
    x = lower.tensor(node, 0)
    if lower.version(node) < 10:
        starts, ends = (node.attribute(name, np.zeros(0)) for name in ("starts", "ends"))
        axes = node.attribute("axes", np.arange(len(starts)))
        steps = np.ones(len(starts), np.int64)
    else:
        starts, ends = lower.constant(node, 1), lower.constant(node, 2)
        axes = lower.constant(node, 3, np.arange(len(starts)))
        steps = lower.constant(node, 4, np.ones(len(starts), np.int64))
    if len(x.dims) != 1 or not (len(starts) == len(ends) == len(axes) == len(steps) == 1):
        raise node.error("wanted a slice of the columns of rows of one dimension.")
    if int(axes[0]) % 2 != 1 or steps[0] == 0:
        raise node.error(f"it is along axis {axes[0]}: wanted 1, the columns.")
    start, end, stride = (int(one[0]) for one in (starts, ends, steps))
    if stride < 0 and end < -x.width:
        columns = range(x.width)[start::stride]
    else:
        columns = range(x.width)[start:end:stride]
    lower.set(node.outputs[0], lower.selected(node, x, columns, (len(columns),)))


def arg_max(node: Node, lower: Lowering) -> None:
    """The place of the greatest of a row, the first of equals."""
    x = lower.numbers(node, 0)
    axis = node.attribute("axis", 0)
    if len(x.dims) != 1 or axis % 2 != 1 or node.attribute("select_last_index", 0):
        raise node.error(f"it is over axis {axis} of rows of shape {list(x.dims)}: wanted 1.")
    dims = (1,) if node.attribute("keepdims", 1) else ()
    lower.set(node.outputs[0], lower.step(node, pb.ArgMax(), [x], ox.INT64, dims))
