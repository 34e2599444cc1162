# SPDX-License-Identifier: Apache-2.0
"""Which rows a model cannot tell apart: rows of the same features, numbers as float32."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from penstock_training.data.columns import Columns

__all__ = ["blocks_of", "kinds_of_rows"]

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
            values = np.asarray(column.to_numpy(), np.float64).astype(np.float32)
        found = np.unique(values, return_inverse=True)[1]  # NaNs are one value
    else:
        import pyarrow.compute as compute

        filled = compute.dictionary_encode(column, null_encoding="encode").combine_chunks()
        found = filled.indices.to_numpy() if hasattr(filled, "indices") else filled
    return np.asarray(found, np.int64).reshape(-1)


def blocks_of(kinds: NDArray[np.int64]) -> NDArray[np.int64]:
    """What a split keeps together: rows of a kind; or each row alone, where most have a twin."""
    sizes = np.bincount(kinds)
    twins = int(sizes[sizes > 1].sum())
    return kinds if twins <= TWINS_MAX * len(kinds) else np.arange(len(kinds), dtype=np.int64)
