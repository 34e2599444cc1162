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
    """A number for each row of an Arrow table: the same for rows of the same features.

    Rows are told apart by 64-bit hashes: of a hundred million rows, two kinds are taken for one
    with a probability of 3e-4.
    """
    hashes = np.zeros(len(table), np.uint64)
    for name in columns.features:
        column = table.column(name)
        hashes = _mixed(hashes + _bits(column, is_numeric=name in columns.numeric))
    kinds = np.unique(hashes, return_inverse=True)[1]
    return kinds.reshape(-1).astype(np.int64)


def _bits(column: Any, *, is_numeric: bool) -> NDArray[np.uint64]:
    """The same for the same value."""
    if not is_numeric:
        return codes_of(column).astype(np.uint64)
    with np.errstate(over="ignore"):
        values = numbers_of(column).astype(np.float32)
    values = np.where(np.isnan(values), np.float32(np.nan), values + np.float32(0))  # no -0
    return values.view(np.uint32).astype(np.uint64)


def _mixed(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """SplitMix64 (Steele, Lea & Flood, "Fast Splittable Pseudorandom Number Generators", 2014)."""
    values = values + np.uint64(0x9E3779B97F4A7C15)
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


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
