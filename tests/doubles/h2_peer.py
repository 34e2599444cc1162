# SPDX-License-Identifier: Apache-2.0
"""A gRPC client that a test drives frame by frame: a blocking socket and python-hyper's h2.

It does what it is told and no more: it reads only inside `until`, `wait_for` and while `send` is
out of window. Whatever does not come within its patience is a TimeoutError that says what had come.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any
from urllib.parse import unquote

import h2.config
import h2.connection
import h2.events
import h2.exceptions
import hyperframe.frame
from h2.settings import SettingCodes, Settings

# Long enough that only a server which is wrong ever takes so long.
PATIENCE_S = 30.0
WINDOW_BYTES_MAX = 2**31 - 1
FRAME_HEAD_BYTES = 9

Fields = dict[str, str]


def framed(message: bytes, flag: int = 0) -> bytes:
    """`message` behind gRPC's five bytes of prefix; `flag` 1 says that it is compressed."""
    return bytes([flag]) + len(message).to_bytes(4, "big") + message


@dataclass(slots=True)
class Stream:
    """What has come on one stream so far. `sections` are its header lists: headers, trailers."""

    number: int
    sections: list[Fields] = field(default_factory=list)
    body: bytearray = field(default_factory=bytearray)
    shape: list[str] = field(default_factory=list)  # "headers", "data", "trailers", in order
    is_ended: bool = False
    reset_code: int | None = None

    @property
    def is_over(self) -> bool:
        return self.is_ended or self.reset_code is not None

    @property
    def headers(self) -> Fields:
        return self.sections[0]

    @property
    def trailers(self) -> Fields:
        """Where gRPC's status stands; of an answer without a message, its only header list."""
        return self.sections[-1]

    @property
    def status(self) -> int:
        return int(self.trailers["grpc-status"])

    @property
    def why(self) -> str:
        return unquote(self.trailers["grpc-message"], errors="strict")

    @property
    def message(self) -> bytes:
        """The one message of a good answer, which is not compressed."""
        assert (self.status, self.reset_code) == (0, None), self.sections
        assert self.body[:5] == framed(bytes(len(self.body) - 5))[:5]
        return bytes(self.body[5:])


@dataclass(frozen=True, slots=True)
class Goaway:
    """The numbers of a GOAWAY frame."""

    last_stream: int
    error_code: int


