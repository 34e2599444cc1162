# SPDX-License-Identifier: Apache-2.0
"""Joins the core's bridge to an event loop: events become calls, a turn's verbs cross together."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

from penstock.hosting.call import CallHead, CallVerbs, HostedCall
from penstock.hosting.metadata import Metadatum

__all__ = ["BridgeLoop", "CallBridge"]

log = logging.getLogger(__name__)

#: How long verbs wait that found an io thread's line full.
RETRY_S = 0.001

# The kinds of events; see `_core.ControlBridge.take`.
BEGIN, MESSAGE, HALF_CLOSE, WRITTEN = range(4)  # and 4: the end

#: How calls end that are open when the loop stops.
STOPPED = (14, "the server has stopped")


class CallBridge(CallVerbs, Protocol):
    """The core's side; see `_core.ControlBridge`."""

    @property
    def fd(self) -> int:
        """Readable while events wait."""

    def host(self, paths: Sequence[str], takes_any: bool, /) -> None:
        """Says which methods are answered here."""

    def take(self) -> list[tuple[Any, ...]]:
        """The events that wait."""

    def flush(self) -> bool:
        """Hands over what was said; False if some must wait."""


class BridgeLoop:
    """The calls that are open, on one event loop. `on_call` is told of each that begins.

    It is a `CallVerbs` itself: what calls say goes to the bridge, and crosses at the end of the
    loop's turn.
    """

    def __init__(self, bridge: CallBridge, on_call: Callable[[HostedCall], None]) -> None:
        self._bridge = bridge
        self._on_call = on_call
        self._calls: dict[int, HostedCall] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._flush: asyncio.Handle | None = None

    def start(self) -> None:
        """Begins to take events, on the running loop."""
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._bridge.fd, self._take)

    def stop(self) -> None:
        """Takes no more events. Calls that are open are as good as ended."""
        if self._loop is not None:
            self._loop.remove_reader(self._bridge.fd)
        for call in list(self._calls.values()):
            call.note_end(*STOPPED)
        self._calls.clear()

    def send_headers(
        self, call: int, metadata: Iterable[tuple[str, str | bytes]], encoding: str
    ) -> None:
        """See CallVerbs."""
        self._bridge.send_headers(call, metadata, encoding)
        self._schedule_flush()

    def send_message(self, call: int, message: bytes, is_compressed: bool) -> None:
        """See CallVerbs."""
        self._bridge.send_message(call, message, is_compressed)
        self._schedule_flush()

    def consumed(self, call: int, messages: int, size: int) -> None:
        """See CallVerbs."""
        self._bridge.consumed(call, messages, size)
        self._schedule_flush()

    def finish(
        self, call: int, code: int, details: str, metadata: Iterable[tuple[str, str | bytes]]
    ) -> None:
        """See CallVerbs."""
        self._bridge.finish(call, code, details, metadata)
        self._schedule_flush()

    def _schedule_flush(self) -> None:
        if self._flush is None and self._loop is not None:
            self._flush = self._loop.call_soon(self._flush_now)

    def _flush_now(self) -> None:
        self._flush = None
        if not self._bridge.flush() and self._loop is not None:
            self._flush = self._loop.call_later(RETRY_S, self._flush_now)

    def _take(self) -> None:
        for event in self._bridge.take():
            try:
                self._note(event)
            except Exception:
                # A callback of one call must not cost the others their events.
                log.exception("hosted_event_failed", extra={"kind": event[0]})

    def _note(self, event: tuple[Any, ...]) -> None:
        kind, number, *rest = event
        if kind == BEGIN:
            call = HostedCall(self, number, _head(*rest))
            self._calls[number] = call
            self._on_call(call)
            return
        call = self._calls[number]
        if kind == MESSAGE:
            call.note_message(*rest)
        elif kind == HALF_CLOSE:
            call.note_half_close()
        elif kind == WRITTEN:
            call.note_written(*rest)
        else:
            del self._calls[number]
            call.note_end(*rest)


def _head(
    path: str,
    metadata: tuple[tuple[str, str | bytes], ...],
    deadline_s: float | None,
    peer: str,
    accepted: tuple[str, ...],
) -> CallHead:
    return CallHead(
        path=path,
        metadata=tuple(Metadatum(key, value) for key, value in metadata),
        deadline_s=deadline_s,
        peer=peer,
        accepted_encodings=frozenset(accepted),
    )
