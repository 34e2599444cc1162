# SPDX-License-Identifier: Apache-2.0
"""Which rows a model cannot tell apart: rows of the same features, numbers as float32."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from penstock_training.data.columns import Columns

__all__ = ["TWINS_MAX", "blocks_of", "codes_of", "kinds_of_rows", "numbers_of"]

#: Where more rows than this have a twin, rows are few of kind by nature, and kept apart no more.
TWINS_MAX = 0.2


def kinds_of_rows(table: Any, columns: Columns) -> NDArray[np.int64]:
    """A number for each row of an Arrow table: the same for rows of the same features."""
    codes = [_codes(table.column(name), name in columns.numeric) for name in columns.features]
    kinds = np.zeros(len(table), np.int64)
    for code in codes:
        # Counted anew after each column, so that the product never leaves 63 bits.
        _, kinds = np.unique(kinds * (int(code.max(initial=0)) + 1) + code, return_inverse=True)
        kinds = kinds.reshape(-1).astype(np.int64)
    return kinds


def _codes(column: Any, is_numeric: bool) -> NDArray[np.int64]:
    if is_numeric:
        with np.errstate(over="ignore"):
            values = numbers_of(column).astype(np.float32)
        found = np.unique(values, return_inverse=True)[1]  # NaNs are one value
    else:
        found = codes_of(column)
    return np.asarray(found, np.int64).reshape(-1)


def numbers_of(column: Any) -> NDArray[np.float64]:
    """A column of numbers or bools, NaN where one is missing."""
    import pyarrow

    return np.asarray(column.cast(pyarrow.float64()).to_numpy(), np.float64)


def codes_of(column: Any) -> NDArray[np.int64]:
    """A number for each value of any column, from 0 in the order in which values come; what is
    missing is a value as well.
    """
    import pyarrow

    encoded = column.dictionary_encode(null_encoding="encode")
    whole = encoded.combine_chunks() if isinstance(encoded, pyarrow.ChunkedArray) else encoded
    if isinstance(whole, pyarrow.ChunkedArray):
        whole = whole.chunk(0)
    return np.asarray(whole.indices.to_numpy(), np.int64)


def blocks_of(kinds: NDArray[np.int64]) -> NDArray[np.int64]:
    """What a split keeps together: rows of a kind; or each row alone, where most have a twin."""
    sizes = np.bincount(kinds)
    twins = int(sizes[sizes > 1].sum())
    return kinds if twins <= TWINS_MAX * len(kinds) else np.arange(len(kinds), dtype=np.int64)
