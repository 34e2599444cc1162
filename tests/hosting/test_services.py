# SPDX-License-Identifier: Apache-2.0
"""A service written in Python, with generated code, on the port of inference; by grpcio's client.

Each test holds for a servicer of coroutines and for one of plain functions.
"""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import grpc
import numpy as np
import pytest
from tests.doubles.gate import Gate
from tests.doubles.running import RunningServer
from tests.hosting.conftest import CALLS_MAX
from tests.protocol.calls import until

from penstock_client import Client

PATIENCE_S = 30.0


def error_of(call: Callable[[], Any]) -> Any:
    with pytest.raises(grpc.RpcError) as caught:
        call()
    return caught.value


def numbers(pb: Any, count: int) -> Iterator[Any]:
    return (pb.Parcel(text="p", number=number) for number in range(count))


def test_calls_of_all_four_shapes_are_answered(pb: Any, courier: Any) -> None:
    sent = courier.Send(pb.Parcel(text="hello", number=7), timeout=PATIENCE_S)
    assert (sent.text, sent.number) == ("hello from ipv4: with True", 7)
    tracked = courier.Track(pb.Parcel(text="t", number=500))
    assert [one.number for one in tracked] == list(range(500))
    collected = courier.Collect(numbers(pb, 500))
    assert (collected.number, collected.text) == (sum(range(500)), "500")
    talked = list(courier.Talk(numbers(pb, 500)))
    assert [one.number for one in talked] == list(range(500))
    assert {one.text for one in talked} == {"P"}


def test_streams_without_messages_are_answered(pb: Any, courier: Any) -> None:
    assert list(courier.Track(pb.Parcel(number=0))) == []
    assert courier.Collect(iter(())).text == "0"
    assert list(courier.Talk(iter(()))) == []


def test_ping_pong_takes_turns(pb: Any, courier: Any) -> None:
    """Each request is sent only when the one before was answered."""
    requests: queue.SimpleQueue[Any] = queue.SimpleQueue()
    answers = courier.Talk(iter(requests.get, None))
    for number in range(50):
        requests.put(pb.Parcel(number=number))
        assert next(answers).number == number
    requests.put(None)
    assert list(answers) == []


def test_metadata_goes_both_ways(pb: Any, courier: Any) -> None:
    every_byte = bytes(range(256))
    answer, call = courier.Send.with_call(
        pb.Parcel(text="m"),
        metadata=(
            ("x-initial", "early"),
            ("x-initial-bin", every_byte),
            ("x-trailing", "late"),
            ("x-trailing-bin", b""),
        ),
    )
    assert answer.text == "m from ipv4: with False"
    initial, trailing = dict(call.initial_metadata()), dict(call.trailing_metadata())
    assert (initial["x-initial"], initial["x-initial-bin"]) == ("early", every_byte)
    assert (trailing["x-trailing"], trailing["x-trailing-bin"]) == ("late", b"")


def test_a_status_keeps_its_words_and_its_metadata(pb: Any, courier: Any) -> None:
    error = error_of(lambda: courier.Fail(pb.Parcel(text="abort")))
    assert (error.code(), error.details()) == (grpc.StatusCode.DATA_LOSS, "lost ☺\n")
    assert dict(error.trailing_metadata())["why"] == "rain"


def test_rich_status_details_arrive(pb: Any, courier: Any) -> None:
    error = error_of(lambda: courier.Fail(pb.Parcel(text="rich")))
    assert (error.code(), error.details()) == (grpc.StatusCode.ABORTED, "rich")
    details = dict(error.trailing_metadata())["grpc-status-details-bin"]
    assert details == b"\x08\x0a\x12\x04rich"


def test_a_code_that_was_set_takes_the_place_of_the_answer(pb: Any, courier: Any) -> None:
    error = error_of(lambda: courier.Fail(pb.Parcel(text="code")))
    assert (error.code(), error.details()) == (grpc.StatusCode.NOT_FOUND, "no such address")


@pytest.mark.parametrize(
    ("text", "details"),
    [
        ("x", "Unexpected <class 'KeyError'>: 'x'"),
        ("exit", "Unexpected <class 'SystemExit'>: 3"),
    ],
)
def test_a_handler_that_raises_ends_its_own_call_only(
    host: RunningServer, pb: Any, courier: Any, text: str, details: str
) -> None:
    error = error_of(lambda: courier.Fail(pb.Parcel(text=text)))
    assert (error.code(), error.details()) == (grpc.StatusCode.UNKNOWN, details)
    assert courier.Collect(numbers(pb, 3)).text == "3"
    assert "hosted_call_failed" in host.log()


