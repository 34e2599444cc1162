# SPDX-License-Identifier: Apache-2.0
"""The V2 datatypes: their NumPy dtypes, and their fields in InferTensorContents."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["BF16", "BYTES", "BY_DTYPE", "BY_NAME", "Datatype"]


@dataclass(frozen=True, slots=True)
class Datatype:
    """One V2 datatype."""

    name: str
    # The elements as they lie in raw form; None for BYTES, whose elements differ in size.
    dtype: np.dtype[Any] | None
    # The field of InferTensorContents that carries the elements in typed form.
    contents_field: str


BF16 = Datatype("BF16", np.dtype("<u2"), "fp32_contents")
BYTES = Datatype("BYTES", None, "bytes_contents")

# FP16 and BF16 have no field of their own in the contract: Penstock's servers take
# fp32_contents for both, which holds every such number exactly.
_SIMPLE = (
    Datatype("BOOL", np.dtype("?"), "bool_contents"),
    Datatype("UINT8", np.dtype("u1"), "uint_contents"),
    Datatype("UINT16", np.dtype("<u2"), "uint_contents"),
    Datatype("UINT32", np.dtype("<u4"), "uint_contents"),
    Datatype("UINT64", np.dtype("<u8"), "uint64_contents"),
    Datatype("INT8", np.dtype("i1"), "int_contents"),
    Datatype("INT16", np.dtype("<i2"), "int_contents"),
    Datatype("INT32", np.dtype("<i4"), "int_contents"),
    Datatype("INT64", np.dtype("<i8"), "int64_contents"),
    Datatype("FP16", np.dtype("<f2"), "fp32_contents"),
    Datatype("FP32", np.dtype("<f4"), "fp32_contents"),
    Datatype("FP64", np.dtype("<f8"), "fp64_contents"),
)

BY_NAME = {datatype.name: datatype for datatype in (*_SIMPLE, BF16, BYTES)}
BY_DTYPE = {datatype.dtype: datatype for datatype in _SIMPLE}
