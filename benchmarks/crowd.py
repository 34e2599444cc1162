# SPDX-License-Identifier: Apache-2.0
"""A crowd of connections that each ask once and then stay, in a process of their own.

    python -m benchmarks.crowd PORT CONNECTIONS MODEL

Opens the connections one after another; each says hello as gRPC's own clients do, sends one
ModelInfer of sixteen floats that no other sends, and checks that just these come back. Prints
"seated" when all were answered, and lets go when its standard input ends.
"""

import socket
import struct
import sys
from contextlib import ExitStack

import hpack

from benchmarks import h2load, messages

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_DATA, _HEADERS, _SETTINGS, _WINDOW_UPDATE = 0, 1, 4, 8
_END_STREAM, _ACK, _END_HEADERS = 1, 1, 4
_HEAD = struct.Struct(">BHBBL")
_WIDTH = 16
_PATIENCE_S = 60.0


def _frame(kind: int, flags: int, stream: int, content: bytes) -> bytes:
    size = len(content)
    return _HEAD.pack(size >> 16, size & 0xFFFF, kind, flags, stream) + content


def _hello() -> bytes:
    """Return what grpcio opens a connection with: its settings, and a wider window."""
    settings = struct.pack(">HLHLHLHL", 2, 0, 3, 0, 4, 4 << 20, 6, 16 << 10)
    window = struct.pack(">L", (4 << 20) - 65_535)
    return _PREFACE + _frame(_SETTINGS, 0, 0, settings) + _frame(_WINDOW_UPDATE, 0, 0, window)


def _head() -> bytes:
    """Return the first request's headers, put into the server's table as gRPC's clients do."""
    fields = [
        (":scheme", "http"),
        (":method", "POST"),
        (":authority", "127.0.0.1:8001"),
        (":path", h2load.PATH),
        ("te", "trailers"),
        ("content-type", "application/grpc"),
        ("user-agent", "grpc-python/1.80.0 grpc-c/52.0.0 (linux; chttp2)"),
        ("grpc-accept-encoding", "identity, deflate, gzip"),
    ]
    block: bytes = hpack.Encoder().encode(fields)
    return _frame(_HEADERS, _END_HEADERS, 1, block)


def _raw(number: int) -> bytes:
    return struct.pack(f"<{_WIDTH}f", *(number + i for i in range(_WIDTH)))


class _Answer:
    """The frames of one answer, as they come."""

    def __init__(self) -> None:
        self._input = bytearray()
        self._heads = hpack.Decoder()
        self.body = bytearray()
        self.fields: dict[str, str] = {}
        self.is_ended = False

    def feed(self, came: bytes) -> None:
        """Read as many whole frames as there are."""
        self._input += came
        while len(self._input) >= _HEAD.size:
            high, low, kind, flags, _stream = _HEAD.unpack_from(self._input)
            end = _HEAD.size + (high << 16 | low)
            if len(self._input) < end:
                return
            content = bytes(self._input[_HEAD.size : end])
            del self._input[:end]
            if kind == _DATA:
                self.body += content
            elif kind == _HEADERS:
                self.fields.update((str(n), str(v)) for n, v in self._heads.decode(content))
            self.is_ended |= kind in (_DATA, _HEADERS) and bool(flags & _END_STREAM)

    def check(self, model: str, raw: bytes) -> None:
        """Raise ValueError unless it is an identity model's answer to `raw`."""
        if self.fields.get("grpc-status") != "0":
            raise ValueError(f"an answer came with {self.fields}")
        answer = messages.decode_response(bytes(self.body[5:]))
        if (answer.model, answer.raw) != (model, (raw,)):
            raise ValueError(f"{answer} came for {raw.hex()}")


def _ask(connection: socket.socket, opening: bytes, model: str, number: int) -> None:
    raw = _raw(number)
    request = messages.framed(messages.encode_request(model, (1, _WIDTH), raw))
    connection.sendall(opening + _frame(_DATA, _END_STREAM, 1, request))
    answer = _Answer()
    while not answer.is_ended:
        came = connection.recv(1 << 16)
        if not came:
            raise ConnectionError(f"connection {number} was closed")
        answer.feed(came)
    answer.check(model, raw)
    connection.sendall(_frame(_SETTINGS, _ACK, 0, b""))


def main() -> None:
    """Seat the crowd."""
    port, count, model = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    opening = _hello() + _head()
    with ExitStack() as stack:
        for number in range(count):
            connection = stack.enter_context(
                socket.create_connection(("127.0.0.1", port), timeout=_PATIENCE_S)
            )
            _ask(connection, opening, model, number)
        print("seated", flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
