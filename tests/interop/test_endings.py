# SPDX-License-Identifier: Apache-2.0
"""gRPC's interop test descriptions: statuses, deadlines, cancellation, what is not there."""

from __future__ import annotations

from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2
from tests.interop.conftest import InteropServer
from tests.interop.contract import LABEL_KEY
from tests.interop.conversation import FOR_EVER_US, Caller, Exchange

OK = grpc.StatusCode.OK
SPECIAL_MESSAGE = "\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n"
STATUSES = sorted(grpc.StatusCode, key=lambda status: int(status.value[0]))[1:]


def has_no_answer(server: InteropServer, exchange: Exchange) -> bool:
    """grpcio's own servers send an empty message before a status that a unary handler has set."""
    return not exchange.answers or not server.is_penstock


@pytest.mark.parametrize(
    "message", ["test status message", SPECIAL_MESSAGE], ids=["text", "special"]
)
def test_status_code_and_message_of_a_unary_call(
    interop_server: InteropServer, pb: Any, caller: Caller, message: str
) -> None:
    status = pb.EchoStatus(code=2, message=message)
    exchange = caller.exchange("UnaryCall", pb.UnaryRequest(response_status=status))
    assert has_no_answer(interop_server, exchange)
    assert (exchange.ending.code, exchange.ending.details) == (grpc.StatusCode.UNKNOWN, message)


@pytest.mark.parametrize(
    "message", ["test status message", SPECIAL_MESSAGE], ids=["text", "special"]
)
def test_status_code_and_message_of_a_duplex_call(pb: Any, caller: Caller, message: str) -> None:
    status = pb.EchoStatus(code=2, message=message)
    exchange = caller.exchange("FullDuplexCall", pb.StreamRequest(response_status=status))
    assert exchange.answers == []
    assert (exchange.ending.code, exchange.ending.details) == (grpc.StatusCode.UNKNOWN, message)


def test_every_status_arrives(pb: Any, caller: Caller) -> None:
    for status in STATUSES:
        echo = pb.EchoStatus(code=status.value[0], message=status.name)
        ending = caller.exchange("UnaryCall", pb.UnaryRequest(response_status=echo)).ending
        assert (ending.code, ending.details) == (status, status.name)


def test_rich_status_details(pb: Any, caller: Caller) -> None:
    failure = pb.Failure(way=pb.Failure.ABORT_RICHLY, message="it rains ☂")
    ending = caller.exchange("FailUnary", failure).ending
    assert (ending.code, ending.details) == (grpc.StatusCode.ABORTED, "it rains ☂")
    assert (ending.status.code, ending.status.message) == (10, "it rains ☂")
    why, retry = error_details_pb2.ErrorInfo(), error_details_pb2.RetryInfo()
    assert [ending.status.details[0].Unpack(why), ending.status.details[1].Unpack(retry)] == [1, 1]
    assert (why.reason, dict(why.metadata), retry.retry_delay.seconds) == ("RAIN", {"a": "ö"}, 7)


def test_unimplemented_method(pb: Any, caller: Caller) -> None:
    ending = caller.exchange("UnimplementedCall", pb.Empty()).ending
    assert ending.code is grpc.StatusCode.UNIMPLEMENTED


def test_unimplemented_service(pb: Any, caller: Caller) -> None:
    ending = caller.exchange("Unregistered.UnimplementedCall", pb.Empty()).ending
    assert ending.code is grpc.StatusCode.UNIMPLEMENTED


def test_timeout_on_sleeping_server(pb: Any, caller: Caller, label: str) -> None:
    """The servicer means to wait for far longer, and is stopped."""
    parameters = pb.ResponseParameters(size=1, interval_us=FOR_EVER_US)
    request = pb.StreamRequest(
        payload=pb.Payload(body=bytes(27_182)), response_parameters=[parameters]
    )
    # The longer ones are for a machine so busy that the deadline passes before the call is there.
    for timeout_s in (0.05, 0.5, 5):
        call = caller.open("FullDuplexCall", timeout_s=timeout_s, metadata=[(LABEL_KEY, label)])
        call.send(request)
        assert call.receive() is None
        assert call.end().code is grpc.StatusCode.DEADLINE_EXCEEDED
        if caller.sightings(label, "begun") > 0:
            break
    assert caller.sightings(label, "done", at_least=1) >= 1


