# SPDX-License-Identifier: Apache-2.0
"""A client that sends any bytes, and reads frames as they are: hyperframe and hpack, no h2.

For illegal traffic: there is no state machine that would refuse to send it, or to go on reading
afterwards. What it knows of streams is what the server said about them.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType

import hpack
from hyperframe.frame import (
    DataFrame,
    Frame,
    GoAwayFrame,
    HeadersFrame,
    PingFrame,
    RstStreamFrame,
    SettingsFrame,
)
from tests.doubles.h2_peer import FRAME_HEAD_BYTES, PATIENCE_S, framed

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
# RFC 9113 section 6.
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS = 0, 1, 2, 3, 4
PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = 5, 6, 7, 8, 9
END_STREAM, ACK, END_HEADERS, PADDED, HAS_PRIORITY = 1, 1, 4, 8, 32

# RFC 9113 section 7.
NO_ERROR, PROTOCOL_ERROR, INTERNAL_ERROR, FLOW_CONTROL_ERROR = 0, 1, 2, 3
SETTINGS_TIMEOUT, STREAM_CLOSED, FRAME_SIZE_ERROR, REFUSED_STREAM = 4, 5, 6, 7
CANCEL, COMPRESSION_ERROR, ENHANCE_YOUR_CALM = 8, 9, 11

Fields = list[tuple[str, str]]


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    """Any frame at all. `stream` may have its reserved bit set."""
    return (
        len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload
    )


def literal(name: bytes, value: bytes) -> bytes:
    """HPACK: a literal field that no table remembers, without Huffman's code (RFC 7541 6.2.2)."""
    return b"\x00" + text(name) + text(value)


def text(octets: bytes) -> bytes:
    """HPACK: a string without Huffman's code, shorter than 127 octets (RFC 7541 5.2)."""
    assert len(octets) < 127
    return bytes([len(octets)]) + octets


def block(fields: Iterable[tuple[str, str]]) -> bytes:
    """A header block of literal fields, as they stand: of capitals, blanks, whatever."""
    return b"".join(
        literal(name.encode("latin-1"), value.encode("latin-1")) for name, value in fields
    )


def grpc_head(path: str) -> Fields:
    return [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", path),
        (":authority", "test"),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
    ]


@dataclass(slots=True)
class Answer:
    """What the server said on one stream."""

    sections: list[dict[str, str]] = field(default_factory=list)
    body: bytearray = field(default_factory=bytearray)
    is_ended: bool = False
    reset_code: int | None = None

    @property
    def is_over(self) -> bool:
        return self.is_ended or self.reset_code is not None


