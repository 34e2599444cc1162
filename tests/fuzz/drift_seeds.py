# SPDX-License-Identifier: Apache-2.0
"""What the fuzzer of counted rows begins with, in the bytes that it reads."""

import struct
from collections.abc import Sequence

UINT8, INT64, FP16, FP32, BYTES = 1, 8, 9, 11, 13
NUMBER, CATEGORY, PRESENT, LENGTH, NORM, PROJECTION = range(6)


def tensor(datatype: int, elements: int) -> bytes:
    """`elements`: -1 for any number."""
    return bytes([datatype, elements + 1, 1])


def column(
    reading: int, *, second: bool = False, element: int = 0, edges: Sequence[float] = ()
) -> bytes:
    """Of an input: the first, or the second."""
    packed = b"".join(struct.pack(">f", edge) for edge in edges)
    return bytes([1, second, reading, 0, element, len(edges)]) + packed + b"\0"


def row(rows: int, bits: int, *tensors: bytes, key: int = 0) -> bytes:
    """`bits`: which tensors get their size, 16: a key, 32: no flush, 64: counts are taken."""
    sent = b"".join(bytes([len(one)]) + one for one in tensors)
    return bytes([rows - 1, bits]) + sent + bytes([key])


def drift_seeds() -> dict[str, bytes]:
    texts = b"\x03\0\0\0red\0\0\0\0\x05\0\0\0green"
    words = column(CATEGORY, second=True) + b"\1\2\3red\1x"
    signature = tensor(FP32, 2) + tensor(BYTES, 1) + tensor(FP32, 1) + tensor(INT64, 1)
    chance = bytes([7, 3])
    numbers = column(NUMBER, element=1, edges=[-1.0, 0.0, 1.5])
    both = b"\1" + numbers + words
    floats = struct.pack("<6f", 1.0, -2.0, float("nan"), float("inf"), 0.0, 3.0)
    wide = tensor(FP16, -1) + tensor(UINT8, 3) + tensor(FP32, 1) + tensor(INT64, 1)
    return {
        "numbers_and_words": signature
        + both
        + chance
        + row(3, 0, floats, texts)
        + row(3, 16 | 32, floats, texts, key=5)
        + row(3, 16 | 64, floats, texts, key=5),
        "texts_that_are_none": signature + both + chance + row(3, 0, floats, texts[:-2]),
        "left_out": signature + both + chance + row(2, 0, b"", b""),
        "many_rows": signature + b"\0" + numbers + chance + row(70, 1, b"") + row(70, 33, b""),
        "rows_of_any_width": wide
        + b"\0"
        + column(NUMBER, element=2, edges=[0.5])
        + chance
        + row(2, 0, b"\0\x3c" * 6)
        + row(2, 0, b"\0\x3c" * 2)
        + row(3, 0, b"\0\x3c" * 2),
        "embedding": wide
        + b"\1"
        + column(NORM, second=True)
        + column(PROJECTION, second=True, element=15)
        + chance
        + row(2, 0, b"\1\2\3\4\5\6"),
        "sensitive": signature + b"\0" + column(PRESENT, second=True) + chance + row(3, 0, texts),
        "lengths": signature
        + b"\0"
        + column(LENGTH, second=True, edges=[4.0])
        + chance
        # By its own: only the second input is watched.
        + row(3, 64, texts),
    }
