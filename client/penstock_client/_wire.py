# SPDX-License-Identifier: Apache-2.0
"""The few bytes of protobuf that are read and written by hand, so that tensors are not copied.

A large message's raw contents are nearly all of it. protobuf would copy them into its own memory
and out again on both ways. So a request is the serialized rest followed by the raw contents,
joined once; of a large response the raw contents are cut out as views, and protobuf parses what is
left.
"""

from __future__ import annotations

from collections.abc import Iterator

__all__ = ["WireError", "length_prefix", "split_field"]

_LENGTH_DELIMITED = 2
# Protobuf's other wire types that may stand at a message's top level, with their sizes in bytes.
_FIXED_BYTES = {1: 8, 5: 4}
_VARINT = 0
_VARINT_BYTES_MAX = 10


class WireError(ValueError):
    """The bytes are not a protobuf message."""


def length_prefix(field: int, length_bytes: int) -> bytes:
    """Gives the tag and length that stand before a field's bytes; the field is at most 15."""
    prefix = bytearray((field << 3 | _LENGTH_DELIMITED,))
    while length_bytes > 0x7F:
        prefix.append(length_bytes & 0x7F | 0x80)
        length_bytes >>= 7
    prefix.append(length_bytes)
    return bytes(prefix)


def split_field(message: bytes, field: int) -> tuple[bytes, list[memoryview]]:
    """Parts a message from one of its length-delimited fields.

    Returns the message without the field, and a view of each of the field's entries. Raises
    WireError when the message ends inside a field or has a wire type that does not exist.
    """
    wanted = field << 3 | _LENGTH_DELIMITED
    view = memoryview(message)
    entries: list[memoryview] = []
    rest: list[memoryview] = []
    rest_start = 0
    for tag, start, content, end in _fields(message):
        if tag == wanted:
            entries.append(view[content:end])
            rest.append(view[rest_start:start])
            rest_start = end
    if not entries:
        return message, entries
    rest.append(view[rest_start:])
    return b"".join(rest), entries


def _fields(message: bytes) -> Iterator[tuple[int, int, int, int]]:
    """Walks the top level: tag, where the field starts, where its content starts and ends."""
    end = len(message)
    at = 0
    while at < end:
        start = at
        tag, at = _varint(message, at)
        wire_type = tag & 7
        if wire_type == _LENGTH_DELIMITED:
            length, content = _varint(message, at)
            at = content + length
        elif wire_type == _VARINT:
            content = at
            _, at = _varint(message, at)
        elif wire_type in _FIXED_BYTES:
            content = at
            at += _FIXED_BYTES[wire_type]
        else:
            raise WireError(f"wire type {wire_type} at byte {start} does not exist")
        if at > end:
            raise WireError(f"the message of {end} bytes ends inside the field at byte {start}")
        yield tag, start, content, at


def _varint(message: bytes, at: int) -> tuple[int, int]:
    """Reads a varint; gives its value and where it ends."""
    value = 0
    for shift, byte in enumerate(message[at : at + _VARINT_BYTES_MAX]):
        value |= (byte & 0x7F) << (7 * shift)
        if byte < 0x80:
            return value, at + shift + 1
    raise WireError(f"the varint at byte {at} does not end")
