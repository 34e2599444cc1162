# SPDX-License-Identifier: Apache-2.0
"""interop.proto's service with coroutines. Runs inside the server."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

import grpc
import interop_pb2 as pb
import interop_pb2_grpc as rpc
from tests.interop import answers
from tests.interop.contract import INITIAL_KEY, TRAILING_KEY
from tests.interop.sightings import Observed, label_of


class Meeting:
    """Calls that wait for each other."""

    def __init__(self) -> None:
        self.count = 0
        self.is_complete = asyncio.Event()


class Interop(Observed):
    def __init__(self) -> None:
        super().__init__()
        self._meetings: defaultdict[str, Meeting] = defaultdict(Meeting)

    @contextmanager
    def observed(self, context: Any) -> Iterator[str]:
        """Notes that the call has begun, was cancelled, is over. Gives its label."""
        label = label_of(context)
        has_left = False

        def note_done(_: Any) -> None:
            if not has_left:
                self.sightings.note(label, "done too early")
            self.sightings.note(label, "done")

        context.add_done_callback(note_done)
        self.sightings.note(label, "begun")
        try:
            yield label
        except asyncio.CancelledError:
            self.sightings.note(label, "cancelled")
            raise
        finally:
            has_left = True

    async def EmptyCall(self, request: Any, context: Any) -> Any:
        return pb.Empty()

    async def UnaryCall(self, request: Any, context: Any) -> Any:
        if not answers.came_as_expected(request, context):
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "not compressed as expected")
        context.set_compression(answers.compression_of([request.response_compressed]))
        await self._echo_metadata(context)
        if request.response_status.code:
            context.set_code(answers.status_of(request.response_status))
            context.set_details(request.response_status.message)
        return answers.unary_response(request, context)

    async def StreamingOutputCall(self, request: Any, context: Any) -> AsyncIterator[Any]:
        parameters = request.response_parameters
        with self.observed(context) as label:
            context.set_compression(answers.compression_of(one.compressed for one in parameters))
            for one in parameters:
                yield await self._answer(one, context)
                self.sightings.note(label, "written")

    async def StreamingInputCall(self, requests: Any, context: Any) -> Any:
        size = 0
        with self.observed(context):
            async for request in requests:
                if not answers.came_as_expected(request, context):
                    await context.abort(
                        grpc.StatusCode.INVALID_ARGUMENT, "not compressed as expected"
                    )
                size += len(request.payload.body)
        return pb.InputResponse(aggregated_payload_size=size)

    async def FullDuplexCall(self, requests: Any, context: Any) -> AsyncIterator[Any]:
        with self.observed(context):
            await self._echo_metadata(context)
            async for request in requests:
                if request.response_status.code:
                    await context.abort(
                        answers.status_of(request.response_status), request.response_status.message
                    )
                for one in request.response_parameters:
                    yield await self._answer(one, context)

    async def HalfDuplexCall(self, requests: Any, context: Any) -> None:
        """By read and write, as some prefer to iterators."""
        kept = []
        while (request := await context.read()) is not grpc.aio.EOF:
            kept.append(request)
        for request in kept:
            for one in request.response_parameters:
                await context.write(await self._answer(one, context))

    async def FirstInputCall(self, requests: Any, context: Any) -> Any:
        async for request in requests:
            return pb.InputResponse(aggregated_payload_size=len(request.payload.body))
        return pb.InputResponse()

    async def FailUnary(self, request: Any, context: Any) -> Any:
        return await self._fail(request, context)

    async def FailStream(self, request: Any, context: Any) -> AsyncIterator[Any]:
        for _ in range(request.answers_before):
            yield pb.StreamResponse()
        if (outcome := await self._fail(request, context)) is not None:
            yield outcome

    async def Meet(self, request: Any, context: Any) -> Any:
        meeting = self._meetings[request.label]
        meeting.count += 1
        if meeting.count >= request.count:
            meeting.is_complete.set()
        await meeting.is_complete.wait()
        return pb.Sighting(label=request.label, count=meeting.count)

    async def _echo_metadata(self, context: Any) -> None:
        if initial := answers.echoed(context, INITIAL_KEY):
            await context.send_initial_metadata(initial)
        context.set_trailing_metadata(tuple(answers.echoed(context, TRAILING_KEY)))

    async def _answer(self, parameters: Any, context: Any) -> Any:
        if parameters.interval_us:
            await asyncio.sleep(parameters.interval_us / 1e6)
        if not parameters.compressed:
            context.disable_next_message_compression()
        return answers.stream_response(parameters)

    async def _fail(self, request: Any, context: Any) -> Any:
        context.set_trailing_metadata((("x-left-behind", "yes"),))
        match request.way:
            case pb.Failure.RAISE:
                raise answers.Oddity(request.message)
            case pb.Failure.ABORT:
                await context.abort(grpc.StatusCode.DATA_LOSS, request.message)
            case pb.Failure.ABORT_RICHLY:
                await context.abort_with_status(answers.rich_status(request.message))
            case pb.Failure.SET_CODE:
                context.set_code(grpc.StatusCode.NOT_FOUND)
                context.set_details(request.message)
            case pb.Failure.RAISE_AFTER_SET_CODE:
                context.set_code(grpc.StatusCode.NOT_FOUND)
                raise answers.Oddity(request.message)
            case pb.Failure.SWALLOW_ABORT:
                try:
                    await context.abort(grpc.StatusCode.DATA_LOSS, request.message)
                except grpc.aio.AbortError:
                    return pb.StreamResponse()
        return None


def register(server: Any) -> None:
    rpc.add_InteropServicer_to_server(Interop(), server)
