# SPDX-License-Identifier: Apache-2.0
"""What an `async def` handler is given: the API of `grpc.aio.ServicerContext`."""

import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, NoReturn

import grpc
import grpc.aio

from penstock.hosting.answer import Answer, Pairs, status_of
from penstock.hosting.call import HostedCall
from penstock.hosting.metadata import Metadatum, checked_metadata

__all__ = ["CallContext", "Context"]

CANCELLED = 1


class CallContext:
    """What the contexts of both kinds of handler can say without waiting."""

    def __init__(self, call: HostedCall, answer: Answer) -> None:
        self._call = call
        self._answer = answer

    def invocation_metadata(self) -> tuple[Metadatum, ...]:
        """What the caller sent, in order; pairs with `key` and `value`."""
        return self._call.head.metadata

    def is_message_compressed(self) -> bool:
        """Whether the request message that was read last came compressed. Penstock's own."""
        return self._call.was_compressed

    def peer(self) -> str:
        """The caller's address, e.g. "ipv4:192.0.2.1:4711"."""
        return self._call.head.peer

    def peer_identities(self) -> None:
        """None: the port speaks without TLS."""

    def peer_identity_key(self) -> None:
        """None: the port speaks without TLS."""

    def auth_context(self) -> Mapping[str, Iterable[bytes]]:
        """Empty: the port speaks without TLS."""
        return {}

    def time_remaining(self) -> float | None:
        """Seconds until the caller's deadline, at least 0; None if there is none."""
        deadline_s = self._call.head.deadline_s
        return None if deadline_s is None else max(0.0, deadline_s - time.monotonic())

    def set_trailing_metadata(self, trailing_metadata: Pairs) -> None:
        """What goes with the status. Raises ValueError for what gRPC cannot carry."""
        self._answer.trailing = checked_metadata(trailing_metadata)

    def trailing_metadata(self) -> tuple[Metadatum, ...]:
        """What was set."""
        return self._answer.trailing

    def set_code(self, code: grpc.StatusCode | int) -> None:
        """The status, should the handler return."""
        self._answer.set_code(code)

    def code(self) -> grpc.StatusCode:
        """What was set; OK to begin with."""
        return status_of(self._answer.code)

    def set_details(self, details: str) -> None:
        """The sentence that goes with the status."""
        self._answer.details = details

    def details(self) -> str:
        """What was set."""
        return self._answer.details

    def set_compression(self, compression: grpc.Compression) -> None:
        """How answers are compressed, if the caller accepts it; before anything is sent."""
        self._answer.set_compression(compression)

    def disable_next_message_compression(self) -> None:
        """Sends the next message as it is."""
        self._answer.send_next_plain()

    def cancelled(self) -> bool:
        """Whether the caller went away."""
        return self._call.end is not None and self._call.end[0] == CANCELLED

    def done(self) -> bool:
        """Whether the call is over."""
        return self._call.end is not None


# The library's own contexts give tuples and None where its stubs say otherwise.
class Context(CallContext, grpc.aio.ServicerContext[Any, Any]):  # type: ignore[misc]
    """Of one call whose handler is a coroutine or an asynchronous generator."""

    def __init__(
        self,
        call: HostedCall,
        answer: Answer,
        read: Callable[[], Awaitable[Any]],
        serialize: Callable[[Any], bytes],
    ) -> None:
        super().__init__(call, answer)
        self._read = read
        self._serialize = serialize

    async def read(self) -> Any:
        """The next request message, or grpc.aio.EOF."""
        return await self._read()

    async def write(self, message: Any) -> None:
        """Sends an answer message; waits while the caller does not take those before."""
        await self._answer.write(self._serialize(message))

    async def send_initial_metadata(self, initial_metadata: Pairs) -> None:
        """Sends the initial metadata. Raises RuntimeError if they were sent."""
        self._answer.send_headers(checked_metadata(initial_metadata))

    async def abort(
        self,
        code: grpc.StatusCode,
        details: str = "",
        trailing_metadata: Pairs = (),
    ) -> NoReturn:
        """Ends the call with this status: raises, always."""
        self._answer.abort(code, details, trailing_metadata)

    async def abort_with_status(self, status: grpc.Status) -> NoReturn:
        """Ends the call with this status: raises, always."""
        self._answer.abort_with_status(status)

    def add_done_callback(self, callback: Callable[[Any], None]) -> None:
        """Calls `callback(context)` when the call and its coroutine are over, however that came."""
        self._call.when_done(lambda: callback(self))