def test_the_deadline_reaches_the_servicer(
    interop_server: InteropServer, pb: Any, caller: Caller
) -> None:
    with_deadline = caller.exchange("UnaryCall", pb.UnaryRequest(), timeout_s=20).answer
    assert 10 < with_deadline.time_remaining_s < 21  # clients round up
    without = caller.exchange("UnaryCall", pb.UnaryRequest(), timeout_s=None).answer
    # grpcio's plain servers say some hundred thousand million years instead of None.
    assert not without.HasField("time_remaining_s") or interop_server.name == "grpc"


def test_cancel_after_begin(
    interop_server: InteropServer, pb: Any, caller: Caller, label: str
) -> None:
    """No message was sent."""
    call = caller.open("StreamingInputCall", metadata=[(LABEL_KEY, label)])
    if caller.name == "grpclib":
        call.send(pb.InputRequest())  # its headers go with the first message
    assert caller.sightings(label, "begun", at_least=1) == 1
    call.cancel()
    assert call.receive() is None
    assert call.end().code is grpc.StatusCode.CANCELLED
    assert caller.sightings(label, "done", at_least=1) == 1
    # Node ends the request before it resets it, and in grpcio's own servers the reader of a
    # request that is reset may see its end: there the servicer may have returned.
    if interop_server.is_penstock and caller.name != "grpc-js":
        assert caller.sightings(label, "cancelled", at_least=1) == 1


def test_cancel_after_first_response(pb: Any, caller: Caller, label: str) -> None:
    call = caller.open("FullDuplexCall", metadata=[(LABEL_KEY, label)])
    call.send(
        pb.StreamRequest(
            payload=pb.Payload(body=bytes(27_182)),
            response_parameters=[pb.ResponseParameters(size=31_415)],
        )
    )
    assert call.receive().payload.body == bytes(31_415)
    call.cancel()
    assert call.end().code is grpc.StatusCode.CANCELLED
    assert caller.sightings(label, "done", at_least=1) == 1


def test_a_servicer_that_waits_is_told_of_a_cancel(pb: Any, caller: Caller, label: str) -> None:
    call = caller.open("StreamingOutputCall", metadata=[(LABEL_KEY, label)])
    parameters = [pb.ResponseParameters(size=1), pb.ResponseParameters(interval_us=FOR_EVER_US)]
    call.send(pb.StreamRequest(response_parameters=parameters))
    assert call.receive().payload.body == bytes(1)
    caller.sightings(label, "written", at_least=1)  # and so waits before the next
    call.cancel()
    assert call.end().code is grpc.StatusCode.CANCELLED
    assert caller.sightings(label, "cancelled", at_least=1) == 1


@pytest.mark.parametrize("interop_server", ["penstock", "grpc.aio"], indirect=True)
def test_done_callbacks_are_called_behind_the_coroutine(
    pb: Any, grpcio: Caller, label: str
) -> None:
    """What the coroutine still uses while it is cancelled, a callback may close."""
    call = grpcio.open("StreamingOutputCall", metadata=[(LABEL_KEY, label)])
    parameters = [pb.ResponseParameters(size=1), pb.ResponseParameters(interval_us=FOR_EVER_US)]
    call.send(pb.StreamRequest(response_parameters=parameters))
    assert call.receive().payload.body == bytes(1)
    grpcio.sightings(label, "written", at_least=1)
    call.cancel()
    assert call.end().code is grpc.StatusCode.CANCELLED
    assert grpcio.sightings(label, "done", at_least=1) == 1
    assert grpcio.sightings(label, "done too early") == 0


