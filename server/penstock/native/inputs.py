# SPDX-License-Identifier: Apache-2.0
"""From whatever holds rows to arrays as the core reads them.

Rows are read where they lie if they are what the input wants, one after the other: an array of
numpy's, a column of Arrow's (of fixed-size lists, where a row has several elements), a data frame
that was made of one array. Anything else is copied once, and no number becomes another one by it
but for what float32 rounds. Knows neither pandas nor Arrow: it asks for what they have in common.
"""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from penstock.errors import EngineError

__all__ = ["Array", "Tensor", "rows_of"]

Array = npt.NDArray[Any]

#: V2's datatypes that compiled models have -> numpy's.
DTYPES: Mapping[str, Any] = {
    "BOOL": np.dtype(np.bool_),
    "UINT8": np.dtype(np.uint8),
    "INT32": np.dtype(np.int32),
    "INT64": np.dtype(np.int64),
    "FP32": np.dtype(np.float32),
    "FP64": np.dtype(np.float64),
    "BYTES": np.dtype(object),
}
#: Kinds of numpy's: bool, integers, floats; and those of text.
NUMBER_KINDS = "biuf"
TEXT_KINDS = "SUT"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tensor:
    """An input or an output. `dims` leave out the rows: () is a number for each row."""

    name: str
    datatype: str
    dims: tuple[int, ...]


@runtime_checkable
class _Table(Protocol):
    """What pandas' and Arrow's tables have in common, as far as it is needed here."""

    @property
    def columns(self) -> Any:
        """Of pandas the names, of Arrow the columns themselves."""

    def __getitem__(self, name: str, /) -> Any:
        """A column."""


def rows_of(data: Any, inputs: Sequence[Tensor]) -> tuple[int, list[Array]]:
    """How many rows `data` has, and an array for each input, text as the core reads it.

    Raises EngineError that says what was wanted and what was found.
    """
    if len(inputs) == 1 and _fits(data, inputs[0]):
        return len(data), [data]
    arrays = [
        _fitted(found, tensor) for found, tensor in zip(_sources(data, inputs), inputs, strict=True)
    ]
    rows = len(arrays[0])
    for array, tensor in zip(arrays, inputs, strict=True):
        if len(array) != rows:
            raise _refusal(
                f"wanted as many rows of every input; {inputs[0].name!r} has {rows}, "
                f"{tensor.name!r} has {len(array)}."
            )
    encoded = [
        _encoded(array, tensor) if array.dtype == object else array
        for array, tensor in zip(arrays, inputs, strict=True)
    ]
    return rows, encoded


def _fits(data: Any, tensor: Tensor) -> bool:
    """Whether it is an array as the core reads it: most calls end here, and cost least."""
    return (
        type(data) is np.ndarray
        and data.dtype == DTYPES[tensor.datatype]
        and data.dtype.kind != "O"
        and data.ndim > 0
        and data.shape[1:] == tensor.dims
        and bool(data.flags.c_contiguous)
    )


def _refusal(why: str) -> EngineError:
    return EngineError(why, code="INVALID_ARGUMENT")


def _sources(data: Any, inputs: Sequence[Tensor]) -> list[Any]:
    """Something like an array for each input, in order."""
    if isinstance(data, Mapping):
        return _by_name(data, list(data), inputs)
    if hasattr(data, "columns") and isinstance(data, _Table):
        names = [str(name) for name in getattr(data, "column_names", data.columns)]
        if len(inputs) == 1 and inputs[0].name not in names:
            return [_side_by_side(data, inputs[0])]
        return _by_name(data, names, inputs)
    if len(inputs) == 1:
        return [data]
    raise _refusal(
        f"the model has {len(inputs)} inputs: wanted a mapping from their names to arrays, "
        f"found {type(data).__name__}."
    )


def _by_name(data: Any, names: list[str], inputs: Sequence[Tensor]) -> list[Any]:
    for tensor in inputs:
        if tensor.name not in names:
            raise _refusal(
                f"wanted input {tensor.name!r}; found {', '.join(map(repr, names)) or 'none'}."
            )
    return [data[tensor.name] for tensor in inputs]


