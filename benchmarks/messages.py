# SPDX-License-Identifier: Apache-2.0
"""The two messages of a V2 ModelInfer call, written and read field by field.

Few lines of our own, so that what a server is timed and checked with depends on none of the code
that is timed. Pure: bytes in, bytes out.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

_LENGTH_DELIMITED = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a ModelInferResponse says; `raw` has one entry for each output."""

    model: str
    names: tuple[str, ...]
    datatypes: tuple[str, ...]
    shapes: tuple[tuple[int, ...], ...]
    raw: tuple[bytes, ...]


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _field(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | _LENGTH_DELIMITED) + _varint(len(content)) + content


def _number(number: int, value: int) -> bytes:
    return _varint(number << 3) + _varint(value)


def _tensor(shape: tuple[int, ...], datatype: str = "FP32") -> bytes:
    return (
        _field(1, b"INPUT0")
        + _field(2, datatype.encode())
        + _field(3, b"".join(_varint(extent) for extent in shape))
    )


def encode_request(model: str, shape: tuple[int, ...], raw: bytes, datatype: str = "FP32") -> bytes:
    """Return a ModelInferRequest with one input, INPUT0, its bytes in raw_input_contents."""
    return _field(1, model.encode()) + _field(5, _tensor(shape, datatype)) + _field(7, raw)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Bytes of a region of shared memory."""

    region: str
    offset: int
    byte_size: int


def _parameters(number: int, place: Place) -> bytes:
    def entry(key: str, value: bytes) -> bytes:
        return _field(number, _field(1, key.encode()) + _field(2, value))

    return (
        entry("shared_memory_region", _field(3, place.region.encode()))
        + entry("shared_memory_byte_size", _number(2, place.byte_size))
        + entry("shared_memory_offset", _number(2, place.offset))
    )


def encode_shared_request(model: str, shape: tuple[int, ...], given: Place, wanted: Place) -> bytes:
    """Return a ModelInferRequest whose INPUT0 is in shared memory and whose OUTPUT0 is to be."""
    return (
        _field(1, model.encode())
        + _field(5, _tensor(shape) + _parameters(4, given))
        + _field(6, _field(1, b"OUTPUT0") + _parameters(2, wanted))
    )


def encode_registration(name: str, key: str, byte_size: int) -> bytes:
    """Return a SystemSharedMemoryRegisterRequest for an object from its begin on."""
    return _field(1, name.encode()) + _field(2, key.encode()) + _number(4, byte_size)


def framed(message: bytes) -> bytes:
    """Return the message behind gRPC's prefix: not compressed, then its length."""
    return struct.pack(">BI", 0, len(message)) + message


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at


def _fields(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield each field as number and content; a varint field's content is the varint itself."""
    at = 0
    while at < len(data):
        tag, at = _read_varint(data, at)
        if tag & 7 == _LENGTH_DELIMITED:
            size, at = _read_varint(data, at)
            end = at + size
        elif tag & 7 == 0:
            _, end = _read_varint(data, at)
        else:
            raise ValueError(f"wire type {tag & 7} has no place in a ModelInferResponse here")
        if end > len(data):
            raise ValueError("the response is cut short")
        yield tag >> 3, data[at:end]
        at = end


def _varints(data: bytes) -> Iterator[int]:
    at = 0
    while at < len(data):
        value, at = _read_varint(data, at)
        yield value


def decode_response(data: bytes) -> Answer:
    """Read a ModelInferResponse whose tensors are raw.

    Raises ValueError where the bytes are not such a message.
    """
    model = ""
    names: list[str] = []
    datatypes: list[str] = []
    shapes: list[tuple[int, ...]] = []
    raw: list[bytes] = []
    for number, content in _fields(data):
        if number == 1:
            model = content.decode()
        elif number == 5:
            parts = list(_fields(content))
            names.append(b"".join(part for field, part in parts if field == 1).decode())
            datatypes.append(b"".join(part for field, part in parts if field == 2).decode())
            packed = b"".join(part for field, part in parts if field == 3)
            shapes.append(tuple(_varints(packed)))
        elif number == 6:
            raw.append(content)
    return Answer(
        model=model,
        names=tuple(names),
        datatypes=tuple(datatypes),
        shapes=tuple(shapes),
        raw=tuple(raw),
    )