class RawPeer:
    """One connection to `address`, "host:port". With `says_hello`, preface and SETTINGS first."""

    def __init__(self, address: str, *, says_hello: bool = True) -> None:
        host, _, port = address.rpartition(":")
        self.frames: list[Frame] = []  # all but DATA and HEADERS, in the order they came
        self.answers: dict[int, Answer] = {}
        self.is_closed = False  # by the server
        self.is_deaf = False  # reads nothing
        self._decoder = hpack.Decoder()
        self._input = bytearray()
        self._socket = socket.create_connection((host, int(port)), timeout=PATIENCE_S)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if says_hello:
            self.send(PREFACE + frame(SETTINGS, 0, 0))
            self.settle()

    # -- verbs ------------------------------------------------------------------------------------

    def send(self, octets: bytes) -> None:
        """All of it; a server that has closed is no error."""
        with suppress(BrokenPipeError, ConnectionResetError):
            self._socket.sendall(octets)

    def request(self, stream: int, path: str, *, flags: int = END_HEADERS) -> None:
        self.send(frame(HEADERS, flags, stream, block(grpc_head(path))))

    def call(self, stream: int, path: str, message: bytes = b"") -> Answer:
        """A whole unary request, and its answer."""
        self.request(stream, path)
        prefixed = framed(message)
        self.send(frame(DATA, END_STREAM, stream, prefixed))
        return self.wait_for(stream)

    def settle(self) -> None:
        """Until both sides' SETTINGS are acknowledged."""
        self.read_until(lambda: any(f.type == SETTINGS for f in self.frames))
        self.send(frame(SETTINGS, ACK, 0))
        self.read_until(lambda: any(f.type == SETTINGS and "ACK" in f.flags for f in self.frames))

    def flood(self, octets: bytes, times: int = 1) -> bool:
        """Sends it again and again for as long as the server lets it; whether it did to the end."""
        deadline = time.monotonic() + PATIENCE_S
        for _ in range(times):
            rest = memoryview(octets)
            while rest:
                assert time.monotonic() < deadline, "the flood was neither taken nor ended"
                self._socket.settimeout(0)
                try:
                    rest = rest[self._socket.send(rest) :]
                except BlockingIOError:
                    if not self.is_deaf:
                        self._receive(0.001)
                except (BrokenPipeError, ConnectionResetError):
                    return False
            if not self.is_deaf:
                self._receive(0)
                if self.is_closed:
                    return False
        return True

    def trickle(self, octets: bytes, *, pause_s: float) -> None:
        """An octet at a time, reading in between, until the server closes."""
        for octet in octets:
            if self.is_closed:
                return
            self.send(bytes([octet]))
            self.listen(pause_s)

    # -- waiting ----------------------------------------------------------------------------------

    def read_until(self, is_so: Callable[[], bool], what: str = "what the test waits for") -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not is_so():
            if self.is_closed:
                raise ConnectionError(f"the server has closed; {self._seen()}")
            if time.monotonic() > deadline:
                raise TimeoutError(f"{what} did not come; {self._seen()}")
            self._receive(0.1)

    def wait_for(self, stream: int) -> Answer:
        """Until the server has ended or reset it."""
        answer = self.answers.setdefault(stream, Answer())
        self.read_until(lambda: answer.is_over, f"the end of stream {stream}")
        return answer

    def reset_code(self, stream: int) -> int | None:
        return self.wait_for(stream).reset_code

    def round_trip(self) -> None:
        """Until the server has answered a ping: it has seen all that was sent before."""
        asked = len(self.frames)
        self.send(frame(PING, 0, 0, b"penstock"))
        self.read_until(
            lambda: any(f.type == PING and "ACK" in f.flags for f in self.frames[asked:])
        )

    def listen(self, seconds: float) -> None:
        """Reads whatever comes for so long."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0 and not self.is_closed:
            self._receive(left)

    def end_code(self) -> int | None:
        """Until the server closes; the error code of its last GOAWAY, None where it sent none."""
        deadline = time.monotonic() + PATIENCE_S
        while not self.is_closed:
            assert time.monotonic() < deadline, f"the server did not close; {self._seen()}"
            self._receive(0.1)
        said = [f.error_code for f in self.frames if isinstance(f, GoAwayFrame)]
        return said[-1] if said else None

    def read_to_end(self) -> bytes:
        """All that comes until the server closes, frames or not."""
        came = bytearray()
        with suppress(ConnectionResetError):
            while some := self._socket.recv(1 << 16):
                came += some
        self.is_closed = True
        return bytes(came)

    # -- reading ----------------------------------------------------------------------------------

    def _receive(self, seconds: float) -> None:
        self._socket.settimeout(seconds)
        try:
            came = self._socket.recv(1 << 18)
        except (BlockingIOError, TimeoutError):
            return
        except ConnectionResetError:
            came = b""
        finally:
            self._socket.settimeout(PATIENCE_S)
        self.is_closed = not came
        self._input += came
        while len(self._input) >= FRAME_HEAD_BYTES:
            size = FRAME_HEAD_BYTES + int.from_bytes(self._input[:3], "big")
            if len(self._input) < size:
                break
            whole = memoryview(bytes(self._input[:size]))
            del self._input[:size]
            self._note(whole)

    def _note(self, whole: memoryview) -> None:
        one, _ = Frame.parse_frame_header(whole[:FRAME_HEAD_BYTES])
        one.parse_body(whole[FRAME_HEAD_BYTES:])
        answer = self.answers.setdefault(one.stream_id, Answer()) if one.stream_id else Answer()
        match one:
            case HeadersFrame():
                assert "END_HEADERS" in one.flags
                answer.sections.append(
                    {str(name): str(value) for name, value in self._decoder.decode(one.data)}
                )
            case DataFrame():
                answer.body += one.data
            case RstStreamFrame():
                answer.reset_code = one.error_code
                self.frames.append(one)
            case _:
                self.frames.append(one)
        if isinstance(one, HeadersFrame | DataFrame) and "END_STREAM" in one.flags:
            answer.is_ended = True

    def settings(self) -> dict[int, int]:
        """Those of the server's first frame."""
        first = self.frames[0]
        assert isinstance(first, SettingsFrame)
        return dict(first.settings)

    def pings(self) -> list[PingFrame]:
        """Those that came, the server's own and its answers."""
        return [f for f in self.frames if isinstance(f, PingFrame)]

    def _seen(self) -> str:
        return f"seen: {self.frames[-8:]} and {dict(list(self.answers.items())[-4:])}"

    def close(self) -> None:
        self._socket.close()

    def __enter__(self) -> RawPeer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
