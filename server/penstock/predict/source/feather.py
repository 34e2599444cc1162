# SPDX-License-Identifier: Apache-2.0
"""Rows of Arrow's own files, of which Feather is another name. Files of this machine are mapped."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from penstock.errors import PredictError
from penstock.predict.arrow import pyarrow_module
from penstock.predict.options import ReadingBounds
from penstock.predict.source.chunks import Chunk, check_columns, cut
from penstock.predict.source.files import InputFiles, told

__all__ = ["ArrowSource"]

_MAGIC = b"ARROW1"
_FEATHER_1 = b"FEA1"


class ArrowSource:
    """See Source."""

    def __init__(self, files: InputFiles, bounds: ReadingBounds) -> None:
        """Reads the heads of all record batches. Raises PredictError if one cannot be read."""
        self._files = files
        self._bounds = bounds
        self._rows: dict[str, int] = {}
        size = 0
        for name in files.paths:
            with told(f"{name} of {files.shown}"):
                with self._opened(name) as reader:
                    if not self._rows:
                        self.schema = reader.schema
                    # Arrow counts the rows of no file that has two columns of one name.
                    check_columns(name, reader.schema.names, reader.schema.names)
                self._rows[name] = _count_rows(files, name)
                size += files.size(name)
        self.rows: int | None = sum(self._rows.values())
        self.row_bytes = -(-size // max(1, self.rows or 0))

    @contextmanager
    def _opened(self, name: str) -> Iterator[Any]:
        import pyarrow.ipc

        with self._files.open(name) as head:
            magic = head.read(len(_MAGIC))
        if magic != _MAGIC:
            found = (
                "Feather's first version" if magic.startswith(_FEATHER_1) else "a stream, or none"
            )
            raise PredictError(
                f"{name} is no file of Arrow's ({found}): write it by "
                "pyarrow.feather.write_feather, or as Parquet."
            )
        if self._files.system is None:
            with pyarrow_module().memory_map(self._files.paths[name]) as mapped:
                yield pyarrow.ipc.open_file(mapped)
        else:
            with self._files.open(name) as file:
                yield pyarrow.ipc.open_file(file)

    def chunks(self, columns: Sequence[str], first: int, part_rows: int) -> Iterator[Chunk]:
        """See Source."""
        before = 0
        for name, rows in self._rows.items():
            if before + rows > first:
                with told(f"{name} of {self._files.shown}"), self._opened(name) as reader:
                    yield from self._of_file(name, reader, columns, before, first, part_rows)
            before += rows

    def _of_file(
        self,
        name: str,
        reader: Any,
        columns: Sequence[str],
        before: int,
        first: int,
        part_rows: int,
    ) -> Iterator[Chunk]:
        check_columns(name, reader.schema.names, columns)
        row = before
        bounds = self._bounds
        for place in range(reader.num_record_batches):
            batch = reader.get_batch(place).select(list(columns))
            at = 0
            while at < batch.num_rows:
                piece = batch.slice(at, bounds.chunk_rows)
                cuts = cut(piece, row + at, part_rows=part_rows, bytes_max=bounds.chunk_bytes)
                for number, small in cuts:
                    if number >= first:
                        yield Chunk(
                            batch=small,
                            first=number,
                            file=name,
                            file_first=number - before,
                            read=(number + small.num_rows) / max(1, self.rows or 0),
                        )
                at += piece.num_rows
            row += batch.num_rows


def _count_rows(files: InputFiles, name: str) -> int:
    """Of a file, by the heads of its record batches."""
    import pyarrow.dataset
    import pyarrow.fs

    kind = pyarrow.dataset.IpcFileFormat()
    if files.system is None:
        local = pyarrow.fs.LocalFileSystem()
        return int(kind.make_fragment(files.paths[name], filesystem=local).count_rows())
    with files.open(name) as file:
        return int(kind.make_fragment(file).count_rows())
