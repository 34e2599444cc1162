# SPDX-License-Identifier: Apache-2.0
"""Universal Binary JSON (draft 12), which XGBoost writes models in: bytes to Python's values.

A value is a marker, one byte, and what follows it: `i` a signed byte, `L` eight bytes, `S` a length
and text, `[` an array and `{` an object up to their ends. After the opening bracket there may stand
`$` and the marker of all elements, and `#` and their count; an array of numbers of one marker
becomes a numpy array. All numbers are big-endian.
"""

import struct
from typing import Any

import numpy as np

from penstock.errors import ModelFileError

__all__ = ["parse_ubjson"]

DEPTH_MAX = 64

#: Marker of a number -> its form, for struct and for numpy.
NUMBERS = {
    b"i": ">i1",
    b"U": ">u1",
    b"I": ">i2",
    b"l": ">i4",
    b"L": ">i8",
    b"d": ">f4",
    b"D": ">f8",
}
STRUCTS = {
    marker: struct.Struct(form)
    for marker, form in zip(NUMBERS, (">b", ">B", ">h", ">i", ">q", ">f", ">d"), strict=True)
}
WORDS: dict[bytes, object] = {b"Z": None, b"T": True, b"F": False}


def parse_ubjson(content: bytes) -> Any:
    """The one value that `content` is. Raises ModelFileError that says where it is not."""
    reader = _Reader(content)
    value = reader.value(reader.marker(), 0)
    if reader.place != len(content):
        raise reader.wrong("the end")
    return value


class _Reader:
    """A place in the bytes; each method reads from there on."""

    def __init__(self, content: bytes) -> None:
        self.place = 0
        self._content = content

    def wrong(self, wanted: str) -> ModelFileError:
        found = self._content[self.place : self.place + 8]
        return ModelFileError(
            f"byte {self.place} of its UBJSON: wanted {wanted}, "
            + (f"found {found!r}." if found else "but the file ends: it is cut short.")
        )

    def marker(self) -> bytes:
        while True:
            marker = self._take(1)
            if marker != b"N":
                return marker

    def value(self, marker: bytes, depth: int) -> Any:
        if marker in STRUCTS:
            form = STRUCTS[marker]
            return form.unpack(self._take(form.size))[0]
        match marker:
            case b"Z" | b"T" | b"F":
                return WORDS[marker]
            case b"S":
                return self._text()
            case b"C":
                return self._take(1).decode("latin-1")
            case b"[" | b"{" if depth == DEPTH_MAX:
                raise self.wrong(f"at most {DEPTH_MAX} brackets inside one another")
            case b"[":
                return self._array(depth + 1)
            case b"{":
                return self._object(depth + 1)
        self.place -= 1
        raise self.wrong("a marker of a value")

    def _take(self, size: int) -> bytes:
        if size > len(self._content) - self.place:
            raise self.wrong(f"{size} bytes more")
        self.place += size
        return self._content[self.place - size : self.place]

    def _length(self) -> int:
        marker = self._take(1)
        length = self.value(marker, 0) if marker in b"iUIlL" else -1
        if length < 0:
            raise self.wrong("a length")
        return int(length)

    def _text(self) -> str:
        return self._take(self._length()).decode("utf-8", "replace")

    def _head(self) -> tuple[bytes, int]:
        """The marker of all elements (b"": each has its own) and their count (-1: to the end)."""
        marker, count = b"", -1
        if self._is_next(b"$"):
            marker = self._take(1)
            if not self._is_next(b"#"):
                raise self.wrong("# and a count")
            count = self._length()
            if marker in WORDS and count:
                raise self.wrong("elements that take a byte at least")
        elif self._is_next(b"#"):
            count = self._length()
        if count > len(self._content) - self.place:
            raise self.wrong(f"{count} elements more")
        return marker, count

    def _is_next(self, marker: bytes) -> bool:
        if self._content[self.place : self.place + 1] != marker:
            return False
        self.place += 1
        return True

    def _array(self, depth: int) -> Any:
        marker, count = self._head()
        if marker in NUMBERS:
            form = np.dtype(NUMBERS[marker])
            return np.frombuffer(self._take(count * form.itemsize), form)
        found: list[Any] = []
        while len(found) != count:
            if count < 0 and self._is_next(b"]"):
                break
            found.append(self.value(marker or self.marker(), depth))
        return found

    def _object(self, depth: int) -> dict[str, Any]:
        marker, count = self._head()
        found: dict[str, Any] = {}
        read = 0
        while read != count:
            if count < 0 and self._is_next(b"}"):
                break
            key = self._text()
            found[key] = self.value(marker or self.marker(), depth)
            read += 1
        return found
