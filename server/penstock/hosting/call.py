# SPDX-License-Identifier: Apache-2.0
"""One hosted call: bytes from its peer and to it. Lives on the control thread's event loop."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from penstock.hosting.metadata import Metadatum

__all__ = ["RAISED", "CallEnded", "CallHead", "CallVerbs", "HostedCall"]

log = logging.getLogger(__name__)

#: A service's own code may raise any of these; none may end the control thread.
RAISED = (Exception, SystemExit, KeyboardInterrupt)

#: Bytes of messages that may be on their way to the socket before `write` waits.
UNWRITTEN_BYTES_MAX = 256 << 10
#: What a message counts besides its own bytes, as in the core's events.
MESSAGE_OVERHEAD_BYTES = 256


class CallEnded(Exception):
    """The call is over: its peer went away, its deadline passed, or it was finished."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallHead:
    """What a call's headers say. `deadline_s` is a moment of time.monotonic(), or None."""

    path: str
    metadata: tuple[Metadatum, ...]
    deadline_s: float | None
    peer: str
    accepted_encodings: frozenset[str]


class CallVerbs(Protocol):
    """What can be done about a call; see `_core.ControlBridge`."""

    def send_headers(
        self, call: int, metadata: Iterable[tuple[str, str | bytes]], encoding: str, /
    ) -> None:
        """Initial metadata."""

    def send_message(self, call: int, message: bytes, is_compressed: bool, /) -> None:
        """One message."""

    def consumed(self, call: int, messages: int, size: int, /) -> None:
        """The application has read these."""

    def finish(
        self, call: int, code: int, details: str, metadata: Iterable[tuple[str, str | bytes]], /
    ) -> None:
        """Status and trailing metadata."""


class HostedCall:
    """A call from its begin to its end. `note_*` say what the peer did, the rest is for handlers.

    Messages come in order. Several tasks may `write`; one at a time may `read`.
    """

    def __init__(self, verbs: CallVerbs, number: int, head: CallHead) -> None:
        self.head = head
        self.end: tuple[int, str] | None = None  # code and details, once it is over
        self.was_compressed = False  # the message that was read last
        self.has_sent_headers = False
        self.is_finished = False
        self._verbs = verbs
        self._number = number
        self._messages: deque[tuple[bytes, bool]] = deque()
        self._is_half_closed = False
        self._unwritten_bytes = 0
        self._reader: asyncio.Future[None] | None = None
        self._writers: list[asyncio.Future[None]] = []
        self._on_end: list[Callable[[], object]] = []
        self._on_done: list[Callable[[], object]] = []
        self._is_handled = False

    # -- for handlers -----------------------------------------------------------------------------

    async def read(self) -> bytes | None:
        """The next message, or None when the peer has sent its last.

        Raises CallEnded if the call ends before.
        """
        while not self._messages:
            if self.end is not None:
                raise CallEnded
            if self._is_half_closed:
                return None
            self._reader = asyncio.get_running_loop().create_future()
            await self._reader
        message, self.was_compressed = self._messages.popleft()
        if self.end is None:
            self._verbs.consumed(self._number, 1, len(message))
        return message

    def send_headers(self, metadata: Iterable[Metadatum], encoding: str) -> None:
        """Begins the answer. Without it, the first message or the end does."""
        if self.end is None and not self.is_finished:
            self.has_sent_headers = True
            self._verbs.send_headers(self._number, metadata, encoding)

    async def write(self, message: bytes, *, is_compressed: bool = False) -> None:
        """Sends a message; waits while the peer does not take what was sent before.

        Raises CallEnded if the call is over.
        """
        while self._unwritten_bytes >= UNWRITTEN_BYTES_MAX and self.end is None:
            waiting = asyncio.get_running_loop().create_future()
            self._writers.append(waiting)
            await waiting
        if self.end is not None or self.is_finished:
            raise CallEnded
        self._unwritten_bytes += len(message) + MESSAGE_OVERHEAD_BYTES
        self.has_sent_headers = True
        self._verbs.send_message(self._number, message, is_compressed)

    def finish(self, code: int, details: str, metadata: Iterable[Metadatum]) -> None:
        """Ends the answer. A second time it does nothing."""
        if self.end is None and not self.is_finished:
            self.is_finished = True
            self._verbs.finish(self._number, code, details, metadata)

    def when_ended(self, callback: Callable[[], object]) -> None:
        """Calls back when the call is over; at once if it is."""
        if self.end is not None:
            callback()
        else:
            self._on_end.append(callback)

    def when_done(self, callback: Callable[[], object]) -> None:
        """Calls back when the call is over and its handler, too."""
        self._on_done.append(callback)

    def note_handled(self) -> None:
        """Its handler has left."""
        self._is_handled = True
        if self.end is not None:
            self._call_back(self._on_done)

    # -- what the peer does -----------------------------------------------------------------------

    def note_message(self, message: bytes, was_compressed: bool) -> None:
        """A message came."""
        self._messages.append((message, was_compressed))
        self._wake_reader()

    def note_half_close(self) -> None:
        """No more messages come."""
        self._is_half_closed = True
        self._wake_reader()

    def note_written(self, size: int) -> None:
        """`size` bytes of messages have left, their overhead counted as in `write`."""
        self._unwritten_bytes = max(0, self._unwritten_bytes - size)
        self._wake_writers()

    def note_end(self, code: int, details: str) -> None:
        """The call is over; nothing comes any more."""
        self.end = (code, details)
        self._wake_reader()
        self._wake_writers()
        self._call_back(self._on_end)
        if self._is_handled:
            self._call_back(self._on_done)

    def _call_back(self, callbacks: list[Callable[[], object]]) -> None:
        """Each once."""
        while callbacks:
            try:
                callbacks.pop(0)()
            except RAISED:
                # It is a service's own code: the other callbacks, and other calls, go on.
                log.exception("done_callback_failed", extra={"method": self.head.path})

    def _wake_reader(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)

    def _wake_writers(self) -> None:
        """Each looks again whether there is room."""
        waiting, self._writers = self._writers, []
        for writer in waiting:
            if not writer.done():
                writer.set_result(None)
