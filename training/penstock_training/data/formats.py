# SPDX-License-Identifier: Apache-2.0
"""The formats of files of rows, told by a name's ending, and their readers.

.csv .tsv           text, the first line names the columns; also .gz, .bz2, .xz and .zst of them
.parquet
.arrow .feather     Arrow's IPC file, or a stream of it
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, BinaryIO

from penstock_training.data.text_columns import typed

__all__ = ["FORMATS", "Malformed", "format_of", "read_format"]

FORMATS = (".csv", ".tsv", ".parquet", ".arrow", ".feather")
_TEXT = (".csv", ".tsv")
_COMPRESSIONS = {".gz": "gzip", ".bz2": "bz2", ".xz": "xz", ".zst": "zstd"}
#: What takes the place of bytes that are no character.
_NO_CHARACTER = "\N{REPLACEMENT CHARACTER}"
_SAVE_AS = "save it with that encoding"
_INDEX = re.compile(r"__index_level_\d+__")
_FIRST_BYTES_OF_ARROW_FILES = b"ARROW1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Malformed:
    """A line that is no row. Its text is not kept: it may hold what is sensitive."""

    file: str
    #: Counted from 1; the first line has the names. A line break within quotes does not count.
    line: int
    reason: str


def format_of(name: str) -> str | None:
    """The format's ending, without that of a compression, or None if it is no format of ours."""
    stem, compression = _without_compression(name)
    for ending in FORMATS:
        if stem.endswith(ending) and (compression is None or ending in _TEXT):
            return ending
    return None


def _without_compression(name: str) -> tuple[str, str | None]:
    for ending, compression in _COMPRESSIONS.items():
        if name.endswith(ending):
            return name.removesuffix(ending), compression
    return name, None


def read_format(
    files: Iterable[tuple[str, BinaryIO]], ending: str
) -> tuple[list[Any], list[Malformed]]:
    """The tables of named files of one format, and the lines that are no rows.

    Text becomes typed columns by what all the files hold.

    Raises:
        ValueError: a file is not of that format; the message names it.
    """
    import pyarrow

    tables: list[Any] = []
    malformed: list[Malformed] = []
    for name, file in files:
        try:
            tables.append(_read_one(name, file, ending, malformed))
        except (pyarrow.ArrowException, OSError, EOFError, ValueError) as error:
            why = str(error).partition("\n")[0].rstrip(".")
            if "invalid UTF8" in why:
                why = f"it is not UTF-8; {_SAVE_AS}"
            raise ValueError(f"{name} cannot be read as {ending}: {why}") from None
    if ending in _TEXT:
        tables = _typed_together(tables)
    return tables, malformed


def _read_one(name: str, file: BinaryIO, ending: str, malformed: list[Malformed]) -> Any:
    import pyarrow

    if ending == ".parquet":
        import pyarrow.parquet

        return _without_index(pyarrow.parquet.read_table(file))
    if ending in _TEXT:
        return _read_text(name, file, "\t" if ending == ".tsv" else ",", malformed)
    first = file.read(len(_FIRST_BYTES_OF_ARROW_FILES))
    file.seek(0)
    if first == _FIRST_BYTES_OF_ARROW_FILES:
        return _without_index(pyarrow.ipc.open_file(file).read_all())
    return _without_index(pyarrow.ipc.open_stream(file).read_all())


def _without_index(table: Any) -> Any:
    """pandas writes the numbers of a frame's rows as columns of their own: they are no data."""
    names = [name for name in table.column_names if _INDEX.fullmatch(name)]
    return table.drop_columns(names) if names else table


def _read_text(name: str, file: BinaryIO, delimiter: str, malformed: list[Malformed]) -> Any:
    """All columns as text: what they hold is decided when all of it is there."""
    import pyarrow
    from pyarrow import csv

    compression = _without_compression(name)[1]
    stream = pyarrow.CompressedInputStream(file, compression) if compression else file
    content = stream.read()
    if not content.strip():
        raise ValueError("it is empty")
    names = _names(content, delimiter)

    def put_aside(row: Any) -> str:
        reason = f"has {row.actual_columns} fields: wanted {row.expected_columns}"
        malformed.append(Malformed(file=name, line=row.number or 0, reason=reason))
        return "skip"

    return csv.read_csv(
        pyarrow.BufferReader(content),
        # One thread: lines that are no rows are then numbered.
        read_options=csv.ReadOptions(use_threads=False),
        parse_options=csv.ParseOptions(
            delimiter=delimiter, newlines_in_values=True, invalid_row_handler=put_aside
        ),
        convert_options=csv.ConvertOptions(
            column_types=dict.fromkeys(names, pyarrow.string()), strings_can_be_null=False
        ),
    )


def _names(content: bytes, delimiter: str) -> list[str]:
    import csv
    import io

    first = io.StringIO(content[: 1 << 20].decode("utf-8-sig", "replace"), newline="")
    names = next(csv.reader(first, delimiter=delimiter), [])
    if any(_NO_CHARACTER in name for name in names):
        raise ValueError(f"its first line is not UTF-8; {_SAVE_AS}")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"its first line names {twice[0]!r} more than once")
    return names


def _typed_together(tables: list[Any]) -> list[Any]:
    """Columns that have a type in one file and another in the next are typed as one column."""
    import pyarrow

    if len({tuple(table.column_names) for table in tables}) != 1:
        return [typed(table) for table in tables]  # refused later, by name
    whole = typed(pyarrow.concat_tables(tables))
    starts = [0]
    for table in tables:
        starts.append(starts[-1] + len(table))
    return [whole.slice(start, end - start) for start, end in pairwise(starts)]
