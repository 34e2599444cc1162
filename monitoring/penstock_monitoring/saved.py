# SPDX-License-Identifier: Apache-2.0
"""What a monitor knows as bytes: arrays and JSON, compressed, with a version and a digest."""

import hashlib
import io
import json
import zlib
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["SavedError", "pack", "unpack"]

_MAGIC = b"penstock monitor "
_FORMAT = b"1\n"
_DIGEST_BYTES = 32
#: Of a compressed state that says it is larger, nothing is believed.
_BYTES_MAX = 4 << 30

Arrays = dict[str, npt.NDArray[Any]]


class SavedError(ValueError):
    """What was kept cannot be gone on with; the message says why, for a note."""


def pack(content: dict[str, Any], arrays: Arrays) -> bytes:
    """The bytes that unpack() reads. `content`: what json.dumps takes."""
    stream = io.BytesIO()
    text = np.frombuffer(json.dumps(content).encode(), dtype=np.uint8)
    np.savez(stream, allow_pickle=False, content=text, **{f"a.{k}": v for k, v in arrays.items()})
    # Counts are mostly small numbers in wide words: the least effort takes most of it away.
    body = zlib.compress(stream.getbuffer(), 1)
    return _MAGIC + _FORMAT + hashlib.sha256(body).digest() + body


def unpack(saved: bytes) -> tuple[dict[str, Any], Arrays]:
    """What pack() was given.

    Raises:
        SavedError: it is of another version, or damaged.
    """
    if not saved.startswith(_MAGIC):
        raise SavedError("what was kept is no state of a monitor")
    if not saved.startswith(_MAGIC + _FORMAT):
        raise SavedError("what was kept is of another version of Penstock")
    start = len(_MAGIC) + len(_FORMAT)
    digest, body = saved[start : start + _DIGEST_BYTES], saved[start + _DIGEST_BYTES :]
    if hashlib.sha256(body).digest() != digest:
        raise SavedError("what was kept is damaged")
    try:
        inflate = zlib.decompressobj()
        stream = io.BytesIO(inflate.decompress(body, _BYTES_MAX))
        with np.load(stream, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        content = json.loads(arrays.pop("content").tobytes())
    except (ValueError, KeyError, OSError, zlib.error, EOFError) as error:
        raise SavedError(f"what was kept cannot be read: {error}") from None
    return content, {name.removeprefix("a."): array for name, array in arrays.items()}