class H2Peer:
    """One connection to `address`, "host:port". Says hello at once, and closes at the exit.

    `window_bytes` is what it lets the server send on a stream and on top of the 65 535 bytes of the
    connection; `gives_back` says whether it opens both again as data comes. While `is_mute`, what
    h2 answers by itself (pings, settings) and those windows are held back until `speak`. A
    `preface` takes the place of HTTP/2's.
    """

    def __init__(
        self,
        address: str,
        *,
        window_bytes: int = 65_535,
        gives_back: bool = True,
        settings: dict[SettingCodes, int] | None = None,
        preface: bytes = b"",
        patience_s: float = PATIENCE_S,
    ) -> None:
        host, _, port = address.rpartition(":")
        self.gives_back = gives_back
        self.is_mute = False
        self.is_closed = False  # by the server
        self.streams: dict[int, Stream] = {}
        self.goaways: list[Goaway] = []
        self.pings = 0
        self.largest_frame_bytes = 0
        self.h2 = h2.connection.H2Connection(
            h2.config.H2Configuration(header_encoding="utf-8", validate_outbound_headers=False)
        )
        self.h2.local_settings = Settings(
            client=True,
            initial_values={SettingCodes.INITIAL_WINDOW_SIZE: window_bytes, **(settings or {})},
        )
        # Where h2 keeps copies of the defaults.
        self.h2.max_inbound_frame_size = self.h2.local_settings.max_frame_size
        self.h2.decoder.max_allowed_table_size = self.h2.local_settings.header_table_size
        self.h2.initiate_connection()
        if preface:
            self.h2.clear_outbound_data_buffer()
        if window_bytes > 65_535:
            self.h2.increment_flow_control_window(window_bytes - 65_535)
        self._patience_s = patience_s
        self._is_corked = False
        self._held = b""
        self._ping_acks = 0
        self._input = bytearray()
        self._socket = socket.create_connection((host, int(port)), timeout=patience_s)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.sendall(preface)
        self.flush()

    # -- verbs ------------------------------------------------------------------------------------

    def open(
        self,
        path: str,
        fields: Iterable[tuple[str, str]] = (),
        *,
        method: str = "POST",
        content_type: str = "application/grpc",
        is_last: bool = False,
    ) -> Stream:
        """A request's headers, those of gRPC and then `fields`."""
        number = self.h2.get_next_available_stream_id()
        head = [
            (":method", method),
            (":scheme", "http"),
            (":path", path),
            (":authority", "test"),
            ("content-type", content_type),
            ("te", "trailers"),
            *fields,
        ]
        self.h2.send_headers(number, head, end_stream=is_last)
        self.flush()
        return self.streams.setdefault(number, Stream(number))

    def send(
        self, stream: Stream, data: bytes, *, is_last: bool = False, pad_bytes: int | None = None
    ) -> None:
        """Body bytes, as the server's windows allow; stops where the server has reset the stream.

        With `pad_bytes` it is one frame, which must fit.
        """
        if pad_bytes is not None:
            self.h2.send_data(stream.number, data, end_stream=is_last, pad_length=pad_bytes)
            self.flush()
            return
        rest = memoryview(data)
        while stream.reset_code is None:
            window = self.h2.local_flow_control_window(stream.number)
            part = rest[: min(window, self.h2.max_outbound_frame_size)]
            rest = rest[len(part) :]
            if part or not data:
                self.h2.send_data(stream.number, bytes(part), end_stream=is_last and not rest)
                self.flush()
            if not rest:
                return
            if not window:
                self._receive(
                    time.monotonic() + self._patience_s, f"room to send {len(rest)} bytes"
                )

    def call(
        self, path: str, message: bytes = b"", fields: Iterable[tuple[str, str]] = ()
    ) -> Stream:
        """A whole unary request."""
        stream = self.open(path, fields)
        self.send(stream, framed(message), is_last=True)
        return stream

    def reset(self, stream: Stream, code: int = 8) -> None:
        """RST_STREAM, by default CANCEL."""
        self.h2.reset_stream(stream.number, code)
        self.flush()

    def send_frame(self, frame: hyperframe.frame.Frame, times: int = 1) -> None:
        """A frame that h2 does not get to see."""
        self._socket.sendall(frame.serialize() * times)

    def flush(self) -> None:
        if not self._is_corked:
            self._socket.sendall(self.h2.data_to_send())

    @contextmanager
    def corked(self) -> Iterator[None]:
        """What is sent within leaves at the end, in one piece."""
        self._is_corked = True
        yield
        self._is_corked = False
        self.flush()

    def speak(self) -> None:
        """Ends `is_mute`: what was held back leaves now."""
        self.is_mute = False
        self._socket.sendall(self._held)
        self._held = b""

    # -- waiting ----------------------------------------------------------------------------------

    def until(self, is_so: Callable[[], bool]) -> None:
        """Reads and answers what comes until `is_so`; the end of the connection ends it too."""
        deadline = time.monotonic() + self._patience_s
        while not is_so():
            if self.is_closed:
                raise ConnectionError(f"the server has closed; {self._seen()}")
            self._receive(deadline, "what the test waits for")

    def wait_for(self, *streams: Stream) -> None:
        """Until each of them was answered or reset."""
        self.until(lambda: all(stream.is_over for stream in streams))

    def wait_for_reset(self, stream: Stream) -> None:
        """Until the server has reset it, be it after an answer."""
        self.until(lambda: stream.reset_code is not None)

    def wait_for_end(self) -> None:
        """Until the server closes the connection; then this side does."""
        self.until(lambda: self.is_closed)
        self.close()

    def round_trip(self) -> None:
        """Until the server has answered a ping: it has seen all that was sent before."""
        answered = self._ping_acks
        self.h2.ping(b"penstock")
        self.flush()
        self.until(lambda: self._ping_acks > answered)

    # -- reading ----------------------------------------------------------------------------------

    def _receive(self, deadline: float, what: str) -> None:
        self._socket.settimeout(max(deadline - time.monotonic(), 0.001))
        try:
            came = self._socket.recv(1 << 18)
        except TimeoutError:
            raise TimeoutError(f"{what} did not come; {self._seen()}") from None
        except ConnectionResetError:
            came = b""
        self._socket.settimeout(self._patience_s)
        self.is_closed = not came
        self._input += came
        while (frame := self._next_frame()) is not None:
            for event in self.h2.receive_data(frame):
                self._note(event)
        if self.is_mute:
            self._held += self.h2.data_to_send()
        else:
            # A server that has closed may still have left something to read.
            with suppress(BrokenPipeError, ConnectionResetError):
                self.flush()

    def _next_frame(self) -> bytes | None:
        """The next frame for h2, which takes a GOAWAY for the end although it is not."""
        while len(self._input) >= FRAME_HEAD_BYTES:
            size = FRAME_HEAD_BYTES + int.from_bytes(self._input[:3], "big")
            if len(self._input) < size:
                return None
            self.largest_frame_bytes = max(self.largest_frame_bytes, size - FRAME_HEAD_BYTES)
            whole = bytes(self._input[:size])
            del self._input[:size]
            frame, _ = hyperframe.frame.Frame.parse_frame_header(
                memoryview(whole)[:FRAME_HEAD_BYTES]
            )
            if not isinstance(frame, hyperframe.frame.GoAwayFrame):
                return whole
            frame.parse_body(memoryview(whole)[FRAME_HEAD_BYTES:])
            self.goaways.append(Goaway(frame.last_stream_id, frame.error_code))
        return None

    def _note(self, event: Any) -> None:
        if isinstance(event, h2.events.PingReceived):
            self.pings += 1
        elif isinstance(event, h2.events.PingAckReceived):
            self._ping_acks += 1
        stream = self.streams.get(getattr(event, "stream_id", None) or 0)
        if stream is None:
            return
        match event:
            case h2.events.ResponseReceived():
                stream.sections.append({str(k): str(v) for k, v in event.headers})
                stream.shape.append("headers")
            case h2.events.TrailersReceived():
                stream.sections.append({str(k): str(v) for k, v in event.headers})
                stream.shape.append("trailers")
            case h2.events.DataReceived():
                stream.body += event.data
                if stream.shape[-1:] != ["data"]:
                    stream.shape.append("data")
                if self.gives_back:
                    self.give_back(event.flow_controlled_length, stream)
            case h2.events.StreamEnded():
                stream.is_ended = True
            case h2.events.StreamReset():
                stream.reset_code = event.error_code

    def give_back(self, size: int, stream: Stream) -> None:
        """Opens both windows by as much; h2's own way would wait until it is worth a frame."""
        if not size:
            return
        self.h2.increment_flow_control_window(size)
        # Where the last event of what came ends the stream, h2 has closed it already.
        if not stream.is_over:
            with suppress(h2.exceptions.StreamClosedError):
                self.h2.increment_flow_control_window(size, stream.number)

    def _seen(self) -> str:
        last = [
            (stream.number, stream.sections, len(stream.body), stream.reset_code)
            for stream in list(self.streams.values())[-4:]
        ]
        return f"seen: {self.goaways}, {self.pings} pings, and of the last streams {last}"

    def close(self) -> None:
        self._socket.close()

    def __enter__(self) -> H2Peer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
