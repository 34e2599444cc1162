# SPDX-License-Identifier: Apache-2.0
"""What every format gives: chunks of rows, numbered through all files.

Where a chunk ends depends on the files and the bounds alone, so that a run that goes on cuts the
rest as the first one would have: a model's answer to a row may differ in its last bit with the rows
beside it.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from penstock.errors import PredictError

__all__ = ["Chunk", "Source", "check_columns", "cut"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Chunk:
    """Rows of one file: an Arrow record batch. `first` is the number of its first row among all,
    `file_first` among those of its file; `read` is the part of the input that has been read with
    it, from 0 to 1.
    """

    batch: Any
    first: int
    file: str
    file_first: int
    read: float


class Source(Protocol):
    """Files that are open for reading. `rows`: of all; None: nobody knows before they are read."""

    schema: Any
    rows: int | None
    #: Of one row in memory, about.
    row_bytes: int

    def chunks(self, columns: Sequence[str], first: int, part_rows: int) -> Iterator[Chunk]:
        """All rows from number `first` on; no chunk has rows of two parts.

        Raises:
            PredictError: a file cannot be read, or lacks a column.
        """


def check_columns(name: str, found: Sequence[str], columns: Sequence[str]) -> None:
    """Raise PredictError if a file, which has the columns `found`, lacks one of `columns`, or has
    two of its name.
    """
    counts = Counter(found)
    for column in columns:
        if not counts[column]:
            raise PredictError(f"{name} has no column {column!r}, which the first file has.")
        if counts[column] > 1:
            raise PredictError(f"{name} has two columns {column!r}: rename one.")


def cut(batch: Any, first: int, *, part_rows: int, bytes_max: int) -> Iterator[tuple[int, Any]]:
    """The batch in pieces that lie within a part of `part_rows` rows, and within `bytes_max` bytes
    if their rows do: each with the number of its first row, of which the batch's is `first`. Pure.
    """
    pieces = max(1, -(-batch.nbytes // bytes_max)) if batch.num_rows else 1
    rows = max(1, -(-batch.num_rows // pieces))
    at = 0
    while at < batch.num_rows:
        in_part = part_rows - (first + at) % part_rows
        size = min(rows - at % rows, in_part, batch.num_rows - at)
        yield first + at, batch.slice(at, size)
        at += size
