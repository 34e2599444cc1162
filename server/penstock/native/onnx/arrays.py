# SPDX-License-Identifier: Apache-2.0
"""Tensors of an ONNX file as numpy arrays, and the types of elements."""

from typing import Any

import numpy as np
import numpy.typing as npt

from penstock.errors import ModelFileError, NotCompiledError
from penstock_client._proto import native_artifact_pb2 as pb
from penstock_client._proto import onnx_graph_pb2 as ox

__all__ = ["DATATYPES", "DTYPES", "Array", "array_of", "element_name", "kind_of", "text_of"]

Array = npt.NDArray[Any]

#: Type of elements -> numpy's; texts are Python's strings.
DTYPES: dict[int, np.dtype[Any]] = {
    ox.FLOAT: np.dtype(np.float32),
    ox.UINT8: np.dtype(np.uint8),
    ox.INT8: np.dtype(np.int8),
    ox.UINT16: np.dtype(np.uint16),
    ox.INT16: np.dtype(np.int16),
    ox.INT32: np.dtype(np.int32),
    ox.INT64: np.dtype(np.int64),
    ox.STRING: np.dtype(object),
    ox.BOOL: np.dtype(np.bool_),
    ox.FLOAT16: np.dtype(np.float16),
    ox.DOUBLE: np.dtype(np.float64),
    ox.UINT32: np.dtype(np.uint32),
    ox.UINT64: np.dtype(np.uint64),
}

#: Type of elements that a value of a compiled model may have -> V2's name of it.
DATATYPES: dict[int, str] = {
    ox.FLOAT: "FP32",
    ox.DOUBLE: "FP64",
    ox.INT64: "INT64",
    ox.INT32: "INT32",
    ox.UINT8: "UINT8",
    ox.BOOL: "BOOL",
    ox.STRING: "BYTES",
}

ELEMENTS_MAX = 1 << 28


def element_name(element: int) -> str:
    """The type's name in ONNX, for messages."""
    return ox.ElementType.Name(element).lower() if element in DTYPES else f"type {element}"


def kind_of(element: int) -> pb.Kind | None:
    """The kind of a value with such elements; None: there is none."""
    match element:
        case ox.FLOAT:
            return pb.FLOAT32
        case ox.DOUBLE:
            return pb.FLOAT64
        case ox.STRING:
            return pb.TEXT
        case _ if element in DATATYPES:
            return pb.INT64
    return None


def array_of(tensor: ox.Tensor) -> Array:
    """A constant. Raises ModelFileError where its size is not that of its shape."""
    name = tensor.name
    if tensor.data_location == ox.Tensor.EXTERNAL:
        raise NotCompiledError(
            f"its constant {name!r} is kept in another file: "
            "save the model with its constants inside."
        )
    dtype = DTYPES.get(tensor.data_type)
    if dtype is None:
        raise NotCompiledError(
            f"its constant {name!r} is of {element_name(tensor.data_type)}, "
            "which has no native form."
        )
    shape = tuple(tensor.dims)
    # A dimension of 0 does not make the others any better.
    elements = np.prod([max(size, 1) for size in shape], dtype=np.float64)
    if any(size < 0 for size in shape) or elements > ELEMENTS_MAX:
        raise ModelFileError(f"its constant {name!r} has shape {list(shape)}, which is too large.")
    flat = _flat(tensor, dtype)
    if flat.size != int(np.prod(shape, dtype=np.int64)):
        raise ModelFileError(
            f"its constant {name!r} has {flat.size} elements: its shape {list(shape)} wants others."
        )
    return flat.reshape(shape)


def _flat(tensor: ox.Tensor, dtype: np.dtype[Any]) -> Array:
    if tensor.data_type == ox.STRING:
        texts = np.empty(len(tensor.string_data), object)
        texts[:] = [text_of(one) for one in tensor.string_data]
        return texts
    if tensor.raw_data:
        if len(tensor.raw_data) % dtype.itemsize:
            raise ModelFileError(f"its constant {tensor.name!r} ends within an element.")
        return np.frombuffer(tensor.raw_data, dtype.newbyteorder("<")).astype(dtype)
    match tensor.data_type:
        case ox.FLOAT:
            return np.array(tensor.float_data, dtype)
        case ox.DOUBLE:
            return np.array(tensor.double_data, dtype)
        case ox.INT64:
            return np.array(tensor.int64_data, dtype)
        case ox.UINT32 | ox.UINT64:
            return np.array(tensor.uint64_data, np.uint64).astype(dtype)
        case ox.FLOAT16:
            return np.array(tensor.int32_data, np.int32).astype(np.uint16).view(dtype)
    return np.array(tensor.int32_data, np.int32).astype(dtype)


def text_of(text: bytes) -> str:
    """A string of the file. Raises ModelFileError if it is not UTF-8."""
    try:
        return text.decode()
    except UnicodeDecodeError:
        raise ModelFileError(f"its string {text[:40]!r} is not UTF-8.") from None
