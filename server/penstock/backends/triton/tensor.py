# SPDX-License-Identifier: Apache-2.0
"""A named tensor, as models written for Triton see and make it."""

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from penstock.backends.triton.datatypes import BYTES, numpy_to_triton_type
from penstock.backends.triton.failures import TritonModelException

__all__ = ["Tensor"]


class Tensor:
    """A name and an array.

    An input lies in the server's memory, which is not to be written: `as_numpy` gives a copy of it,
    the same one each time, because Triton's models may write into what they are given.
    """

    __slots__ = ("_array", "_name", "_number")

    def __init__(self, name: str, numpy_array: NDArray[Any]) -> None:
        """Raises TritonModelException for an array of a type that no datatype has."""
        if not isinstance(numpy_array, np.ndarray):
            found = type(numpy_array).__name__
            raise TypeError(f"tensor {name!r}: wanted a numpy array, found {found}.")
        number = numpy_to_triton_type(numpy_array.dtype)
        if number is None:
            raise TritonModelException(
                f"tensor {name!r}: no datatype is numpy's {numpy_array.dtype}; "
                "texts are arrays of dtype object."
            )
        self._name = name
        self._array = numpy_array
        self._number = number

    @classmethod
    def of_input(cls, name: str, array: NDArray[Any], number: int) -> Self:
        """An input that the server has checked; `number` is its datatype's."""
        made = cls.__new__(cls)
        made._name = name
        made._array = array
        made._number = number
        return made

    def name(self) -> str:
        """The tensor's name."""
        return self._name

    def triton_dtype(self) -> int:
        """Triton's number of its datatype."""
        return self._number

    def as_numpy(self) -> NDArray[Any]:
        """The array. BYTES are an array of bytes objects; BF16 are seen as uint16."""
        array = self._array
        if not array.flags.writeable:
            array = self._array = array.copy()
        return array

    def as_given(self) -> NDArray[Any]:
        """The array as it is, perhaps not to be written."""
        return self._array

    def is_cpu(self) -> bool:
        """True: all tensors are in the machine's memory."""
        return True

    def to_dlpack(self) -> Any:
        """A DLPack capsule of it. Raises TritonModelException for BYTES, which DLPack lacks."""
        if self._number == BYTES:
            raise TritonModelException(f"tensor {self._name!r}: DLPack has no BYTES tensors.")
        return self.as_numpy().__dlpack__()

    def __dlpack__(self, *, stream: Any = None, **wishes: Any) -> Any:
        """The capsule, for `from_dlpack` of other libraries."""
        del stream, wishes  # about devices that it is not on
        return self.to_dlpack()

    def __dlpack_device__(self) -> tuple[int, int]:
        """The machine's memory."""
        return 1, 0

    @staticmethod
    def from_dlpack(name: str, tensor: Any) -> "Tensor":
        """A tensor over the memory of another library's, or of a capsule."""
        source = tensor if hasattr(tensor, "__dlpack__") else _Capsule(tensor)
        try:
            array = np.from_dlpack(source)
        except (BufferError, RuntimeError, TypeError, ValueError) as error:
            raise TritonModelException(f"tensor {name!r}: {error}.") from None
        if not array.flags.c_contiguous:
            raise TritonModelException(f"tensor {name!r}: DLPack tensors must be contiguous.")
        return Tensor(name, array)


class _Capsule:
    """A bare capsule in the form that numpy takes."""

    def __init__(self, capsule: Any) -> None:
        self._capsule = capsule

    def __dlpack__(self, **wishes: Any) -> Any:
        del wishes
        return self._capsule

    def __dlpack_device__(self) -> tuple[int, int]:
        return 1, 0
