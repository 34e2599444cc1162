# SPDX-License-Identifier: Apache-2.0
"""interop.proto's service with plain functions and generators. Runs inside the server."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import grpc
import interop_pb2 as pb
import interop_pb2_grpc as rpc
from tests.interop import answers
from tests.interop.contract import INITIAL_KEY, TRAILING_KEY
from tests.interop.sightings import Observed, label_of


class PlainInterop(Observed):
    @contextmanager
    def observed(self, context: Any) -> Iterator[str]:
        """Notes that the call has begun, was cancelled, is over. Gives its label."""
        label = label_of(context)
        outcomes: list[str] = []

        def note_end() -> None:
            if not outcomes:
                self.sightings.note(label, "cancelled")
            self.sightings.note(label, "done")

        context.add_callback(note_end)
        self.sightings.note(label, "begun")
        yield label
        outcomes.append("returned")

    def EmptyCall(self, request: Any, context: Any) -> Any:
        return pb.Empty()

    def UnaryCall(self, request: Any, context: Any) -> Any:
        if not answers.came_as_expected(request, context):
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "not compressed as expected")
        context.set_compression(answers.compression_of([request.response_compressed]))
        self._echo_metadata(context)
        if request.response_status.code:
            context.set_code(answers.status_of(request.response_status))
            context.set_details(request.response_status.message)
        return answers.unary_response(request, context)

    def StreamingOutputCall(self, request: Any, context: Any) -> Iterator[Any]:
        parameters = request.response_parameters
        with self.observed(context) as label:
            context.set_compression(answers.compression_of(one.compressed for one in parameters))
            for one in parameters:
                yield self._answer(one, context)
                self.sightings.note(label, "written")

    def StreamingInputCall(self, requests: Any, context: Any) -> Any:
        size = 0
        with self.observed(context):
            for request in requests:
                if not answers.came_as_expected(request, context):
                    context.abort(grpc.StatusCode.INVALID_ARGUMENT, "not compressed as expected")
                size += len(request.payload.body)
        return pb.InputResponse(aggregated_payload_size=size)

    def FullDuplexCall(self, requests: Any, context: Any) -> Iterator[Any]:
        with self.observed(context):
            self._echo_metadata(context)
            for request in requests:
                if request.response_status.code:
                    context.abort(
                        answers.status_of(request.response_status), request.response_status.message
                    )
                for one in request.response_parameters:
                    yield self._answer(one, context)

    def HalfDuplexCall(self, requests: Any, context: Any) -> Iterator[Any]:
        for request in list(requests):
            for one in request.response_parameters:
                yield self._answer(one, context)

    def FirstInputCall(self, requests: Any, context: Any) -> Any:
        for request in requests:
            return pb.InputResponse(aggregated_payload_size=len(request.payload.body))
        return pb.InputResponse()

    def FailUnary(self, request: Any, context: Any) -> Any:
        return self._fail(request, context)

    def FailStream(self, request: Any, context: Any) -> Iterator[Any]:
        for _ in range(request.answers_before):
            yield pb.StreamResponse()
        if (outcome := self._fail(request, context)) is not None:
            yield outcome

    def Meet(self, request: Any, context: Any) -> Any:
        self.sightings.note(request.label, "met")
        count = self.sightings.wait_for(
            request.label, "met", request.count, context.time_remaining()
        )
        return pb.Sighting(label=request.label, count=count)

    def _echo_metadata(self, context: Any) -> None:
        if initial := answers.echoed(context, INITIAL_KEY):
            context.send_initial_metadata(initial)
        context.set_trailing_metadata(tuple(answers.echoed(context, TRAILING_KEY)))

    def _answer(self, parameters: Any, context: Any) -> Any:
        if parameters.interval_us:
            # As a sleep, but a call that is over lets go of its thread.
            is_over = threading.Event()
            context.add_callback(is_over.set)
            is_over.wait(parameters.interval_us / 1e6)
        if not parameters.compressed:
            context.disable_next_message_compression()
        return answers.stream_response(parameters)

    def _fail(self, request: Any, context: Any) -> Any:
        context.set_trailing_metadata((("x-left-behind", "yes"),))
        match request.way:
            case pb.Failure.RAISE:
                raise answers.Oddity(request.message)
            case pb.Failure.ABORT:
                context.abort(grpc.StatusCode.DATA_LOSS, request.message)
            case pb.Failure.ABORT_RICHLY:
                context.abort_with_status(answers.rich_status(request.message))
            case pb.Failure.SET_CODE:
                context.set_code(grpc.StatusCode.NOT_FOUND)
                context.set_details(request.message)
            case pb.Failure.RAISE_AFTER_SET_CODE:
                context.set_code(grpc.StatusCode.NOT_FOUND)
                raise answers.Oddity(request.message)
            case pb.Failure.SWALLOW_ABORT:
                try:
                    context.abort(grpc.StatusCode.DATA_LOSS, request.message)
                except Exception:
                    return pb.StreamResponse()
        return None


def register(server: Any) -> None:
    rpc.add_InteropServicer_to_server(PlainInterop(), server)
