# SPDX-License-Identifier: Apache-2.0
"""BF16 tensors without a BF16 dtype: NumPy has none of its own.

With the ml_dtypes package installed, its bfloat16 arrays can be sent and are what comes back.
Without it, wrap the bits to send them, and BF16 outputs come back as their bits in uint16.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

__all__ = ["Bfloat16", "bits_to_float32", "float32_to_bits", "native_dtype"]


@dataclass(frozen=True, slots=True)
class Bfloat16:
    """Says that an array of uint16 holds the bits of bfloat16 numbers, so it is sent as BF16."""

    bits: npt.NDArray[np.uint16]

    @classmethod
    def from_float32(cls, values: npt.ArrayLike) -> Bfloat16:
        """Rounds to nearest, ties to even."""
        return cls(float32_to_bits(np.asarray(values, np.float32)))

    def to_float32(self) -> npt.NDArray[np.float32]:
        """Gives the same numbers as float32, exactly."""
        return bits_to_float32(self.bits)


def float32_to_bits(values: npt.NDArray[np.float32]) -> npt.NDArray[np.uint16]:
    """Rounds float32 to bfloat16, ties to even, and gives the bits."""
    wide = values.view(np.uint32)
    # Just under half of the last place kept, and one more when that place is odd. Only NaNs are
    # large enough to overflow, and those are set apart.
    with np.errstate(over="ignore"):
        rounded = (wide + (0x7FFF + ((wide >> 16) & 1))) >> 16
    quiet_nan = (wide >> 16) | 0x40
    return np.where(np.isnan(values), quiet_nan, rounded).astype(np.uint16)


def bits_to_float32(bits: npt.NDArray[np.uint16]) -> npt.NDArray[np.float32]:
    """Widens bfloat16, given as bits, to float32."""
    wide = np.asarray(bits.astype(np.uint32) << np.uint32(16))
    return wide.view(np.float32)


@cache
def native_dtype() -> np.dtype[np.generic] | None:
    """Gives ml_dtypes' bfloat16, or None when that package is not installed."""
    try:
        import ml_dtypes
    except ImportError:
        return None
    dtype: np.dtype[np.generic] = np.dtype(ml_dtypes.bfloat16)
    return dtype