def test_a_message_that_is_none_is_refused(channel: Any) -> None:
    send = channel.unary_unary("/courier.v1.Courier/Send")
    error = error_of(lambda: send(b"\xff\xff\xff"))
    assert error.code() is grpc.StatusCode.INTERNAL
    assert "cannot be deserialized" in error.details()


@pytest.mark.parametrize("count", [0, 2])
def test_a_unary_request_has_one_message(channel: Any, count: int) -> None:
    send = channel.stream_unary("/courier.v1.Courier/Send")
    error = error_of(lambda: send(iter([b""] * count)))
    assert error.code() is grpc.StatusCode.INTERNAL
    assert "carries one message" in error.details()


def test_methods_that_are_not_there_are_unimplemented(channel: Any) -> None:
    for path, sentence in [
        ("/courier.v1.Courier/Lose", 'service "courier.v1.Courier" of this server has no method'),
        ("/courier.v1.Other/Send", 'this server has no service "courier.v1.Other"'),
        ("/inference.GRPCInferenceService/ModelStreamInfer", "has no method"),
    ]:
        error = error_of(partial(channel.unary_unary(path), b""))
        assert error.code() is grpc.StatusCode.UNIMPLEMENTED
        assert sentence in error.details()


def test_a_handler_sees_that_its_caller_went_away(pb: Any, courier: Any) -> None:
    requests: queue.SimpleQueue[Any] = queue.SimpleQueue()
    call = courier.Talk(iter(requests.get, None))
    requests.put(pb.Parcel(text="first"))
    assert next(call).text == "FIRST"
    call.cancel()
    until(lambda: "cancelled True" in courier.Recall(pb.Parcel()).text)
    requests.put(None)


def test_a_call_ends_at_its_deadline_while_its_handler_waits(
    gate: Gate, pb: Any, courier: Any
) -> None:
    call = courier.Wait.future(pb.Parcel(text="late"), timeout=0.3)
    waiting = gate.next_batch()
    assert call.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    until(lambda: "done late" in courier.Recall(pb.Parcel()).text)
    waiting.let_through()


def test_calls_are_bounded_and_the_next_one_is_told(gate: Gate, pb: Any, courier: Any) -> None:
    waiting, batches = [], []
    for number in range(CALLS_MAX):
        # One by one: when the first has begun, the calls before this test are over for certain.
        waiting.append(courier.Wait.future(pb.Parcel(text=f"w{number}")))
        batches.append(gate.next_batch())
    error = error_of(lambda: courier.Send(pb.Parcel()))
    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "--grpc-service-calls-max" in error.details()
    for batch in batches:
        batch.let_through()
    assert {call.result().text for call in waiting} == {f"w{i}" for i in range(CALLS_MAX)}

    def has_room() -> bool:
        try:
            return bool(courier.Send(pb.Parcel(text="again")).text.startswith("again"))
        except grpc.RpcError as refused:
            # A place is free once the control thread has heard of the end, soon after the caller.
            assert refused.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
            return False

    until(has_room)


def test_a_caller_that_does_not_read_stops_its_handler(
    host: RunningServer, rpc: Any, pb: Any, courier: Any
) -> None:
    """Answers wait in the client's window, in the sockets, and for little more in the server."""
    options = [("grpc.use_local_subchannel_pool", 1), ("grpc.http2.lookahead_bytes", 65_535)]
    with grpc.insecure_channel(host.grpc, options=options) as other:
        call = rpc.CourierStub(other).Pour(pb.Parcel(number=10_000))
        assert len(next(call).text) == 10_000
        counts: list[str] = []

        def stands_still() -> bool:
            counts.append(courier.Recall(pb.Parcel()).text)
            return len(counts) > 20 and len(set(counts[-20:])) == 1

        until(stands_still)
        # Forty megabytes are more than all of them hold.
        assert 0 < int(counts[-1].removeprefix("poured ")) < 4_000
        call.cancel()
        until(lambda: "cleaned up" in courier.Recall(pb.Parcel()).text)


def test_inference_goes_on_beside_a_handler_that_blocks(
    host: RunningServer, gate: Gate, pb: Any, courier: Any
) -> None:
    """`number` 1 holds the control thread of the asynchronous servicer."""
    call = courier.Wait.future(pb.Parcel(text="blocks", number=1))
    blocked = gate.next_batch()
    x = np.ones((1, 3), np.float32)
    with Client(host.grpc) as client:
        for _ in range(20):
            np.testing.assert_array_equal(client.infer("affine", {"x": x})["y"], 2 * x + 1)
        assert client.server_ready()
    assert not call.done()
    blocked.let_through()
    assert call.result().text == "blocks"
