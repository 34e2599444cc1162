# SPDX-License-Identifier: Apache-2.0
"""Rows of Parquet files: pages are read as they are needed, so row groups may be of any size."""

from collections.abc import Iterator, Sequence
from typing import Any

from penstock.errors import PredictError
from penstock.predict.options import ReadingBounds
from penstock.predict.source.chunks import Chunk, check_columns, cut
from penstock.predict.source.files import InputFiles, told

__all__ = ["ParquetSource"]

#: Read of a column at a time, compressed.
BUFFER_BYTES = 1 << 18


class ParquetSource:
    """See Source."""

    def __init__(self, files: InputFiles, bounds: ReadingBounds) -> None:
        """Reads all footers. Raises PredictError if one cannot be read."""
        self._files = files
        self._bounds = bounds
        self._rows: dict[str, int] = {}
        size = 0
        for name in files.paths:
            with told(f"{name} of {files.shown}"), files.open_native(name) as file:
                opened = _parquet_file(file)
                if not self._rows:
                    self.schema = opened.schema_arrow
                self._rows[name] = opened.metadata.num_rows
                size += sum(
                    opened.metadata.row_group(group).total_byte_size
                    for group in range(opened.metadata.num_row_groups)
                )
        self.rows: int | None = sum(self._rows.values())
        self.row_bytes = -(-size // max(1, self.rows or 0))

    def chunks(self, columns: Sequence[str], first: int, part_rows: int) -> Iterator[Chunk]:
        """See Source."""
        before = 0
        for name, rows in self._rows.items():
            if before + rows > first:
                with told(f"{name} of {self._files.shown}"), self._files.open_native(name) as file:
                    yield from self._of_file(name, file, columns, before, first, part_rows)
            before += rows

    def _of_file(
        self, name: str, file: Any, columns: Sequence[str], before: int, first: int, part_rows: int
    ) -> Iterator[Chunk]:
        opened = _parquet_file(file)
        _check(name, opened, columns, self._rows[name])
        for groups, at, rows in self._spans(opened.metadata):
            if before + at + rows <= first:
                continue
            row = before + at
            batches = opened.iter_batches(
                batch_size=self._chunk_rows(opened.metadata, columns),
                row_groups=groups,
                columns=list(columns),
            )
            for batch in batches:
                pieces = cut(
                    batch, row, part_rows=part_rows, bytes_max=2 * self._bounds.chunk_bytes
                )
                for number, piece in pieces:
                    if number >= first:
                        yield Chunk(
                            batch=piece,
                            first=number,
                            file=name,
                            file_first=number - before,
                            read=(number + piece.num_rows) / max(1, self.rows or 0),
                        )
                row += batch.num_rows

    def _spans(self, metadata: Any) -> Iterator[tuple[list[int], int, int]]:
        """Row groups that are read behind each other, so that small ones make no small chunks: with
        the number of their first row in the file, and how many rows they have.
        """
        groups: list[int] = []
        at = rows = 0
        for group in range(metadata.num_row_groups):
            groups.append(group)
            rows += metadata.row_group(group).num_rows
            if rows >= self._bounds.chunk_rows or group == metadata.num_row_groups - 1:
                yield groups, at, rows
                groups, at, rows = [], at + rows, 0

    def _chunk_rows(self, metadata: Any, columns: Sequence[str]) -> int:
        """As many rows as have the bytes of a chunk, by what the footer says of the columns."""
        size = 0
        wanted = set(columns)
        for group in range(metadata.num_row_groups):
            found = metadata.row_group(group)
            for place in range(found.num_columns):
                column = found.column(place)
                if column.path_in_schema.partition(".")[0] in wanted:
                    size += column.total_uncompressed_size
        rows = self._bounds.chunk_bytes * metadata.num_rows // max(1, size)
        return int(max(1, min(self._bounds.chunk_rows, rows)))


def _parquet_file(file: Any) -> Any:
    import pyarrow.parquet

    return pyarrow.parquet.ParquetFile(file, buffer_size=BUFFER_BYTES, pre_buffer=False)


def _check(name: str, opened: Any, columns: Sequence[str], rows: int) -> None:
    check_columns(name, opened.schema_arrow.names, columns)
    if opened.metadata.num_rows != rows:
        raise PredictError(f"{name} has changed while it was read: run the command again.")
