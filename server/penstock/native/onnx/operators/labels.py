# SPDX-License-Identifier: Apache-2.0
"""Classes and what they are called: LabelEncoder, ZipMap, and the labels of classifiers."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from penstock.native.onnx.arrays import DTYPES, Array, element_name
from penstock.native.onnx.graph import Node
from penstock.native.onnx.lowering import Lowering, Tensor
from penstock_client._proto import native_artifact_pb2 as pb
from penstock_client._proto import onnx_graph_pb2 as ox

__all__ = ["class_names", "label_at", "label_encoder", "zip_map"]

#: Names of LabelEncoder's attributes, by the type that they are of.
ENCODER_TYPES = {"strings": ox.STRING, "int64s": ox.INT64, "floats": ox.FLOAT}
DEFAULTS = {"strings": "_Unused", "int64s": -1, "floats": -0.0}


def label_at(
    node: Node, lower: Lowering, places: Tensor, labels: Array, otherwise: Any = None
) -> Tensor:
    """The label that stands at a place, -1 and such being `otherwise`, in the places' shape."""
    if labels.dtype.kind == "O":
        what = pb.Labels(strings=labels.tolist(), otherwise_string=otherwise or "")
        made = lower.step(node, what, [places], ox.STRING, places.dims)
        return lower.as_texts(made)
    element = next((one for one, dtype in DTYPES.items() if dtype == labels.dtype), ox.UNDEFINED)
    if labels.dtype.kind not in "iub" and not np.array_equal(labels, np.trunc(labels)):
        raise node.error(f"its constant holds {labels.dtype} that are no whole numbers.")
    numbers = [int(one) for one in labels]
    if otherwise is None and numbers == list(range(len(numbers))):
        return lower.converted(node, places, element)
    what = pb.Labels(numbers=numbers, otherwise_number=int(otherwise or 0))
    made = lower.step(node, what, [places], ox.INT64, places.dims)
    return lower.converted(node, made, element)


def class_names(node: Node) -> Array:
    """The labels of a classifier, in one of the attributes that they may be in."""
    for name in ("classlabels_strings", "classlabels_int64s", "classlabels_ints"):
        found = node.attribute(name)
        if found is not None and len(found):
            return _texts(found) if isinstance(found, list) else np.asarray(found)
    raise node.error("it has no labels of its classes.")


def _texts(strings: Sequence[str]) -> Array:
    texts = np.empty(len(strings), object)
    texts[:] = strings
    return texts


def label_encoder(node: Node, lower: Lowering) -> None:
    """Keys to values."""
    x = lower.tensor(node, 0)
    keys, values, otherwise = _pairs(node, x, lower.version(node))
    if len(keys) != len(values) or not len(keys):
        raise node.error(f"it has {len(keys)} keys and {len(values)} values.")
    if keys.dtype != DTYPES[x.element]:
        raise node.error(
            f"its keys are {keys.dtype} and its input is of {element_name(x.element)}."
        )
    keys, values = _firsts(keys, values, with_nan=lower.version(node) >= 4)
    is_text = x.element == ox.STRING
    places = lower.text_places(node, x, keys.tolist()) if is_text else x
    if values.dtype.kind == "O":
        if not is_text:
            places = _looked_up(node, lower, x, keys, np.arange(len(keys)), np.int64(-1))
        made = label_at(node, lower, places, values, otherwise)
    elif is_text:
        made = _looked_up(node, lower, places, np.arange(len(keys)), values, otherwise)
    else:
        made = _looked_up(node, lower, x, keys, values, otherwise)
    lower.set(node.outputs[0], made)


def _pairs(node: Node, x: Tensor, version: int) -> tuple[Array, Array, Any]:
    """Keys, values, and the value of what is no key."""
    if version < 2:
        texts = _texts(node.attribute("classes_strings", []))
        numbers = np.arange(len(texts))
        if x.element == ox.STRING:
            return texts, numbers, np.int64(node.attribute("default_int64", -1))
        return numbers, texts, node.attribute("default_string", "_Unused")
    if node.attribute("keys_tensor") is not None:
        keys, values = (
            node.attribute(name).reshape(-1) for name in ("keys_tensor", "values_tensor")
        )
        default = node.attribute("default_tensor")
        if default is None or not default.size:
            raise node.error("it has no default_tensor.")
        return keys, values, default.reshape(-1)[0]
    keys, _ = _one_of(node, "keys")
    values, kind = _one_of(node, "values")
    name = {"strings": "default_string", "int64s": "default_int64", "floats": "default_float"}[kind]
    return keys, values, node.attribute(name, DEFAULTS[kind])


def _one_of(node: Node, what: str) -> tuple[Array, str]:
    for kind in ENCODER_TYPES:
        found = node.attribute(f"{what}_{kind}")
        if found is not None:
            return (_texts(found) if kind == "strings" else found), kind
    raise node.error(f"it has no {what}.")


def _firsts(keys: Array, values: Array, *, with_nan: bool) -> tuple[Array, Array]:
    """Of equal keys the first; NaN is a key since version 4."""
    places: dict[Any, int] = {}
    for place, key in enumerate(keys.tolist()):
        is_nan = key != key
        if with_nan or not is_nan:
            places.setdefault("nan" if is_nan else key, place)
    chosen = list(places.values())
    return keys[chosen], values[chosen]


def _looked_up(
    node: Node, lower: Lowering, x: Tensor, keys: Array, values: Array, otherwise: Any
) -> Tensor:
    """A step Lookup: its keys ascend, NaN last."""
    element = next((one for one, dtype in DTYPES.items() if dtype == values.dtype), ox.UNDEFINED)
    if element not in (ox.FLOAT, ox.DOUBLE, ox.INT64) or keys.dtype.kind not in "if":
        raise node.error(f"{keys.dtype} to {values.dtype} has no native form.")
    order = np.argsort(keys, kind="stable")
    key_dtype = np.dtype(DTYPES[x.element]).newbyteorder("<").str
    value_dtype = values.dtype.newbyteorder("<").str
    what = pb.Lookup(
        keys=lower.blob(keys[order], key_dtype),
        values=lower.blob(values[order], value_dtype),
        otherwise=lower.blob(np.array([otherwise], values.dtype), value_dtype),
    )
    return lower.step(node, what, [x], element, x.dims)


def zip_map(node: Node, lower: Lowering) -> None:
    """Dictionaries, which no tensor holds. CatBoost always writes one: it is left out."""
    if lower.producer == "CatBoost":
        lower.set(node.outputs[0], lower.tensor(node, 0))
        return
    raise node.error(
        "it makes dictionaries, which no tensor holds: "
        "export with skl2onnx's option zipmap=False, or onnxmltools' zipmap=False."
    )