def test_a_call_that_ends_well_was_not_cancelled(pb: Any, caller: Caller, label: str) -> None:
    exchange = caller.exchange("StreamingInputCall", metadata=[(LABEL_KEY, label)])
    assert exchange.ending.code is OK
    assert caller.sightings(label, "done", at_least=1) == 1
    assert caller.sightings(label, "cancelled") == 0


@pytest.mark.parametrize("answers_before", [0, 3])
def test_an_abort_ends_a_stream_behind_its_answers(
    pb: Any, caller: Caller, answers_before: int
) -> None:
    failure = pb.Failure(way=pb.Failure.ABORT, answers_before=answers_before, message="lost")
    exchange = caller.exchange("FailStream", failure)
    assert len(exchange.answers) == answers_before
    assert (exchange.ending.code, exchange.ending.details) == (grpc.StatusCode.DATA_LOSS, "lost")
    assert exchange.ending.of_trailing("x-left-behind") == ["yes"]


@pytest.mark.parametrize("method", ["FailUnary", "FailStream"])
def test_a_handler_that_raises(
    interop_server: InteropServer, pb: Any, caller: Caller, method: str
) -> None:
    ending = caller.exchange(method, pb.Failure(way=pb.Failure.RAISE, message="odd ☹")).ending
    assert ending.code is grpc.StatusCode.UNKNOWN
    # Penstock has grpc.aio's sentence for both servicers.
    if interop_server.name == "grpc":
        assert ending.details in {
            "Exception calling application: odd ☹",
            "Exception iterating responses: odd ☹",
        }
    else:
        assert ending.details == "Unexpected <class 'tests.interop.answers.Oddity'>: odd ☹"
    assert ending.of_trailing("x-left-behind") == ["yes"]


def test_a_handler_that_raises_behind_a_code_keeps_the_code(pb: Any, grpcio: Caller) -> None:
    failure = pb.Failure(way=pb.Failure.RAISE_AFTER_SET_CODE, message="odd")
    for method in ("FailUnary", "FailStream"):
        assert grpcio.exchange(method, failure).ending.code is grpc.StatusCode.NOT_FOUND


@pytest.mark.parametrize("method", ["FailUnary", "FailStream"])
def test_a_code_that_was_set_takes_the_place_of_ok(
    interop_server: InteropServer, pb: Any, caller: Caller, method: str
) -> None:
    failure = pb.Failure(way=pb.Failure.SET_CODE, message="no such")
    exchange = caller.exchange(method, failure)
    assert has_no_answer(interop_server, exchange)
    assert (exchange.ending.code, exchange.ending.details) == (
        grpc.StatusCode.NOT_FOUND,
        "no such",
    )


def test_a_handler_that_returns_none(pb: Any, caller: Caller) -> None:
    """Of a unary answer: there is nothing to serialize."""
    ending = caller.exchange("FailUnary", pb.Failure(way=pb.Failure.RETURN_NONE)).ending
    assert ending.code in {grpc.StatusCode.UNKNOWN, grpc.StatusCode.INTERNAL}
    assert caller.exchange("EmptyCall", pb.Empty()).answer == pb.Empty()


# grpcio's plain server goes on with a stream whose handler has swallowed what abort raised.
@pytest.mark.parametrize(
    "interop_server", ["penstock", "penstock-plain", "grpc.aio"], indirect=True
)
@pytest.mark.parametrize("method", ["FailUnary", "FailStream"])
def test_an_abort_that_the_handler_swallows_ends_the_call(
    pb: Any, grpcio: Caller, method: str
) -> None:
    exchange = grpcio.exchange(method, pb.Failure(way=pb.Failure.SWALLOW_ABORT, message="lost"))
    assert (exchange.answers, exchange.ending.code) == ([], grpc.StatusCode.DATA_LOSS)
