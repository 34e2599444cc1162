# SPDX-License-Identifier: Apache-2.0
"""gRPC's interop test descriptions: metadata, in both directions."""

from __future__ import annotations

from typing import Any

import pytest
from tests.interop.contract import INITIAL_KEY, TRAILING_KEY
from tests.interop.conversation import Caller, Exchange, Pairs

METHODS = ["UnaryCall", "FullDuplexCall"]


def exchange(pb: Any, caller: Caller, method: str, metadata: Pairs) -> Exchange:
    request = {
        "UnaryCall": pb.UnaryRequest(
            response_size=314_159, payload=pb.Payload(body=bytes(271_828))
        ),
        "FullDuplexCall": pb.StreamRequest(
            response_parameters=[pb.ResponseParameters(size=314_159)],
            payload=pb.Payload(body=bytes(271_828)),
        ),
    }[method]
    return caller.exchange(method, request, metadata=metadata)


@pytest.mark.parametrize("method", METHODS)
def test_custom_metadata(pb: Any, caller: Caller, method: str) -> None:
    sent: Pairs = [(INITIAL_KEY, "test_initial_metadata_value"), (TRAILING_KEY, b"\xab\xab\xab")]
    done = exchange(pb, caller, method, sent)
    assert len(done.answer.payload.body) == 314_159
    assert done.ending.of_initial(INITIAL_KEY) == ["test_initial_metadata_value"]
    assert done.ending.of_trailing(TRAILING_KEY) == [b"\xab\xab\xab"]


@pytest.mark.parametrize("method", METHODS)
def test_values_with_the_same_key_stay_apart_and_in_order(
    pb: Any, caller: Caller, method: str
) -> None:
    initial = [f"value {number}" for number in range(20)]
    trailing = [bytes([number] * (number % 4)) for number in range(20)]
    sent = [(INITIAL_KEY, text) for text in initial] + [(TRAILING_KEY, one) for one in trailing]
    ending = exchange(pb, caller, method, sent).ending
    # Node joins the values of a key.
    expected = [", ".join(initial)] if caller.name == "grpc-js" else initial
    assert ending.of_initial(INITIAL_KEY) == expected
    assert ending.of_trailing(TRAILING_KEY) == trailing


def test_binary_metadata_may_have_every_byte(pb: Any, caller: Caller) -> None:
    every_byte = bytes(range(256))
    values = [every_byte, every_byte[:-1], every_byte[:-2], b"", b"\x00", b","]
    sent = [(TRAILING_KEY, value) for value in values]
    ending = exchange(pb, caller, "UnaryCall", sent).ending
    assert ending.of_trailing(TRAILING_KEY) == values


def test_text_may_have_every_printable_character(pb: Any, caller: Caller) -> None:
    text = "".join(map(chr, range(0x21, 0x7F))) + " and a space within"
    ending = exchange(pb, caller, "UnaryCall", [(INITIAL_KEY, text)]).ending
    assert ending.of_initial(INITIAL_KEY) == [text]


def test_metadata_come_with_a_status_that_is_not_ok(pb: Any, caller: Caller) -> None:
    request = pb.UnaryRequest(response_status=pb.EchoStatus(code=9, message="no"))
    sent: Pairs = [(INITIAL_KEY, "early"), (TRAILING_KEY, b"late")]
    ending = caller.exchange("UnaryCall", request, metadata=sent).ending
    assert ending.of_initial(INITIAL_KEY) == ["early"]
    assert ending.of_trailing(TRAILING_KEY) == [b"late"]


def test_the_servicer_sees_its_callers_address(pb: Any, caller: Caller) -> None:
    assert caller.exchange("UnaryCall", pb.UnaryRequest()).answer.peer.startswith("ipv4:127.0.0.1:")