def _side_by_side(table: Any, tensor: Tensor) -> Array:
    """The columns of a table as the rows of one input."""
    if not hasattr(table, "column_names"):
        array = np.asarray(table)
        if array.dtype != object or tensor.datatype == "BYTES":
            return array
    names = getattr(table, "column_names", None) or list(table.columns)
    if not names:
        return np.empty((len(table), 0), DTYPES[tensor.datatype])
    rows = np.empty((len(table), len(names)), DTYPES[tensor.datatype])
    for place, name in enumerate(names):
        rows[:, place] = _converted(_array_of(table[name]), tensor, f"column {name!r}")
    return rows


def _array_of(data: Any) -> Array:
    """Whatever has elements as an array, of Arrow's without a copy where that is possible."""
    if hasattr(data, "num_chunks"):
        data = data.chunk(0) if data.num_chunks == 1 else data.combine_chunks()
    data = getattr(data, "storage", data)  # of Arrow's tensors: lists
    width = getattr(getattr(data, "type", None), "list_size", None)
    if isinstance(width, int):
        if data.null_count:
            raise ValueError(f"{data.null_count} of its rows are null")
        elements = _array_of(data.flatten())
        return elements.reshape(len(data), width, *elements.shape[1:])
    array = np.asarray(data)
    if array.dtype == object and array.ndim == 1 and len(array) and _is_list(array[0]):
        return np.array([_array_of(row) for row in array])  # a column of lists
    return array


def _is_list(value: Any) -> bool:
    return isinstance(value, list | tuple | np.ndarray)


def _fitted(data: Any, tensor: Tensor) -> Array:
    """`data` as the input wants it: copied only if it is not so already."""
    try:
        array = _array_of(data)
    except (TypeError, ValueError) as error:
        raise _refusal(f"input {tensor.name!r} is no {tensor.datatype}: {error}.") from None
    if array.ndim == 0:
        raise _refusal(f"input {tensor.name!r}: wanted rows, found one element.")
    # A column for each row is as good as a number for each.
    if array.shape[1:] != tensor.dims:
        if not np.prod(array.shape[1:]) == 1 == np.prod(tensor.dims):
            raise _refusal(
                f"input {tensor.name!r}: wanted rows of shape {list(tensor.dims)}, found an array "
                f"of shape {list(array.shape)}."
            )
        array = array.reshape(len(array), *tensor.dims)
    return np.ascontiguousarray(_converted(array, tensor, f"input {tensor.name!r}"))


def _converted(array: Array, tensor: Tensor, who: str) -> Array:
    """The same elements of the input's datatype; `who` they are, for messages."""
    dtype = DTYPES[tensor.datatype]
    if array.dtype == dtype:
        return array
    is_text = dtype.kind == "O"
    if array.dtype.kind not in (TEXT_KINDS if is_text else NUMBER_KINDS) and array.dtype != object:
        raise _refusal(f"{who} is no {tensor.datatype}: its elements are {array.dtype}.")
    try:
        with np.errstate(invalid="ignore", over="ignore"):
            made = np.ascontiguousarray(array, dtype)
    except (TypeError, ValueError, OverflowError) as error:
        raise _refusal(f"{who} is no {tensor.datatype}: {error}.") from None
    if dtype.kind in "biu" and not np.array_equal(made, array):
        odd = array[made != array].flat[0]
        raise _refusal(f"{who} is no {tensor.datatype}: it has {odd}.")
    return made


def _encoded(array: Array, tensor: Tensor) -> npt.NDArray[np.uint8]:
    """Each element behind its length. Text is UTF-8."""
    pieces = []
    for element in array.flat:
        if isinstance(element, str):
            element = element.encode()
        elif not isinstance(element, bytes):
            raise _refusal(f"input {tensor.name!r}: wanted text, str or bytes; found {element!r}.")
        pieces += [struct.pack("<I", len(element)), element]
    return np.frombuffer(b"".join(pieces), np.uint8)
