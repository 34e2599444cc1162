# SPDX-License-Identifier: Apache-2.0
"""The requests of a load test: rows of given arrays, or random ones, the same every time."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from penstock.backends.python_class import NUMPY_TYPES
from penstock.commands.tensors import Tensor, read_inputs
from penstock.errors import OptionsError
from penstock_client import Bfloat16, ModelMetadata, TensorMetadata

__all__ = ["Answer", "Request", "make_requests", "right_answers"]

Request = dict[str, Tensor]
Answer = dict[str, NDArray[Any]]

RANDOM_REQUESTS = 64
ANY_SIZE = 8  # what a dimension of any size, other than the rows, is given in random tensors


def make_requests(texts: Sequence[str], metadata: ModelMetadata, rows: int) -> list[Request]:
    """Requests of `rows` rows each: `texts` cut into rows, or random ones if there are none.

    A model that does not batch takes each input whole. Raises OptionsError if the inputs do not
    have the same number of rows, or too few.
    """
    if not texts:
        random = np.random.default_rng(0)
        return [
            {tensor.name: _random(tensor, rows, random) for tensor in metadata.inputs}
            for _ in range(RANDOM_REQUESTS)
        ]
    inputs = read_inputs(texts, metadata)
    if not _batches(metadata):
        return [inputs]
    counts = {name: _rows_of(tensor) for name, tensor in inputs.items()}
    if len(set(counts.values())) > 1 or min(counts.values()) < rows:
        raise OptionsError(
            f"--input: wanted arrays of equally many rows, at least {rows}: {counts}."
        )
    starts = range(0, min(counts.values()) - rows + 1, rows)
    return [
        {name: _slice(tensor, start, rows) for name, tensor in inputs.items()} for start in starts
    ]


def right_answers(path: Path, count: int, metadata: ModelMetadata, rows: int) -> Iterator[Answer]:
    """The right outputs for `count` requests, from an .npz file of arrays by output's name."""
    try:
        arrays: Mapping[str, NDArray[Any]] = dict(np.load(path, allow_pickle=False).items())
    except (OSError, ValueError, AttributeError) as error:
        raise OptionsError(f"--expect {path}: is no .npz file of numpy: {error}.") from None
    if not _batches(metadata):
        yield from (dict(arrays) for _ in range(count))
        return
    for name, array in arrays.items():
        if len(array) < count * rows:
            raise OptionsError(
                f"--expect {path}: {name!r} has {len(array)} rows: wanted {count * rows}."
            )
    for start in range(0, count * rows, rows):
        yield {name: array[start : start + rows] for name, array in arrays.items()}


def _batches(metadata: ModelMetadata) -> bool:
    return all(tensor.shape[:1] == (-1,) for tensor in metadata.inputs)


def _rows_of(tensor: Tensor) -> int:
    array = tensor.bits if isinstance(tensor, Bfloat16) else tensor
    return len(array) if array.ndim else 0


def _slice(tensor: Tensor, start: int, rows: int) -> Tensor:
    if isinstance(tensor, Bfloat16):
        return Bfloat16(tensor.bits[start : start + rows])
    return tensor[start : start + rows]


def _random(tensor: TensorMetadata, rows: int, random: np.random.Generator) -> Tensor:
    shape = [ANY_SIZE if size == -1 else size for size in tensor.shape]
    if tensor.shape[:1] == (-1,):
        shape[0] = rows
    match tensor.datatype:
        case "BF16":
            return Bfloat16.from_float32(random.standard_normal(shape, dtype=np.float32))
        case "FP16" | "FP32" | "FP64":
            return random.standard_normal(shape).astype(NUMPY_TYPES[tensor.datatype])
        case "BYTES":
            texts = [f"text {number}".encode() for number in random.integers(0, 1000, shape).flat]
            return np.array(texts, dtype=np.object_).reshape(shape)
        case name:
            # Small and not negative: good as indices, counts and truth values alike.
            return random.integers(0, 2, shape).astype(NUMPY_TYPES[name])
