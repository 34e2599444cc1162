# SPDX-License-Identifier: Apache-2.0
"""Tensors in memory that a worker shares with its server, as cpp/model/worker_message.h draws them.

Sizes and places were written by the server, so they are taken as they are; the server checks every
one that a worker writes.
"""

import mmap
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from penstock.backends.python_class import NUMPY_TYPES, Arrays
from penstock.errors import BackendError
from penstock.repository.plan import TensorPlan

__all__ = ["Answers", "Requests", "TooLargeError"]

ALIGNMENT = 64
WORD_BYTES = 8
LEFT_OUT = -1
LENGTH_BYTES = 4
ELEMENT_BYTES_MAX = 2**32 - 1


class TooLargeError(BackendError):
    """The outputs of a batch do not fit the memory that may be shared."""

    code = "RESOURCE_EXHAUSTED"


class Requests:
    """What the server writes."""

    def __init__(self, descriptor: int) -> None:
        self.tensors: Sequence[TensorPlan] = ()
        self._descriptor = descriptor
        self._memory = self._mapped()

    def _mapped(self) -> mmap.mmap:
        # A model may keep a view of an earlier batch: its mapping lives on, only this one is newer.
        return mmap.mmap(self._descriptor, 0, access=mmap.ACCESS_READ)

    def _at_least(self, size: int) -> mmap.mmap:
        if size > len(self._memory):
            self._memory = self._mapped()
        return self._memory

    def take(self, size: int) -> bytes:
        """The first `size` bytes."""
        return self._at_least(size)[:size]

    def read(self, size: int, words: int) -> tuple[Arrays, list[int]]:
        """A batch's inputs, as views of the memory, and the rows of its requests."""
        memory = self._at_least(size)
        told = np.ndarray((words,), np.int64, memory).tolist()
        at = 2 + told[1]
        request_rows = told[2:at]
        inputs: dict[str, NDArray[Any] | None] = {}
        for tensor in self.tensors:
            rank, offset, length = told[at : at + 3]
            at += 3
            if rank == LEFT_OUT:
                inputs[tensor.name] = None
                continue
            shape = told[at : at + rank]
            at += rank
            if tensor.datatype == "BYTES":
                inputs[tensor.name] = _elements(memory[offset : offset + length], shape)
            elif length:
                inputs[tensor.name] = np.ndarray(
                    shape, NUMPY_TYPES[tensor.datatype], memory, offset
                )
            else:
                inputs[tensor.name] = _read_only(np.empty(shape, NUMPY_TYPES[tensor.datatype]))
        return inputs, request_rows


class Answers:
    """What the worker writes."""

    def __init__(self, descriptor: int) -> None:
        self.tensors: Sequence[TensorPlan] = ()
        self.bytes_max = os.fstat(descriptor).st_size
        self._descriptor = descriptor
        self._memory = mmap.mmap(descriptor, 0)

    def put(self, content: bytes) -> None:
        """Writes `content` at the front."""
        self._make_room(len(content))
        self._memory[: len(content)] = content

    def write(self, outputs: Mapping[str, NDArray[Any]]) -> tuple[int, int]:
        """Writes a batch's outputs; gives bytes and words of the message.

        Raises TooLargeError if they are more than bytes_max.
        """
        arrays = [
            _length_prefixed(outputs[t.name], t.name) if t.datatype == "BYTES" else outputs[t.name]
            for t in self.tensors
        ]
        shapes = [outputs[tensor.name].shape for tensor in self.tensors]
        words: list[int] = []
        places: list[int] = []
        end = sum(3 + len(shape) for shape in shapes) * WORD_BYTES
        for array, shape in zip(arrays, shapes, strict=True):
            start = (end + ALIGNMENT - 1) // ALIGNMENT * ALIGNMENT
            places.append(start)
            words += [len(shape), start, array.nbytes, *shape]
            end = start + array.nbytes
        self._make_room(end)
        np.ndarray((len(words),), np.int64, self._memory)[:] = words
        for array, start in zip(arrays, places, strict=True):
            if array.nbytes:
                np.ndarray(array.shape, array.dtype, self._memory, start)[...] = array
        return end, len(words)

    def _make_room(self, size: int) -> None:
        if size <= len(self._memory):
            return
        if size > self.bytes_max:
            raise TooLargeError(
                f"the outputs of the batch need {size} bytes, but at most {self.bytes_max} "
                "(penstock.shared_bytes_max) are shared with it"
            )
        wanted = min(1 << (size - 1).bit_length(), self.bytes_max)
        try:
            os.posix_fallocate(self._descriptor, 0, wanted)
        except OSError as error:
            raise TooLargeError(
                f"no memory for the {size} bytes of its outputs: {error.strerror}"
            ) from None
        self._memory = mmap.mmap(self._descriptor, 0)


def _read_only(array: NDArray[Any]) -> NDArray[Any]:
    array.flags.writeable = False
    return array


def _elements(content: bytes, shape: Sequence[int]) -> NDArray[Any]:
    """A BYTES tensor, each element behind its length, as an object array of bytes."""
    elements = []
    at = 0
    while at < len(content):
        start = at + LENGTH_BYTES
        at = start + int.from_bytes(content[at:start], "little")
        elements.append(content[start:at])
    array = np.empty(len(elements), np.object_)
    array[:] = elements
    return _read_only(array.reshape(shape))


def _length_prefixed(array: NDArray[Any], name: str) -> NDArray[np.uint8]:
    """The reverse, as bytes."""
    parts = []
    for element in array.ravel().tolist():
        if not isinstance(element, bytes):
            raise BackendError(f"output '{name}': an element is no bytes object")
        if len(element) > ELEMENT_BYTES_MAX:
            raise BackendError(f"output '{name}': an element is larger than 4 GiB")
        parts += [len(element).to_bytes(LENGTH_BYTES, "little"), element]
    return np.frombuffer(b"".join(parts), np.uint8)
