# SPDX-License-Identifier: Apache-2.0
"""How methods of the control application answer over gRPC: a PenstockError becomes a status."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, NoReturn

from google.protobuf.message import Message

from penstock.control.statuses import grpc_status
from penstock.errors import PenstockError

__all__ = ["answered", "answered_all", "serialized"]


def answered(
    verb: Callable[[Any], Awaitable[Message]],
) -> Callable[[Any, Any], Awaitable[Message]]:
    """A method with one answer."""

    async def answer(request: Any, context: Any) -> Message:
        try:
            return await verb(request)
        except PenstockError as error:
            return await _abort(context, error)

    return answer


def answered_all(
    verb: Callable[[Any], AsyncIterator[Message]],
) -> Callable[[Any, Any], AsyncIterator[Message]]:
    """A method with a stream of answers."""

    async def answer(request: Any, context: Any) -> AsyncIterator[Message]:
        try:
            async for message in verb(request):
                yield message
        except PenstockError as error:
            await _abort(context, error)

    return answer


def serialized(message: Message) -> bytes:
    """A message's bytes."""
    return message.SerializeToString()


async def _abort(context: Any, error: PenstockError) -> NoReturn:
    await context.abort(grpc_status(error.code), str(error))
    raise AssertionError("abort does not return")
