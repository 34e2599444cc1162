# SPDX-License-Identifier: Apache-2.0
"""Answers gathered into parts: rows 0 to part_rows, and so on. A part is what a run keeps."""

import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from penstock.predict.arrow import pyarrow_module
from penstock.predict.predictor import Answered
from penstock.predict.source import Chunk

__all__ = ["BAD_HEADER", "Part", "bad_lines_of", "gathered", "part_rows_of"]

BAD_HEADER = b"row,file,file_row,column,reason\n"


@dataclass(slots=True, kw_only=True, eq=False)
class Part:
    """Part `number`: its answers so far, and the lines of its bad rows. `read` is the part of the
    input that has been read with it, from 0 to 1.
    """

    number: int
    batches: list[Any] = field(default_factory=list)
    bad_lines: list[bytes] = field(default_factory=list)
    rows: int = 0
    read: float = 0.0

    def table(self, schema: Any) -> Any:
        """Its answers, one column behind the other."""
        return pyarrow_module().Table.from_batches(self.batches, schema=schema).combine_chunks()

    def add(self, chunk: Chunk, answered: Answered) -> None:
        """The next rows."""
        self.batches.append(answered.batch)
        self.rows += answered.batch.num_rows
        self.read = chunk.read
        for bad in answered.bad:
            self.bad_lines.append(
                _line(
                    chunk.first + bad.row,
                    chunk.file,
                    chunk.file_first + bad.row,
                    bad.column,
                    bad.reason,
                )
            )


def _line(*fields: object) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(fields)
    return text.getvalue().encode(errors="replace")


def bad_lines_of(told: bytes) -> list[bytes]:
    """The lines of a part's bad rows: a name in quotation marks may have ends of lines. Pure."""
    lines, line = [], b""
    for piece in told.splitlines(keepends=True):
        line += piece
        if line.count(b'"') % 2 == 0:
            lines.append(line)
            line = b""
    return lines


def gathered(answers: Iterable[tuple[Chunk, Answered]], part_rows: int) -> Iterator[Part]:
    """Whole parts, and the last one as far as it goes. A part is given once it is complete."""
    part: Part | None = None
    for chunk, answered in answers:
        number = chunk.first // part_rows
        if part is not None and part.number != number:
            yield part
            part = None
        part = part or Part(number=number)
        part.add(chunk, answered)
    if part is not None:
        yield part


def part_rows_of(row_bytes: int, *, rows_max: int, bytes_max: int) -> int:
    """Rows of a part: as many as fit `bytes_max`, but at least one, at most `rows_max`. Pure."""
    return max(1, min(rows_max, bytes_max // max(1, row_bytes)))
