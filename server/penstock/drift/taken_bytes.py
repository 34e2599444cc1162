# SPDX-License-Identifier: Apache-2.0
"""Counts and samples as bytes: for the monitor's process, and for the state that is kept.

A frame is its header's length, its header (JSON) and the bytes of its arrays one after another;
all of it deflated. Little-endian.
"""

import json
import struct
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

import numpy as np
import numpy.typing as npt

from penstock.drift.taken import Sample, Taken
from penstock.errors import MonitoringError

__all__ = ["sample_of", "sample_bytes", "taken_bytes", "taken_of"]

FORMAT = 1
#: Counts are mostly small: the least effort leaves a tenth of them.
LEVEL = 1
#: Of a frame that is read.
BYTES_MAX = 1 << 30

ARRAYS: Mapping[str, tuple[str, tuple[int, ...]]] = {
    "shown": ("<u4", (-1,)),
    "tested": ("<u4", (-1,)),
    "outside": ("<u4", (-1, 2)),
    "moments": ("<f8", (-1, 4)),
}
PLAIN = tuple(one.name for one in fields(Taken) if one.name not in {*ARRAYS, "sample"})


def taken_bytes(taken: Taken) -> bytes:
    """A frame of counts, with their sample."""
    header = {name: getattr(taken, name) for name in PLAIN}
    arrays = [(getattr(taken, name), kind) for name, (kind, _) in ARRAYS.items()]
    if taken.sample is not None:
        header["sample"] = _sample_header(taken.sample)
        arrays.append((taken.sample.numbers, "<f4"))
    return _frame(header, arrays)


def taken_of(frame: bytes) -> Taken:
    """The counts of a frame. Raises MonitoringError for one that is damaged."""
    try:
        header, content, sizes = _parts(frame)
        # Frames that were kept by an earlier version may lack what has a default.
        found: dict[str, Any] = {name: header[name] for name in PLAIN if name in header}
        at = 0
        for (name, (kind, shape)), size in zip(ARRAYS.items(), sizes, strict=False):
            found[name] = np.frombuffer(content, kind, size, at).reshape(shape)
            at += found[name].nbytes
        if (told := header.get("sample")) is not None:
            found["sample"] = _sample(told, content, sizes[len(ARRAYS)], at)
        return Taken(**found)
    except (ValueError, KeyError, TypeError, IndexError, zlib.error, struct.error) as error:
        raise MonitoringError(f"counts that were kept cannot be read: {error}.") from None


def sample_bytes(sample: Sample) -> bytes:
    """A frame of a sample alone."""
    return _frame({"sample": _sample_header(sample)}, [(sample.numbers, "<f4")])


def sample_of(frame: bytes) -> Sample:
    """The sample of a frame. Raises MonitoringError for one that is damaged."""
    try:
        header, content, sizes = _parts(frame)
        return _sample(header["sample"], content, sizes[0], 0)
    except (ValueError, KeyError, TypeError, IndexError, zlib.error, struct.error) as error:
        raise MonitoringError(f"a sample cannot be read: {error}.") from None


def _frame(header: Mapping[str, Any], arrays: Sequence[tuple[npt.NDArray[Any], str]]) -> bytes:
    content = [np.ascontiguousarray(array, kind).tobytes() for array, kind in arrays]
    told = {**header, "format": FORMAT, "sizes": [int(array.size) for array, _ in arrays]}
    text = json.dumps(told).encode()
    return zlib.compress(b"".join([struct.pack("<I", len(text)), text, *content]), LEVEL)


def _parts(frame: bytes) -> tuple[dict[str, Any], bytes, list[int]]:
    inflater = zlib.decompressobj()
    plain = inflater.decompress(frame, BYTES_MAX)
    if not inflater.eof:
        raise ValueError("they are cut off")
    (length,) = struct.unpack_from("<I", plain)
    header = json.loads(plain[4 : 4 + length])
    if header["format"] != FORMAT:
        raise ValueError(f"they are of format {header['format']}, wanted {FORMAT}")
    return header, plain[4 + length :], header["sizes"]


def _sample_header(sample: Sample) -> dict[str, Any]:
    texts = {str(place): list(values) for place, values in sample.texts.items()}
    return {"rows": len(sample.numbers), "texts": texts}


def _sample(told: Mapping[str, Any], content: bytes, size: int, at: int) -> Sample:
    rows = int(told["rows"])
    numbers = np.frombuffer(content, "<f4", size, at).reshape(rows, -1 if rows else 0)
    texts: dict[int, Sequence[str | int]] = {
        int(place): tuple(values) for place, values in told["texts"].items()
    }
    return Sample(numbers=numbers, texts=texts)
