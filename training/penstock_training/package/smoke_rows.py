# SPDX-License-Identifier: Apache-2.0
"""The rows of a smoke request: like the data's, and nobody's own. And the data's own, as inputs.

A smoke request's number is a quantile of its column, its text one of its column's most frequent. Of
a sensitive column nothing is told: its numbers are 0 and its texts are empty.
"""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from penstock.package import ModelSignature, TensorSignature
from penstock.package.smoke import DTYPES
from penstock_training.evaluate.served import feeds_of

__all__ = ["columns_of", "row_inputs", "smoke_inputs"]

#: One row for each.
QUANTILES = (0.25, 0.5, 0.75)


def smoke_inputs(signature: ModelSignature, rows: Path) -> dict[str, NDArray[Any]]:
    """Inputs by name, of len(QUANTILES) rows, like the rows in a Parquet file."""
    import pandas as pd

    table = pd.read_parquet(rows)
    return {
        tensor.name: np.column_stack(
            [_column(tensor, column, table) for column in columns_of(tensor)]
        )
        for tensor in signature.inputs
    }


def row_inputs(signature: ModelSignature, rows: Path, rows_max: int) -> dict[str, NDArray[Any]]:
    """Inputs by name of the first rows of a Parquet file, `rows_max` at most."""
    import pandas as pd

    tensors = [
        {"name": one.name, "datatype": one.datatype, "columns": columns_of(one)}
        for one in signature.inputs
    ]
    return feeds_of(pd.read_parquet(rows).iloc[:rows_max], tensors)


def columns_of(tensor: TensorSignature) -> tuple[str, ...]:
    """The columns of an input; one without names of its own is a column by itself."""
    return tensor.columns or (tensor.name,)


def _column(tensor: TensorSignature, column: str, table: Any) -> NDArray[Any]:
    dtype = DTYPES[tensor.datatype]
    is_text = tensor.datatype == "BYTES"
    if column in tensor.sensitive or column not in table:
        return np.full(len(QUANTILES), "" if is_text else 0, dtype)
    values = table[column].dropna()
    if is_text:
        counts = values.astype(str).value_counts()
        # Ties by name: value_counts() leaves their order open.
        ordered = sorted(counts.index, key=lambda text: (-int(counts[text]), text)) or [""]
        return np.array([ordered[i % len(ordered)] for i in range(len(QUANTILES))], dtype)
    numbers = values.to_numpy(np.float64)
    numbers = numbers[np.isfinite(numbers)]
    if not len(numbers):
        return np.zeros(len(QUANTILES), dtype)
    found: NDArray[Any] = np.quantile(numbers, QUANTILES, method="closest_observation")
    return found.astype(dtype)
