# SPDX-License-Identifier: Apache-2.0
"""Tables of any kind as Arrow's batches: numpy, pandas, polars, Arrow, and files of Parquet and
Arrow, of which no more is in memory than a batch.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from penstock.errors import PredictError, ProfileError
from penstock.predict.arrow import pyarrow_module
from penstock.predict.options import ReadingBounds
from penstock.predict.source import Source, find_input, open_source

__all__ = ["OpenTable", "open_table"]

BATCH_ROWS = 1 << 16
WANTED = "wanted a path, or a table of Arrow, pandas, polars or numpy"


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenTable:
    """A table that is ready to be read, as often as one likes."""

    #: What a message calls it.
    name: str
    schema: Any
    rows: int
    #: Arrow's table, or files.
    held: Any | Source

    def batches(self, columns: Sequence[str]) -> Iterator[Any]:
        """All rows in order, a record batch at a time. Raises PredictError if a file is damaged."""
        if isinstance(self.held, pyarrow_module().Table):
            yield from self.held.select(list(columns)).to_batches(max_chunksize=BATCH_ROWS)
        else:
            for chunk in self.held.chunks(list(columns), 0, max(1, self.rows)):
                yield chunk.batch


def open_table(given: Any, *, what: str = "the table") -> OpenTable:
    """`given`, ready to be read; `what` is what messages call a table that is in memory.

    A path may be a file, a folder or a pattern of Parquet or Arrow files. numpy: an array of two
    dimensions, whose columns are called f0, f1, ..., a structured array, or arrays by name.

    Raises:
        ProfileError: it is no table, has no rows or columns, two columns of one name, or a column
            of values of several types.
        PredictError: a file cannot be read.
    """
    if isinstance(given, str | Path):
        opened = _of_files(str(given))
    else:
        table = _as_arrow(given, what)
        opened = OpenTable(name=what, schema=table.schema, rows=table.num_rows, held=table)
    twice = [name for name, count in Counter(opened.schema.names).items() if count > 1]
    if twice:
        raise ProfileError(f"{opened.name} has two columns {twice[0]!r}: rename one.")
    if not opened.schema.names:
        raise ProfileError(f"{opened.name} has no columns: wanted one at least.")
    if opened.rows == 0:
        raise ProfileError(f"{opened.name} has no rows: wanted one at least.")
    return opened


def _of_files(path: str) -> OpenTable:
    files = find_input(path)
    if files.format == "csv":
        raise ProfileError(
            f"{files.shown} is CSV, which does not say what type a column has: read it by pandas "
            "or polars, and write it as Parquet."
        )
    source = open_source(files, ReadingBounds(chunk_rows=BATCH_ROWS))
    if source.rows is None:
        raise PredictError(f"{files.shown} does not say how many rows it has.")
    return OpenTable(name=files.shown, schema=source.schema, rows=source.rows, held=source)


def _as_arrow(given: Any, what: str) -> Any:
    arrow = pyarrow_module()
    if isinstance(given, arrow.Table):
        return given
    if isinstance(given, arrow.RecordBatch):
        return arrow.Table.from_batches([given])
    try:
        if isinstance(given, np.ndarray):
            given = _named_arrays(given, what)
        if isinstance(given, Mapping):
            return arrow.table({str(name): _array(values) for name, values in given.items()})
        if type(given).__module__.partition(".")[0] == "pandas":
            return arrow.Table.from_pandas(given, preserve_index=False)
        if hasattr(given, "__arrow_c_stream__"):
            return arrow.table(given)
    except (arrow.ArrowException, TypeError, ValueError) as error:
        said = " ".join(str(part) for part in error.args).partition("\n")[0].rstrip(".")
        raise ProfileError(
            f"{what} cannot be read: {said}. A column has values of one type, or none."
        ) from None
    raise ProfileError(f"{what} is a {type(given).__name__}: {WANTED}.")


def _named_arrays(array: Any, what: str) -> dict[str, Any]:
    if array.dtype.names:
        return {name: array[name] for name in array.dtype.names}
    if array.ndim != 2:
        raise ProfileError(f"{what} is an array of {array.ndim} dimensions: wanted two.")
    return {f"f{place}": array[:, place] for place in range(array.shape[1])}


def _array(values: Any) -> Any:
    """Arrow's array; NaN among objects, as numpy and pandas have it, is a missing value."""
    arrow = pyarrow_module()
    array = np.asarray(values)
    return arrow.array(array, from_pandas=array.dtype == object)
