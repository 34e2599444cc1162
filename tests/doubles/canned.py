# SPDX-License-Identifier: Apache-2.0
"""A client's bytes, made once and sent thousands of times: h2_peer is too slow for a crowd."""

from __future__ import annotations

import socket
import struct
from functools import cache

import hpack
from tests.doubles.h2_peer import framed

DATA, HEADERS, RST_STREAM, SETTINGS, WINDOW_UPDATE = 0, 1, 3, 4, 8
END_STREAM, ACK, END_HEADERS = 1, 1, 4
FRAME_HEAD = struct.Struct(">BHBBL")
FRAME_BYTES_MAX = 1 << 14
WINDOW_BYTES = 1 << 30


def frame(kind: int, flags: int, stream: int, content: bytes = b"") -> bytes:
    size = len(content)
    return FRAME_HEAD.pack(size >> 16, size & 0xFFFF, kind, flags, stream) + content


def hello(window_bytes: int = WINDOW_BYTES) -> bytes:
    """The preface, and windows of so many bytes for each stream and on top of the connection's.

    The server's settings are acknowledged before they are read: its streams then take what it said.
    """
    return (
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
        + frame(SETTINGS, 0, 0, struct.pack(">HL", 4, window_bytes))
        + frame(WINDOW_UPDATE, 0, 0, struct.pack(">L", window_bytes))
        + frame(SETTINGS, ACK, 0)
    )


def head(stream: int, path: str, *fields: tuple[str, str]) -> bytes:
    """A request's headers, which use no table: they may be sent in any order, on any connection."""
    return frame(HEADERS, END_HEADERS, stream, _block(path, fields))


@cache
def _block(path: str, fields: tuple[tuple[str, str], ...]) -> bytes:
    encoder = hpack.Encoder()
    encoder.header_table_size = 0
    block: bytes = encoder.encode(
        [
            (":method", "POST"),
            (":scheme", "http"),
            (":path", path),
            (":authority", "test"),
            ("content-type", "application/grpc"),
            ("te", "trailers"),
            *fields,
        ]
    )
    return block


def body(stream: int, message: bytes) -> bytes:
    """A request's message to its end."""
    rest = framed(message)
    parts = [rest[at : at + FRAME_BYTES_MAX] for at in range(0, len(rest), FRAME_BYTES_MAX)]
    frames = [frame(DATA, 0, stream, part) for part in parts[:-1]]
    return b"".join([*frames, frame(DATA, END_STREAM, stream, parts[-1])])


def call(stream: int, path: str, message: bytes, *fields: tuple[str, str]) -> bytes:
    """A whole request."""
    return head(stream, path, *fields) + body(stream, message)


def connect(port: int) -> socket.socket:
    made = socket.create_connection(("127.0.0.1", port), timeout=30)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return made


def kill(connection: socket.socket) -> None:
    """Closes as the kernel does for a process that dies with unread data: by a reset."""
    lose_at_close(connection)
    connection.close()


def lose_at_close(connection: socket.socket) -> None:
    """Lets its close be a reset."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
