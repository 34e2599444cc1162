# SPDX-License-Identifier: Apache-2.0
"""Datatypes by Triton's numbers and names, and BYTES tensors as bytes."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "BYTES",
    "TRITON_STRING_TO_NUMPY",
    "TYPE_NUMBERS",
    "deserialize_bytes_tensor",
    "numpy_to_triton_type",
    "serialize_byte_tensor",
    "triton_string_to_numpy",
    "triton_to_numpy_type",
]

BYTES = 13
BF16 = 14
LENGTH_BYTES = 4

#: Triton's numbers, which begin at 1; BF16 is no type of numpy's.
_TYPES: tuple[tuple[str, type[np.generic]], ...] = (
    ("BOOL", np.bool_),
    ("UINT8", np.uint8),
    ("UINT16", np.uint16),
    ("UINT32", np.uint32),
    ("UINT64", np.uint64),
    ("INT8", np.int8),
    ("INT16", np.int16),
    ("INT32", np.int32),
    ("INT64", np.int64),
    ("FP16", np.float16),
    ("FP32", np.float32),
    ("FP64", np.float64),
    ("BYTES", np.object_),
)

#: The protocol's name of a datatype -> Triton's number.
TYPE_NUMBERS: Mapping[str, int] = MappingProxyType(
    {name: number for number, (name, _) in enumerate(_TYPES, 1)} | {"BF16": BF16}
)

#: The name in a configuration -> the type of numpy's.
TRITON_STRING_TO_NUMPY: dict[str, Any] = {
    f"TYPE_{'STRING' if name == 'BYTES' else name}": bool if name == "BOOL" else kind
    for name, kind in _TYPES
}

_NUMBER_OF_TYPE: dict[Any, int] = {kind: number for number, (_, kind) in enumerate(_TYPES, 1)}
#: The same by dtype: what arrays have, and a look-up is all it takes.
_NUMBER_OF_DTYPE: dict[Any, int] = {np.dtype(kind): n for kind, n in _NUMBER_OF_TYPE.items()}


def triton_string_to_numpy(triton_type_string: str) -> Any:
    """numpy's type for a data_type of a configuration, such as TYPE_FP32."""
    return TRITON_STRING_TO_NUMPY[triton_type_string]


def triton_to_numpy_type(data_type: int) -> Any:
    """numpy's type for one of Triton's numbers; None if it has none."""
    return _TYPES[data_type - 1][1] if 1 <= data_type <= len(_TYPES) else None


def numpy_to_triton_type(data_type: Any) -> int | None:
    """Triton's number for a dtype or type of numpy's; None if it has none."""
    number = _NUMBER_OF_DTYPE.get(data_type)
    if number is None:
        dtype = np.dtype(data_type)
        number = _NUMBER_OF_DTYPE.get(dtype, BYTES if dtype.kind == "S" else None)
    return number


def serialize_byte_tensor(input_tensor: NDArray[Any]) -> Any:
    """The elements of a BYTES tensor in C order, each behind its length: a bytes object.

    As Triton has it: an empty tensor gives an empty tuple, and one that is no BYTES tensor None.
    """
    if input_tensor.size == 0:
        return ()
    if input_tensor.dtype.kind not in "OS":
        return None
    parts = []
    for element in input_tensor.ravel().tolist():
        content = element if isinstance(element, bytes) else str(element).encode()
        parts += [len(content).to_bytes(LENGTH_BYTES, "little"), content]
    return b"".join(parts)


def deserialize_bytes_tensor(encoded_tensor: Any) -> NDArray[np.object_]:
    """The reverse: an array of bytes objects, of one dimension."""
    content = bytes(encoded_tensor)
    elements = []
    at = 0
    while at < len(content):
        start = at + LENGTH_BYTES
        at = start + int.from_bytes(content[at:start], "little")
        if start > len(content) or at > len(content):
            raise ValueError("the tensor ends within an element")
        elements.append(content[start:at])
    array = np.empty(len(elements), np.object_)
    array[:] = elements
    return array
