# SPDX-License-Identifier: Apache-2.0
"""Whether a CSV file's text ends within quotation marks, which Arrow's reader does not tell."""

import csv
from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["CountedText", "ends_open"]

#: Kept of the text's end: a longer last line is not looked at.
TAIL_BYTES = 1 << 16


class CountedText:
    """A stream of bytes on its way to a reader: its quotation marks are counted."""

    closed = False

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self.quotes = 0
        #: The last bytes that were read.
        self.tail = b""

    def read(self, size: int = -1) -> bytes:
        """As a file does."""
        found: bytes = self._stream.read(size)
        self.quotes += found.count(b'"')
        self.tail = (self.tail + found[-TAIL_BYTES:])[-TAIL_BYTES:]
        return found

    def close(self) -> None:
        """Nothing: the stream is somebody else's."""


def ends_open(
    text: CountedText, names: Sequence[str], last: Mapping[str, str | None], *, delimiter: str
) -> bool:
    """Whether a text that was read to its end ends within quotation marks.

    `names`: of all columns; `last`: fields of the last row, as the reader found it. Where all marks
    are closed, their number is even; where it is odd there may be one within a field, which stands
    for itself. So the last line is read alone: if it is a row, the reader's last row must be it.
    Columns that are not read can hide it only where the last line's others are those of that row.
    """
    if text.quotes % 2 == 0:
        return False
    lines = text.tail.rstrip(b"\r\n").splitlines()
    if len(lines) < 2:
        return False
    line = lines[-1].decode(errors="replace")
    ends = [field.rstrip("\r\n") for field in last.values() if field is not None]
    if '"' not in line and any(end.endswith(f"\n{line}") for end in ends):
        return True  # a field of several lines, and no mark on its last one
    fields = next(csv.reader([line], delimiter=delimiter), [])
    if len(fields) != len(names):
        return False
    alone = dict(zip(names, fields, strict=True))
    return any((alone[name] or None) != field for name, field in last.items())
