# SPDX-License-Identifier: Apache-2.0
"""pyarrow, imported when a table is read: it is an extra, and takes half a second."""

from types import ModuleType
from typing import Any

import numpy as np

from penstock.errors import PredictError
from penstock.local_model import Array

__all__ = ["arrow_array", "pyarrow_module"]


def pyarrow_module() -> ModuleType:
    """The library. Raises PredictError if it is not there."""
    try:
        import pyarrow
    except ImportError as error:
        raise PredictError(
            f"pyarrow cannot be imported ({error}): `pip install 'penstock[predict]'`."
        ) from None
    return pyarrow  # type: ignore[no-any-return]


def arrow_array(values: Array, kind: Any = None, missing: Array | None = None) -> Any:
    """Arrow's array over the memory of `values`, which has one dimension and is never written to
    again; null where `missing` is true. `kind`: Arrow's type; None: that of `values`.

    pyarrow.array() would copy, and import pandas to ask whether it knows the values.
    """
    arrow = pyarrow_module()
    kind = kind or arrow.from_numpy_dtype(values.dtype)
    held = _bits(values) if values.dtype == np.bool_ else np.ascontiguousarray(values)
    validity = None if missing is None else arrow.py_buffer(_bits(~missing))
    return arrow.Array.from_buffers(kind, len(values), [validity, arrow.py_buffer(held)])


def _bits(values: Array) -> Array:
    return np.packbits(values, bitorder="little")
