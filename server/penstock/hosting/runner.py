# SPDX-License-Identifier: Apache-2.0
"""Runs the handler of a call: of any of gRPC's four shapes, on the loop or on a thread.

What becomes of what a handler does, as in grpc.aio:

    returns                 its answer and OK; with set_code of another status, that alone
    context.abort(...)      that status
    raises anything else    UNKNOWN, "Unexpected <class 'KeyError'>: 'x'"; the traceback is logged
    its caller goes away    it is cancelled; a handler on a thread sees context.is_active() turn
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Executor
from typing import Any

import grpc.aio

from penstock.hosting.answer import Answer
from penstock.hosting.call import RAISED, CallEnded, HostedCall
from penstock.hosting.call_tasks import CallTasks
from penstock.hosting.context import Context
from penstock.hosting.registry import Handler
from penstock.hosting.sync_context import RequestIterator, SyncContext

__all__ = ["Runner"]

log = logging.getLogger(__name__)

CANCELLED, UNKNOWN, INTERNAL = 1, 2, 13


class _BrokenRequest(Exception):
    """A request message is missing, one too many, or cannot be deserialized."""


class Runner:
    """Runs handlers. Plain functions run on `threads`, which are shared by all calls."""

    def __init__(self, threads: Executor) -> None:
        self._threads = threads
        self._tasks = CallTasks()

    def start(self, call: HostedCall, handler: Handler) -> None:
        """Runs `handler` for `call` until it returns, or the call ends."""
        self._tasks.start(call, _Run(call, handler, self._threads).run())

    async def stop(self) -> None:
        """Cancels what still runs, and waits until it has taken notice."""
        await self._tasks.stop()


class _Run:
    """One run of a handler."""

    def __init__(self, call: HostedCall, handler: Handler, threads: Executor) -> None:
        self._call = call
        self._handler = handler
        self._threads = threads
        self._answer = Answer(call)
        self._deserialize: Callable[[bytes], Any] = handler.request_deserializer or _same
        self._serialize: Callable[[Any], bytes] = handler.response_serializer or _same

    async def run(self) -> None:
        answer = self._answer
        try:
            await self._run_handler()
        except CallEnded:
            return
        except asyncio.CancelledError:
            if self._call.end is not None:
                return
            answer.code, answer.details = CANCELLED, "the handler was cancelled"
        except RAISED as error:
            self._note_raised(error)
        answer.finish()

    def _note_raised(self, error: BaseException) -> None:
        answer = self._answer
        if answer.is_aborted:
            return
        if isinstance(error, _BrokenRequest):
            answer.code, answer.details = INTERNAL, str(error)
            return
        log.exception("hosted_call_failed", extra={"method": self._call.head.path})
        answer.code = answer.code or UNKNOWN
        answer.details = f"Unexpected {type(error)}: {error}"

    async def _run_handler(self) -> None:
        function = _function_of(self._handler)
        if _is_async(function):
            context = Context(self._call, self._answer, self._read, self._serialize)
            requests = await self._requests(self._request_stream)
            await self._send_answers(function(requests, context))
        else:
            await self._run_on_thread(function)

    # -- requests ---------------------------------------------------------------------------------

    async def _requests(self, stream: Callable[[], Any]) -> Any:
        """What the handler's first argument is: the one message, or a stream of them."""
        if self._handler.request_streaming:
            return stream()
        request = await self._read()
        if request is grpc.aio.EOF:
            raise _BrokenRequest("the call carries one message, but the request ended without")
        if await self._call.read() is not None:
            raise _BrokenRequest("the call carries one message, but another one follows it")
        return request

    async def _read(self) -> Any:
        message = await self._call.read()
        if message is None:
            return grpc.aio.EOF
        try:
            return self._deserialize(message)
        except Exception as error:
            raise _BrokenRequest(
                f"a message of {self._call.head.path} cannot be deserialized: {error}"
            ) from error

    async def _request_stream(self) -> AsyncIterator[Any]:
        while (request := await self._read()) is not grpc.aio.EOF:
            yield request

    # -- answers ----------------------------------------------------------------------------------

    async def _send_answers(self, running: Any) -> None:
        if not self._handler.response_streaming:
            await self._send_only_answer(await running)
        elif inspect.isasyncgen(running):
            try:
                async for answer in running:
                    await self._write(answer)
            finally:
                await running.aclose()
        else:
            await running  # it writes by its context

    async def _send_only_answer(self, answer: Any) -> None:
        # With a status that is not OK, gRPC carries no answer.
        if self._answer.code == 0:
            await self._write(answer)

    async def _write(self, answer: Any) -> None:
        await self._answer.write(self._serialize(answer))

    # -- handlers on a thread ---------------------------------------------------------------------

    async def _run_on_thread(self, function: Callable[..., Any]) -> None:
        loop = asyncio.get_running_loop()
        context = SyncContext(self._call, self._answer, loop)
        requests = await self._requests(lambda: RequestIterator(context, self._read))
        running = loop.run_in_executor(
            self._threads, self._answer_on_thread, function, requests, context
        )
        answer = await running
        if not self._handler.response_streaming:
            await self._send_only_answer(answer)

    def _answer_on_thread(
        self, function: Callable[..., Any], requests: Any, context: SyncContext
    ) -> Any:
        """On a thread: the whole handler; answers of a stream are written as they come."""
        if not context.is_active():
            raise CallEnded  # while it waited for a thread
        result = function(requests, context)
        if not self._handler.response_streaming:
            return result
        try:
            for answer in result:
                context.wait_for(self._write(answer))
        finally:
            # A generator whose caller went away gets to clean up, now and on its own thread.
            if inspect.isgenerator(result):
                result.close()
        return None


def _same(value: Any) -> Any:
    return value


def _function_of(handler: Handler) -> Callable[..., Any]:
    name = (
        ("stream" if handler.request_streaming else "unary")
        + "_"
        + ("stream" if handler.response_streaming else "unary")
    )
    function: Callable[..., Any] = getattr(handler, name)
    return function


def _is_async(function: Callable[..., Any]) -> bool:
    plain = inspect.unwrap(function)
    return inspect.iscoroutinefunction(plain) or inspect.isasyncgenfunction(plain)
