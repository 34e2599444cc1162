# SPDX-License-Identifier: Apache-2.0
"""One gRPC call as the tests make it, by whichever implementation of a client.

A test says what it wants with blocking verbs; each client's event loop runs within them only.
Whatever does not come within PATIENCE_S is a TimeoutError.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import grpc

# Long enough that only a server which is wrong ever takes so long.
PATIENCE_S = 30.0
#: What a servicer is told to wait, in a request, where it should be stopped.
FOR_EVER_US = int(PATIENCE_S * 4e6)

Pairs = Sequence[tuple[str, str | bytes]]
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """A method of interop.proto, and the classes of its messages."""

    service: str
    name: str
    request: Any
    response: Any
    streams_requests: bool
    streams_responses: bool

    @property
    def path(self) -> str:
        return f"/{self.service}/{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a call has ended, as its client tells. `status` is a google.rpc.Status, if one came."""

    code: grpc.StatusCode
    details: str
    initial: Pairs
    trailing: Pairs
    status: Any = None

    def of_initial(self, key: str) -> list[str | bytes]:
        return [value for name, value in self.initial if name == key]

    def of_trailing(self, key: str) -> list[str | bytes]:
        return [value for name, value in self.trailing if name == key]


class Wire(Protocol):
    """One call of one client, on its event loop."""

    async def send(self, message: Any, *, is_compressed: bool) -> None:
        """Sends a message. Does nothing if the call is over."""

    async def half_close(self) -> None:
        """Says that no more messages come."""

    async def receive(self) -> Any:
        """The next answer; None if there are no more."""

    async def cancel(self) -> None:
        """Resets the call."""

    async def end(self) -> Ending:
        """Waits until the call is over."""


class InteropClient(Protocol):
    """A connection of one implementation."""

    name: str

    def open(
        self, method: Method, metadata: Pairs, timeout_s: float | None, is_compressing: bool
    ) -> Wire:
        """Begins a call; its headers may wait for the first message."""

    async def close(self) -> None:
        """Closes the connection."""


class Conversation:
    """The blocking face of a call."""

    def __init__(self, loop: asyncio.AbstractEventLoop, wire: Wire) -> None:
        self._loop = loop
        self._wire = wire

    def send(self, message: Any, *, is_compressed: bool = True) -> None:
        """Sends a message; compressed only if the call compresses at all."""
        self._run(self._wire.send(message, is_compressed=is_compressed))

    def half_close(self) -> None:
        self._run(self._wire.half_close())

    def receive(self) -> Any:
        return self._run(self._wire.receive())

    def rest(self) -> list[Any]:
        """The answers that are still to come."""
        return list(iter(self.receive, None))

    def cancel(self) -> None:
        self._run(self._wire.cancel())

    def end(self) -> Ending:
        return self._run(self._wire.end())

    def _run(self, work: Coroutine[Any, Any, Result]) -> Result:
        return self._loop.run_until_complete(asyncio.wait_for(work, PATIENCE_S))


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """A whole call: all requests first, then all answers."""

    answers: list[Any]
    ending: Ending

    @property
    def answer(self) -> Any:
        """The only answer of a call that went well."""
        assert self.ending.code is grpc.StatusCode.OK, self.ending
        (answer,) = self.answers
        return answer


class Caller:
    """Makes calls of interop.proto's methods, by name, with one client."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, client: InteropClient, methods: dict[str, Method]
    ) -> None:
        self.name = client.name
        self._loop = loop
        self._client = client
        self._methods = methods

    def open(
        self,
        method: str,
        *,
        metadata: Pairs = (),
        timeout_s: float | None = PATIENCE_S,
        is_compressing: bool = False,
    ) -> Conversation:
        async def begin() -> Wire:
            return self._client.open(self._methods[method], metadata, timeout_s, is_compressing)

        return Conversation(self._loop, self._loop.run_until_complete(begin()))

    def exchange(
        self,
        method: str,
        *requests: Any,
        metadata: Pairs = (),
        timeout_s: float | None = PATIENCE_S,
        is_compressing: bool = False,
    ) -> Exchange:
        conversation = self.open(
            method, metadata=metadata, timeout_s=timeout_s, is_compressing=is_compressing
        )
        for request in requests:
            conversation.send(request)
        conversation.half_close()
        return Exchange(answers=conversation.rest(), ending=conversation.end())

    def sightings(self, label: str, event: str, *, at_least: int = 0) -> int:
        """How often calls with the label have met the event, once it is so often."""
        sighting = self._methods["Observe"].request(label=label, event=event, count=at_least)
        return int(self.exchange("Observe", sighting).answer.count)
