# SPDX-License-Identifier: Apache-2.0
"""Tensors from a command line: NAME=JSON or NAME=@FILE.npy, in the datatype the model wants."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from penstock.backends.python_class import NUMPY_TYPES
from penstock.errors import OptionsError
from penstock_client import Bfloat16, ModelMetadata, TensorMetadata

__all__ = ["Tensor", "read_inputs"]

Tensor = NDArray[Any] | Bfloat16


def read_inputs(texts: Sequence[str], metadata: ModelMetadata) -> dict[str, Tensor]:
    """The inputs that `texts` give. Raises OptionsError with the input and what it should be."""
    declared = {tensor.name: tensor for tensor in metadata.inputs}
    inputs: dict[str, Tensor] = {}
    for text in texts:
        name, has_value, value = text.partition("=")
        if not has_value:
            raise OptionsError(f"--input: wanted NAME=VALUE, found {text!r}.")
        if name not in declared:
            raise OptionsError(
                f"--input: {metadata.name} has no input {name!r}; it has {_described(declared)}."
            )
        inputs[name] = _tensor(value, declared[name])
    if not inputs and declared:
        raise OptionsError(
            f"{metadata.name} wants {_described(declared)}: give --input NAME=VALUE."
        )
    return inputs


def _tensor(text: str, wanted: TensorMetadata) -> Tensor:
    loaded = _array_file(Path(text[1:])) if text.startswith("@") else _json(text, wanted)
    try:
        if wanted.datatype == "BF16":
            return Bfloat16.from_float32(loaded.astype(np.float32))
        return loaded.astype(NUMPY_TYPES[wanted.datatype])
    except (TypeError, ValueError, OverflowError) as error:
        raise OptionsError(f"--input {wanted.name}: wanted {wanted.datatype}: {error}.") from None


def _json(text: str, wanted: TensorMetadata) -> NDArray[Any]:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise OptionsError(
            f"--input {wanted.name}: wanted JSON, such as [[1, 2]], or @FILE.npy, found {text!r}: "
            f"{error}."
        ) from None
    try:
        array = np.asarray(value, dtype=object if wanted.datatype == "BYTES" else None)
    except ValueError:
        raise OptionsError(
            f"--input {wanted.name}: the lists inside one another differ in length: {text}."
        ) from None
    # A single row may be written without the brackets of the batch.
    return array[np.newaxis] if array.ndim == len(wanted.shape) - 1 else array


def _array_file(path: Path) -> NDArray[Any]:
    try:
        array = np.load(path, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise OptionsError(f"{path}: is no array file of numpy: {error}.") from None
    if not isinstance(array, np.ndarray):
        raise OptionsError(f"{path}: holds several arrays; wanted one, saved by numpy.save.")
    return array


def _described(declared: Mapping[str, TensorMetadata]) -> str:
    return ", ".join(f"{t.name}: {t.datatype}{list(t.shape)}" for t in declared.values())
