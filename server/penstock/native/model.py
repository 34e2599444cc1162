# SPDX-License-Identifier: Apache-2.0
"""Runs a compiled model in this process, without a server: arrays in, arrays out.

An array of the input's own datatype whose rows lie one after the other is read where it lies;
anything else is copied once. While the model computes, other Python threads go on.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from penstock.backends.onnxruntime_library import find_onnxruntime
from penstock.errors import ArtifactError, EngineError

try:
    from penstock import _core
except ImportError as error:  # pragma: no cover - a broken installation
    raise EngineError(
        f"The native core cannot be loaded ({error}): `pip install .` or `make setup` builds it.",
        code="FAILED_PRECONDITION",
    ) from error

__all__ = ["NativeModel", "Signature", "Tensor"]

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


@runtime_checkable
class _Table(Protocol):
    """What pandas' and Arrow's tables have in common, as far as it is needed here."""

    @property
    def columns(self) -> Any:
        """Of pandas the names, of Arrow the columns themselves."""

    def __getitem__(self, name: str, /) -> Any:
        """A column."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tensor:
    """An input or an output. `dims` leave out the rows: () is a number for each row."""

    name: str
    datatype: str
    dims: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """What a model reads and what it answers."""

    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]


class NativeModel:
    """A compiled model that is ready. Any thread may use it, at the same time as others."""

    def __init__(self, path: Path) -> None:
        """Raises ArtifactError, which names the file, if it is no compiled model."""
        try:
            library = find_onnxruntime()
            self._core = _core.NativeModel(str(path), str(library.path) if library else "")
        except _core.CoreError as error:
            raise ArtifactError(str(error)) from None
        self.signature = Signature(
            inputs=_tensors(self._core.inputs), outputs=_tensors(self._core.outputs)
        )

    def predict(self, data: Any) -> Any:
        """What the model says of rows.

        `data` is an array, of a model with one input; a mapping from inputs to arrays; or a table
        of pandas or Arrow. A table's columns are the inputs, by name, or together the rows of the
        one input, in order. The answer is an array, or a dict of them by name where the model has
        several outputs. Raises EngineError that says what was wanted and what was found.
        """
        rows, arrays = self._rows(data)
        try:
            answers = self._core.run(rows, arrays)
        except _core.CoreError as error:
            raise EngineError(str(error), code=error.code) from None
        if len(answers) == 1:
            return answers[0]
        return {
            tensor.name: answer
            for tensor, answer in zip(self.signature.outputs, answers, strict=True)
        }

    def least_ns(self, data: Any, *, seconds: float = 0.05) -> float:
        """Nanoseconds that the core needs for `data`, without what Python adds to a call: the least
        of many short trials, which go on for `seconds`.
        """
        rows, arrays = self._rows(data)
        try:
            return self._core.least_ns(rows, arrays, seconds)
        except _core.CoreError as error:
            raise EngineError(str(error), code=error.code) from None

    def _rows(self, data: Any) -> tuple[int, list[Array]]:
        """How many rows `data` has, and an array for each input, in order, as the core reads it."""
        arrays = [
            _fitted(array, tensor)
            for array, tensor in zip(self._arrays(data), self.signature.inputs, strict=True)
        ]
        rows = len(arrays[0])
        for array, tensor in zip(arrays, self.signature.inputs, strict=True):
            if len(array) != rows:
                raise _refusal(
                    f"wanted as many rows of every input; {self.signature.inputs[0].name!r} has "
                    f"{rows}, {tensor.name!r} has {len(array)}."
                )
        encoded = [_encoded(array) if array.dtype == object else array for array in arrays]
        return rows, encoded

    def _arrays(self, data: Any) -> list[Any]:
        """Something like an array for each input, in order."""
        inputs = self.signature.inputs
        if isinstance(data, Mapping):
            return _by_name(data, list(data), inputs)
        if hasattr(data, "columns") and isinstance(data, _Table):
            names = [str(name) for name in getattr(data, "column_names", data.columns)]
            if set(names) >= {tensor.name for tensor in inputs}:
                return _by_name(data, names, inputs)
            if len(inputs) == 1:
                return [_rows_of(data, names)]
            return _by_name(data, names, inputs)
        if len(inputs) == 1:
            return [data]
        raise _refusal(
            f"the model has {len(inputs)} inputs: wanted a mapping from their names to arrays, "
            f"found {type(data).__name__}."
        )


def _tensors(specs: list[_core.TensorSpec]) -> tuple[Tensor, ...]:
    return tuple(
        Tensor(name=spec.name, datatype=spec.datatype, dims=tuple(spec.dims)) for spec in specs
    )


def _refusal(why: str) -> EngineError:
    return EngineError(why, code="INVALID_ARGUMENT")


def _by_name(data: Any, names: list[str], inputs: tuple[Tensor, ...]) -> list[Any]:
    for tensor in inputs:
        if tensor.name not in names:
            raise _refusal(
                f"wanted input {tensor.name!r}; found {', '.join(map(repr, names)) or 'none'}."
            )
    return [data[tensor.name] for tensor in inputs]


def _rows_of(table: Any, names: list[str]) -> Array:
    """The columns of a table side by side. pandas' own way costs nothing where it can."""
    if hasattr(table, "column_names"):
        columns = [np.asarray(table[name]) for name in names]
        return np.stack(columns, axis=1) if columns else np.empty((len(table), 0))
    return np.asarray(table)


def _fitted(data: Any, tensor: Tensor) -> Array:
    """`data` as the input wants it: copied only if it is not so already."""
    dtype = DTYPES[tensor.datatype]
    try:
        array = np.asarray(data)
        if array.ndim == 0:
            raise _refusal(f"input {tensor.name!r}: wanted rows, found one element.")
        if array.dtype != dtype or not array.flags.c_contiguous:
            array = np.ascontiguousarray(array, dtype)
    except (TypeError, ValueError) as error:
        raise _refusal(f"input {tensor.name!r} is no {tensor.datatype}: {error}.") from None
    # A column for each row is as good as a number for each.
    if array.shape[1:] != tensor.dims:
        if np.prod(array.shape[1:]) == 1 == np.prod(tensor.dims):
            return array.reshape(len(array), *tensor.dims)
        raise _refusal(
            f"input {tensor.name!r}: wanted rows of shape {list(tensor.dims)}, found an array of "
            f"shape {list(array.shape)}."
        )
    return array


def _encoded(array: Array) -> npt.NDArray[np.uint8]:
    """Each element behind its length. Text is UTF-8."""
    pieces = []
    for element in array.flat:
        content = element if isinstance(element, bytes) else str(element).encode()
        pieces += [struct.pack("<I", len(content)), content]
    return np.frombuffer(b"".join(pieces), np.uint8)
