# SPDX-License-Identifier: Apache-2.0
"""Tensors in memory that a worker shares with its server, as cpp/model/worker_message.h draws them.

Sizes and places were written by the server, so they are taken as they are; the server checks every
one that a worker writes.
"""

import mmap
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from penstock.backends.python_class import NUMPY_TYPES, Arrays
from penstock.backends.triton.instance import Answer
from penstock.errors import BackendError
from penstock.repository.plan import TensorPlan

__all__ = ["Answers", "Requests", "SharedBatch", "TooLargeError", "cut_sentence"]

ALIGNMENT = 64
WORD_BYTES = 8
LEFT_OUT = -1
LENGTH_BYTES = 4
ELEMENT_BYTES_MAX = 2**32 - 1
SENTENCE_BYTES_MAX = 64 << 10


class TooLargeError(BackendError):
    """The outputs of a batch do not fit the memory that may be shared."""

    code = "RESOURCE_EXHAUSTED"


@dataclass(frozen=True, slots=True)
class SharedBatch:
    """A batch as it lies in the memory. `facts` is None if its requests say nothing."""

    inputs: Arrays
    request_rows: list[int]
    facts: list[str] | None


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

    def read(self, size: int, words: int) -> SharedBatch:
        """A batch; its inputs are views of the memory."""
        memory = self._at_least(size)
        told = np.ndarray((words,), np.int64, memory).tolist()
        at = 2 + told[1]
        request_rows = told[2:at]
        facts_start = told[at]
        at += 1
        facts: list[str] | None = None
        if facts_start:
            facts = []
            for length in told[at : at + len(request_rows)]:
                facts.append(memory[facts_start : facts_start + length].decode())
                facts_start += length
            at += len(request_rows)
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
        return SharedBatch(inputs, request_rows, facts)


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
        layout = _Layout()
        for tensor in self.tensors:
            layout.add(outputs[tensor.name], tensor)
        return self._put_out(layout)

    def write_answers(self, answers: Sequence[Answer]) -> tuple[int, int]:
        """The same, of a model that answers each request by itself."""
        layout = _Layout()
        for answer in answers:
            if isinstance(answer, tuple):
                layout.add_failure(*answer)
                continue
            layout.words.append(0)
            for array, tensor in zip(answer, self.tensors, strict=True):
                layout.add(array, tensor)
        return self._put_out(layout)

    def _put_out(self, layout: "_Layout") -> tuple[int, int]:
        words, end = layout.placed()
        self._make_room(end)
        np.ndarray((len(words),), np.int64, self._memory)[:] = words
        for at, array in zip(layout.starts, layout.arrays, strict=True):
            if array.nbytes:
                np.ndarray(array.shape, array.dtype, self._memory, words[at])[...] = array
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


class _Layout:
    """The words of an answer, and the arrays that they speak of. Places are filled in at last."""

    def __init__(self) -> None:
        self.words: list[int] = []
        self.arrays: list[NDArray[Any]] = []
        self.starts: list[int] = []  # index of the word that holds each array's offset

    def add(self, array: NDArray[Any] | None, tensor: TensorPlan) -> None:
        """An output, or its absence."""
        if array is None:
            self.words += [LEFT_OUT, 0, 0]
            return
        is_bytes = tensor.datatype == "BYTES"
        self.words.append(array.ndim)
        self._place(_length_prefixed(array, tensor.name) if is_bytes else array)
        self.words += array.shape

    def add_failure(self, code: int, why: str) -> None:
        """A request's own failure."""
        self.words.append(code)
        self._place(np.frombuffer(cut_sentence(why), np.uint8))

    def _place(self, array: NDArray[Any]) -> None:
        self.starts.append(len(self.words))
        self.words += [0, array.nbytes]
        self.arrays.append(array)

    def placed(self) -> tuple[list[int], int]:
        """The words with all places, and where the last array ends."""
        end = len(self.words) * WORD_BYTES
        for at, array in zip(self.starts, self.arrays, strict=True):
            start = (end + ALIGNMENT - 1) // ALIGNMENT * ALIGNMENT
            self.words[at] = start
            end = start + array.nbytes
        return self.words, end


def cut_sentence(text: str) -> bytes:
    """`text` as UTF-8, no longer than the server takes; not cut within a character."""
    sentence = text.encode("utf-8", "replace")
    if len(sentence) > SENTENCE_BYTES_MAX:
        sentence = sentence[:SENTENCE_BYTES_MAX].decode("utf-8", "ignore").encode()
    return sentence


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
