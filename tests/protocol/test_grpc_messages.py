# SPDX-License-Identifier: Apache-2.0
"""The length-prefixed message in a request's DATA: cut anyhow, missing, too many, too long."""

import numpy as np
import pytest
from tests.doubles.h2_peer import H2Peer, Stream, framed
from tests.protocol.calls import INFER, LIVE, echo_request, numbers
from tests.protocol.conftest import BOUNDED_MESSAGE_BYTES

RESOURCE_EXHAUSTED, INTERNAL = 8, 13
X = np.arange(4)
WHOLE = framed(echo_request(X))


def sent(peer: H2Peer, *parts: bytes, path: str = INFER) -> Stream:
    """A call whose DATA frames are `parts`, and an empty one that ends it."""
    stream = peer.open(path)
    for part in parts:
        peer.send(stream, part)
    peer.send(stream, b"", is_last=True)
    return stream


def test_a_message_may_be_cut_at_any_byte(peer: H2Peer) -> None:
    answers = [sent(peer, WHOLE[:cut], WHOLE[cut:]) for cut in range(len(WHOLE) + 1)]
    peer.wait_for(*answers)
    assert all(numbers(answer.message) == X.tolist() for answer in answers)


def test_a_message_may_come_byte_by_byte(peer: H2Peer) -> None:
    answer = sent(peer, *(WHOLE[i : i + 1] for i in range(len(WHOLE))))
    peer.wait_for(answer)
    assert numbers(answer.message) == X.tolist()


def test_empty_frames_between_are_nothing(peer: H2Peer) -> None:
    answer = sent(peer, b"", WHOLE[:3], b"", b"", WHOLE[3:], b"")
    peer.wait_for(answer)
    assert numbers(answer.message) == X.tolist()


def test_the_end_may_come_with_the_last_bytes(peer: H2Peer) -> None:
    answer = peer.call(INFER, echo_request(X))
    peer.wait_for(answer)
    assert numbers(answer.message) == X.tolist()


@pytest.mark.parametrize("pad_bytes", [0, 1, 255])
def test_padding_is_no_part_of_a_message(peer: H2Peer, pad_bytes: int) -> None:
    answer = peer.open(INFER)
    peer.send(answer, WHOLE[:7], pad_bytes=pad_bytes)
    peer.send(answer, WHOLE[7:], pad_bytes=pad_bytes, is_last=True)
    peer.wait_for(answer)
    assert numbers(answer.message) == X.tolist()


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        ([], "without"),
        ([WHOLE[:1]], "prefix"),
        ([WHOLE[:4]], "prefix"),
        ([WHOLE[:5]], "ended after 0 of"),
        ([WHOLE[:-1]], "ended after"),
        ([WHOLE, WHOLE], "one message"),
        ([WHOLE + b"\0"], "one message"),
        ([WHOLE, b"\0"], "one message"),
        ([b"\2" + WHOLE[1:]], "flag must be 0 or 1"),
        ([framed(b"x", flag=1)], "no grpc-encoding"),
    ],
    ids=["none", "1 of prefix", "4 of prefix", "prefix alone", "cut short", "two", "more bytes",
         "more bytes later", "bad flag", "flag without encoding"],
)  # fmt: skip
def test_broken_framing_is_internal_and_says_how(
    peer: H2Peer, parts: list[bytes], reason: str
) -> None:
    answer = sent(peer, *parts)
    peer.wait_for(answer)
    assert answer.shape == ["headers"]
    assert answer.status == INTERNAL
    assert reason in answer.why
    following = sent(peer, WHOLE)
    peer.wait_for(following)
    assert numbers(following.message) == X.tolist()


def test_headers_alone_carry_no_message(peer: H2Peer) -> None:
    answer = peer.open(LIVE, is_last=True)
    peer.wait_for(answer)
    assert answer.status == INTERNAL


def test_the_announced_length_alone_is_too_much(bounded_peer: H2Peer) -> None:
    answer = bounded_peer.open(INFER)
    bounded_peer.send(answer, b"\0" + (BOUNDED_MESSAGE_BYTES + 1).to_bytes(4, "big"))
    bounded_peer.wait_for_reset(answer)
    assert (answer.status, answer.reset_code) == (RESOURCE_EXHAUSTED, 0)
    assert str(BOUNDED_MESSAGE_BYTES + 1) in answer.why
    assert str(BOUNDED_MESSAGE_BYTES) in answer.why


def test_a_message_at_the_limit_is_taken(bounded_peer: H2Peer) -> None:
    room = BOUNDED_MESSAGE_BYTES - len(echo_request(np.zeros(200_000))) + 200_000 * 4
    request = echo_request(np.zeros(room // 4))
    assert BOUNDED_MESSAGE_BYTES - 8 < len(request) <= BOUNDED_MESSAGE_BYTES
    answer = bounded_peer.call(INFER, request)
    bounded_peer.wait_for(answer)
    assert len(numbers(answer.message)) == room // 4


def test_four_gibibytes_may_be_announced_without_harm(peer: H2Peer) -> None:
    answer = sent(peer, b"\0\xff\xff\xff\xff")
    peer.wait_for(answer)
    assert answer.status == RESOURCE_EXHAUSTED
