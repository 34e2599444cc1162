# SPDX-License-Identifier: Apache-2.0
"""Rows of CSV files. Every column is text as it stands: numbers are read where a model wants them.

An empty field is missing. A line with another number of fields than the first stops the run: what
stands in its fields, nobody knows. So does a quotation mark that is never closed, for its field
would take in all rows behind it.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import PurePosixPath
from typing import Any

from penstock.errors import PredictError
from penstock.predict.arrow import pyarrow_module
from penstock.predict.options import ReadingBounds
from penstock.predict.source.chunks import Chunk, check_columns, cut
from penstock.predict.source.files import InputFiles, told
from penstock.predict.source.quotes import CountedText, ends_open
from penstock.row_files import without_secrets

__all__ = ["CsvSource"]

#: Read at a time; a line may not be longer.
BLOCK_BYTES = 4 << 20
_CODECS = {".gz": "gzip", ".bz2": "bz2", ".zst": "zstd", ".lz4": "lz4"}
_BAD_LINE = re.compile(r"Row #(\d+): Expected (\d+) columns, got (\d+)")


class CsvSource:
    """See Source."""

    def __init__(self, files: InputFiles, bounds: ReadingBounds) -> None:
        """Reads the beginning of the first file. Raises PredictError if it cannot be read."""
        self._files = files
        self._bounds = bounds
        self.rows: int | None = None
        arrow = pyarrow_module()
        name = next(iter(files.paths))
        with self._told(name):
            self._names = self._header(name)
            self.schema = arrow.schema([(column, arrow.string()) for column in self._names])
            with self._opened(name, self._names) as (reader, *_):
                batch = next(iter(reader), None)
        rows = batch.num_rows if batch is not None else 0
        self.row_bytes = -(-batch.nbytes // rows) if batch is not None and rows else 1

    @contextmanager
    def _told(self, name: str) -> Iterator[None]:
        arrow = pyarrow_module()
        with told(f"{name} of {self._files.shown}"):
            try:
                yield
            except arrow.ArrowInvalid as error:
                if found := _BAD_LINE.search(str(error)):
                    raise PredictError(
                        f"{name} line {found[1]} has {found[3]} fields, wanted {found[2]}: "
                        "mend the file, or put such fields in quotation marks."
                    ) from None
                if "straddling object" in str(error):
                    raise PredictError(
                        f"{name} has a line of more than {BLOCK_BYTES} bytes: wanted shorter ones, "
                        "or a quotation mark that is closed."
                    ) from None
                raise

    def _delimiter(self, name: str) -> str:
        return "\t" if ".tsv" in PurePosixPath(without_secrets(name)).suffixes else ","

    def _header(self, name: str) -> list[str]:
        """The names of the first line."""
        import pyarrow.csv

        with self._stream(name) as (stream, _):
            options = pyarrow.csv.ReadOptions(block_size=BLOCK_BYTES, use_threads=False)
            parse = pyarrow.csv.ParseOptions(
                delimiter=self._delimiter(name), newlines_in_values=True
            )
            return list(
                pyarrow.csv.open_csv(
                    pyarrow_module().PythonFile(stream, mode="r"),
                    read_options=options,
                    parse_options=parse,
                ).schema.names
            )

    @contextmanager
    def _stream(self, name: str) -> Iterator[tuple[CountedText, Any]]:
        """The file's text, and the file, which tells how much of it has been read."""
        arrow = pyarrow_module()
        codec = _CODECS.get(PurePosixPath(without_secrets(name)).suffix)
        with self._files.open(name) as file:
            packed = arrow.PythonFile(file, mode="r")
            yield CountedText(arrow.CompressedInputStream(packed, codec) if codec else file), file

    @contextmanager
    def _opened(self, name: str, columns: Sequence[str]) -> Iterator[tuple[Any, CountedText, Any]]:
        """A reader of the columns, the text that it reads, and the file."""
        import pyarrow.csv

        text = pyarrow_module().string()
        convert = pyarrow.csv.ConvertOptions(
            include_columns=list(columns),
            column_types=dict.fromkeys(columns, text),
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        )
        with self._stream(name) as (stream, file):
            yield (
                pyarrow.csv.open_csv(
                    pyarrow_module().PythonFile(stream, mode="r"),
                    read_options=pyarrow.csv.ReadOptions(block_size=BLOCK_BYTES),
                    parse_options=pyarrow.csv.ParseOptions(
                        delimiter=self._delimiter(name), newlines_in_values=True
                    ),
                    convert_options=convert,
                ),
                stream,
                file,
            )

    def chunks(self, columns: Sequence[str], first: int, part_rows: int) -> Iterator[Chunk]:
        """See Source. Rows before `first` are read as well, and let go."""
        sizes = {name: self._files.size(name) for name in self._files.paths}
        row = done = 0
        for name, size in sizes.items():
            before = row
            with self._told(name):
                names = self._header(name)
                check_columns(name, names, columns)
                with self._opened(name, columns) as (reader, text, file):
                    batch = None
                    for batch in reader:
                        told_bytes = done + min(size, file.tell())
                        read = told_bytes / max(1, sum(sizes.values()))
                        for number, piece in self._cut(batch, row, part_rows):
                            if number >= first:
                                yield Chunk(
                                    batch=piece,
                                    first=number,
                                    file=name,
                                    file_first=number - before,
                                    read=min(1.0, read),
                                )
                        row += batch.num_rows
                    self._check_end(name, names, batch, text)
            done += size

    def _check_end(self, name: str, names: Sequence[str], batch: Any, text: CountedText) -> None:
        """Raise PredictError if the file ends within quotation marks; `batch`: the last of it."""
        if batch is None or not batch.num_rows:
            return
        last = {column: batch.column(column)[-1].as_py() for column in batch.schema.names}
        if ends_open(text, names, last, delimiter=self._delimiter(name)):
            raise PredictError(
                f"{name} ends within quotation marks: one before its last line is not closed, and "
                "has taken rows into its field. Mend the file."
            )

    def _cut(self, batch: Any, row: int, part_rows: int) -> Iterator[tuple[int, Any]]:
        bounds = self._bounds
        for at in range(0, batch.num_rows, bounds.chunk_rows):
            piece = batch.slice(at, bounds.chunk_rows)
            yield from cut(piece, row + at, part_rows=part_rows, bytes_max=bounds.chunk_bytes)
