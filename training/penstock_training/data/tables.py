# SPDX-License-Identifier: Apache-2.0
"""Arrow tables of few types: what every source is brought to before anything looks at it.

    bool, int64, double, string, timestamp[us]   and whatever cannot be one of these, as it came

A NaN is a missing value, as null is. Timestamps with a time zone become UTC.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

from penstock_training.errors import DataError

__all__ = ["ROW", "as_frame", "digest_of_table", "plain", "read_table", "write_table"]

#: The column with a row's place in the source, from 0.
ROW = "__row__"


def plain(table: Any) -> Any:
    """`table` with columns of the types above, without metadata, each column in one piece.

    Raises:
        DataError: a column has no name, or a name stands twice.
    """
    import pyarrow

    names = table.column_names
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DataError(f"the data have column {twice[0]!r} more than once: rename one of them.")
    if "" in names:
        raise DataError(f"column {names.index('') + 1} of the data has no name: give it one.")
    columns = [_plain_column(table.column(name)) for name in names]
    return pyarrow.table(dict(zip(names, columns, strict=True)))


def _plain_column(column: Any) -> Any:
    import pyarrow
    import pyarrow.compute as compute
    from pyarrow import types

    if types.is_dictionary(column.type) or types.is_run_end_encoded(column.type):
        column = column.cast(column.type.value_type)
    kind = column.type
    if types.is_null(kind) or types.is_decimal(kind) or types.is_floating(kind):
        column = column.cast(pyarrow.float64())
        column = compute.if_else(compute.is_nan(column), None, column)
    elif types.is_integer(kind):
        column = _integers(column)
    elif types.is_large_string(kind) or types.is_string_view(kind):
        column = column.cast(pyarrow.string())
    elif types.is_date(kind) or types.is_timestamp(kind):
        column = column.cast(pyarrow.timestamp("us"), safe=False)
    array = column.combine_chunks() if isinstance(column, pyarrow.ChunkedArray) else column
    return array


def _integers(column: Any) -> Any:
    import pyarrow

    try:
        return column.cast(pyarrow.int64())
    except pyarrow.ArrowInvalid:  # beyond 63 bits
        return column.cast(pyarrow.float64(), safe=False)


def as_frame(table: Any) -> Any:
    """A pandas frame: missing text is None, missing numbers are NaN, whole numbers stay whole."""
    return table.to_pandas(integer_object_nulls=False, timestamp_as_object=False)


def write_table(table: Any, path: Path) -> None:
    """Write parquet: the same bytes for the same table.

    pandas.read_parquet makes the column ROW, if there is one, the frame's index.
    """
    import pyarrow.parquet

    if ROW in table.column_names:
        index = {"name": ROW, "field_name": ROW, "metadata": None}
        index |= {"pandas_type": "int64", "numpy_type": "int64"}
        described = {"index_columns": [ROW], "columns": [index], "column_indexes": []}
        table = table.replace_schema_metadata({"pandas": json.dumps(described)})
    pyarrow.parquet.write_table(table, path, compression="zstd", store_schema=True)


def read_table(path: Path) -> Any:
    """What write_table wrote."""
    import pyarrow.parquet

    with path.open("rb") as file:
        return pyarrow.parquet.read_table(file).replace_schema_metadata(None)


def digest_of_table(table: Any) -> str:
    """SHA-256 of names, types and values in their order; not of how they are kept."""
    found = hashlib.sha256()
    for name in table.column_names:
        column = table.column(name)
        found.update(f"{name}\0{column.type}\0{len(column)}\0".encode())
        for part in _bytes_of(column):
            found.update(part)
    return found.hexdigest()


def _bytes_of(column: Any) -> list[bytes]:
    """Which values are there, and the values, 0 for those that are not."""
    import pyarrow
    import pyarrow.compute as compute
    from pyarrow import types

    present = np.asarray(column.is_valid().to_numpy(zero_copy_only=False), np.uint8).tobytes()
    kind = column.type
    if types.is_string(kind):
        filled = compute.fill_null(column, "")
        lengths = np.asarray(compute.binary_length(filled).to_numpy(), np.int64).tobytes()
        return [present, lengths, "".join(filled.to_pylist()).encode()]
    if types.is_boolean(kind) or types.is_timestamp(kind):
        column = column.cast(pyarrow.int64())
    elif not (types.is_integer(kind) or types.is_floating(kind)):
        return [present, repr(column.to_pylist()).encode()]
    return [present, compute.fill_null(column, 0).to_numpy().tobytes()]
