# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from penstock.errors import ModelFileError
from penstock.native.sources.ubjson import DEPTH_MAX, parse_ubjson


@pytest.mark.parametrize(
    ("content", "value"),
    [
        (b"Z", None),
        (b"T", True),
        (b"NNF", False),
        (b"i\xff", -1),
        (b"U\xff", 255),
        (b"I\x80\x00", -32768),
        (b"l\x00\x00\x00\x07", 7),
        (b"L\xff\xff\xff\xff\xff\xff\xff\xfe", -2),
        (b"d\x3f\x80\x00\x00", 1.0),
        (b"D\x40\x00\x00\x00\x00\x00\x00\x00", 2.0),
        (b"SU\x02ab", "ab"),
        (b"Cx", "x"),
        (b"[]", []),
        (b"[i\x01Si\x01a]", [1, "a"]),
        (b"[#i\x02i\x01T", [1, True]),
        (b"[$S#i\x02i\x01ai\x01b", ["a", "b"]),
        (b"{i\x01a[i\x01]i\x01b{}}", {"a": [1], "b": {}}),
        (b"{#i\x01i\x01aT", {"a": True}),
        (b"{$i#i\x01i\x01a\x05", {"a": 5}),
    ],
)
def test_a_value_is_read(content: bytes, value: object) -> None:
    assert parse_ubjson(content) == value


def test_numbers_of_one_marker_are_an_array() -> None:
    found = parse_ubjson(b"[$I#i\x02\x00\x01\xff\xff")
    assert isinstance(found, np.ndarray)
    assert found.tolist() == [1, -1]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "byte 0 of its UBJSON: wanted 1 bytes more, but the file ends: it is cut short"),
        (b"x", "byte 0 of its UBJSON: wanted a marker of a value, found b'x'"),
        (b"TT", "byte 1 of its UBJSON: wanted the end, found b'T'"),
        (b"[i\x01", "wanted 1 bytes more"),
        (b"SU\x09ab", "wanted 9 bytes more, found b'ab'"),
        (b"Si\xff", "wanted a length"),
        (b"Sd\x3f\x80\x00\x00", "wanted a length"),
        (b"[$i]", "wanted # and a count"),
        (b"[$T#L\x00\x00\x00\x10\x00\x00\x00\x00", "wanted elements that take a byte at least"),
        (b"[$d#L\x00\x00\x00\x10\x00\x00\x00\x00", "wanted 68719476736 elements more"),
        (b"[#L\x00\x00\x00\x10\x00\x00\x00\x00", "wanted 68719476736 elements more"),
        (b"[" * (DEPTH_MAX + 1), f"wanted at most {DEPTH_MAX} brackets inside one another"),
    ],
)
def test_bytes_that_are_no_value_are_refused_with_the_place(content: bytes, sentence: str) -> None:
    with pytest.raises(ModelFileError, match=sentence):
        parse_ubjson(content)
