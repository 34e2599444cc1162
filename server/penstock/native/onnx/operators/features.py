# SPDX-License-Identifier: Apache-2.0
"""What prepares features: Scaler, Normalizer, Imputer, OneHotEncoder, Binarizer and columns."""

from dataclasses import replace

import numpy as np

from penstock.native.onnx.arrays import DTYPES, Array
from penstock.native.onnx.graph import Node
from penstock.native.onnx.lowering import WIDTH_MAX, Lowering, Tensor
from penstock.native.onnx.operators.labels import label_at
from penstock.native.onnx.steps import AffineStep
from penstock_client._proto import native_artifact_pb2 as pb
from penstock_client._proto import onnx_graph_pb2 as ox

__all__ = [
    "array_feature_extractor",
    "binarizer",
    "imputer",
    "normalizer",
    "one_hot_encoder",
    "scaler",
]


def scaler(node: Node, lower: Lowering) -> None:
    """(x - offset) * scale; of float32, whatever x is."""
    x = lower.tensor(node, 0)
    if x.element != ox.DOUBLE:
        x = lower.floats(node, 0)
    offset, scale = (_per_column(node, x, name) for name in ("offset", "scale"))
    made = lower.step(node, AffineStep(offset=offset, scale=scale), [x], x.element, x.dims)
    lower.set(node.outputs[0], lower.converted(node, made, ox.FLOAT))


def _per_column(node: Node, x: Tensor, name: str) -> Array:
    found = node.attribute(name)
    if found is None or len(found) not in (1, x.width) or len(x.dims) != 1:
        count = 0 if found is None else len(found)
        raise node.error(f"it has {count} elements of {name}: wanted 1 or {x.width}.")
    return np.broadcast_to(found.astype(DTYPES[x.element]), (x.width,))


def normalizer(node: Node, lower: Lowering) -> None:
    """Each row over its norm. ONNX Runtime takes the greatest x for MAX, not the greatest |x|."""
    x = lower.floats(node, 0)
    norms = {"L1": pb.Normalize.L1, "L2": pb.Normalize.L2}
    name = node.attribute("norm", "MAX")
    if name not in norms or len(x.dims) != 1:
        raise node.error(f"its norm {name} has no native form: wanted L1 or L2 of a row.")
    what = pb.Normalize(norm=norms[name])
    lower.set(node.outputs[0], lower.step(node, what, [x], ox.FLOAT, x.dims))


def imputer(node: Node, lower: Lowering) -> None:
    """A replacement where x is missing."""
    x = lower.tensor(node, 0)
    if x.element == ox.INT64:
        replacement = node.attribute("imputed_value_int64s")
        missing = float(node.attribute("replaced_value_int64", 0))
    else:
        x = lower.numbers(node, 0)
        replacement = node.attribute("imputed_value_floats")
        missing = node.attribute("replaced_value_float", 0.0)
    if replacement is None or len(replacement) not in (1, x.width) or abs(missing) > 1 << 53:
        raise node.error(f"wanted replacements, 1 or {x.width}, for what is missing.")
    values = np.broadcast_to(replacement.astype(DTYPES[x.element]), (x.width,))
    dtype = values.dtype.newbyteorder("<").str
    what = pb.Impute(missing=missing, replacement=lower.blob(values, dtype))
    lower.set(node.outputs[0], lower.step(node, what, [x], x.element, x.dims))


def one_hot_encoder(node: Node, lower: Lowering) -> None:
    """A column of 0 and 1 for each category, all of the same categories."""
    x = lower.tensor(node, 0)
    if x.element == ox.STRING:
        strings = node.attribute("cats_strings")
        if not strings:
            raise node.error("it has no categories of texts, which its input is of.")
        categories = np.arange(len(strings))
        places = lower.text_places(node, x, strings)
    else:
        categories = node.attribute("cats_int64s")
        if categories is None or not len(categories):
            raise node.error("it has no categories of numbers, which its input is of.")
        places = lower.converted(node, x, ox.INT64)
    if len({*map(str, strings if x.element == ox.STRING else categories)}) != len(categories):
        raise node.error("a category stands twice among its categories.")
    if not node.attribute("zeros", 1):
        raise node.error(
            "it fails on a value that is no category (zeros=0), which has no native form."
        )
    if len(categories) * x.width > WIDTH_MAX:
        raise node.error(
            f"its output has {len(categories) * x.width} columns: wanted {WIDTH_MAX} at most."
        )
    what = pb.OneHot(
        counts=[len(categories)] * x.width,
        categories=lower.blob(np.tile(categories, x.width), "<i8"),
    )
    dims = (*x.dims, len(categories))
    lower.set(node.outputs[0], lower.step(node, what, [places], ox.FLOAT, dims))


def binarizer(node: Node, lower: Lowering) -> None:
    """1 where x is above a threshold, of x's type."""
    x = lower.numbers(node, 0)
    what = pb.Threshold(threshold=node.attribute("threshold", 0.0))
    made = lower.step(node, what, [x], ox.INT64, x.dims)
    lower.set(node.outputs[0], lower.converted(node, made, x.element))


def array_feature_extractor(node: Node, lower: Lowering) -> None:
    """Columns by constant places; or, of a constant row, the element that a row's place names."""
    if lower.is_constant(node.inputs[0]):
        labels = lower.constant(node, 0).reshape(-1)
        places = lower.tensor(node, 1)
        if places.width != 1 or places.element not in (ox.INT64, ox.INT32):
            raise node.error("wanted one place of each row in the constant.")
        made = label_at(node, lower, places, labels)
        lower.set(node.outputs[0], replace(made, dims=(1,), rows_are_last=True))
        return
    x = lower.tensor(node, 0)
    columns = lower.constant(node, 1).reshape(-1).tolist()
    if len(x.dims) != 1:
        raise node.error(f"its rows are of shape {list(x.dims)}: wanted one dimension.")
    lower.set(node.outputs[0], lower.selected(node, x, columns, (len(columns),)))
