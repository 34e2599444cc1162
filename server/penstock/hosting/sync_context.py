# SPDX-License-Identifier: Apache-2.0
"""What a plain `def` handler is given on its thread: the API of `grpc.ServicerContext`."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, NoReturn, TypeVar

import grpc

from penstock.hosting.answer import Answer, Pairs
from penstock.hosting.call import HostedCall
from penstock.hosting.context import CallContext
from penstock.hosting.metadata import checked_metadata

__all__ = ["RequestIterator", "SyncContext"]

Result = TypeVar("Result")


# As for Context: the library's stubs say otherwise than it does.
class SyncContext(CallContext, grpc.ServicerContext):  # type: ignore[misc]
    """Of one call. Every method is for the handler's thread; those that wait block it."""

    def __init__(self, call: HostedCall, answer: Answer, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(call, answer)
        self._loop = loop

    def wait_for(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Does `work` on the event loop, while this thread waits."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def is_active(self) -> bool:
        """Whether the call goes on."""
        return self._call.end is None

    def cancel(self) -> bool:
        """Ends the call with CANCELLED. False: it was over."""
        was_active = self.is_active()
        self._loop.call_soon_threadsafe(self._call.finish, 1, "", ())
        return was_active

    def add_callback(self, callback: Callable[[], None]) -> bool:
        """Calls back, on the event loop, when the call is over. False: it is over."""
        if not self.is_active():
            return False
        self._loop.call_soon_threadsafe(self._call.when_ended, callback)
        return True

    def send_initial_metadata(self, initial_metadata: Pairs) -> None:
        """Sends the initial metadata. Raises ValueError if they were sent, as grpc does."""

        async def send() -> None:
            self._answer.send_headers(checked_metadata(initial_metadata))

        try:
            self.wait_for(send())
        except RuntimeError as error:
            raise ValueError(str(error)) from None

    def abort(self, code: grpc.StatusCode, details: str) -> NoReturn:
        """Ends the call with this status: raises, always."""
        self._answer.abort(code, details, None)

    def abort_with_status(self, status: grpc.Status) -> NoReturn:
        """Ends the call with this status: raises, always."""
        self._answer.abort_with_status(status)


class RequestIterator(Iterator[Any]):
    """The request messages of a call, for a handler's thread. Raises CallEnded if it is over."""

    def __init__(self, context: SyncContext, read: Callable[[], Coroutine[Any, Any, Any]]) -> None:
        self._context = context
        self._read = read

    def __next__(self) -> Any:
        """The next message; StopIteration behind the last."""
        message = self._context.wait_for(self._read())
        if message is grpc.aio.EOF:
            raise StopIteration
        return message
