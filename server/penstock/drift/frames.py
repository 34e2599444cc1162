# SPDX-License-Identifier: Apache-2.0
"""What the server and the process of its monitors say to each other. Pure.

A message is the lengths of its two parts, then JSON, then bytes:

    u32 length of the JSON, u32 number of blobs, u32 length of each; JSON; blobs
"""

import json
import struct
from collections.abc import Mapping, Sequence
from typing import Any, BinaryIO

__all__ = ["HEAD", "lengths_of", "message_bytes", "read_message"]

HEAD = struct.Struct("<II")


def message_bytes(told: Mapping[str, Any], blobs: Sequence[bytes] = ()) -> bytes:
    """A message."""
    text = json.dumps(told).encode()
    sizes = struct.pack(f"<{len(blobs)}I", *map(len, blobs))
    return b"".join([HEAD.pack(len(text), len(blobs)), sizes, text, *blobs])


def lengths_of(sizes: bytes) -> tuple[int, ...]:
    """The lengths of the blobs, from the bytes after the head."""
    return struct.unpack(f"<{len(sizes) // 4}I", sizes)


def read_message(stream: BinaryIO) -> tuple[dict[str, Any], list[bytes]] | None:
    """The next message; None: the stream has ended."""
    head = stream.read(HEAD.size)
    if len(head) < HEAD.size:
        return None
    text, count = HEAD.unpack(head)
    sizes = stream.read(4 * count)
    content = stream.read(text)
    if len(content) < text:
        return None
    blobs = [stream.read(length) for length in lengths_of(sizes)]
    return json.loads(content), blobs
