# SPDX-License-Identifier: Apache-2.0
"""What an answer is made of: "Responses" of gRPC over HTTP/2."""

import re

import numpy as np
import pytest
from tests.doubles.h2_peer import H2Peer, framed
from tests.protocol.calls import (
    HEALTH,
    INFER,
    LIVE,
    MODEL_READY,
    SERVICE,
    echo_request,
    infer_request,
    is_live,
    numbers,
)

from penstock_client._proto import inference_pb2

X = np.arange(3)
INVALID_ARGUMENT, NOT_FOUND, RESOURCE_EXHAUSTED, UNIMPLEMENTED, INTERNAL = 3, 5, 8, 12, 13
#: What gRPC lets stand in grpc-message: printable ASCII, and % only before two hex digits.
PERCENT_ENCODED = re.compile(r"(?:[ -$&-~]|%[0-9A-F]{2})+")


def test_success_is_headers_then_one_message_then_trailers(peer: H2Peer) -> None:
    answer = peer.call(INFER, echo_request(X))
    peer.wait_for(answer)
    assert answer.shape == ["headers", "data", "trailers"]
    assert answer.headers == {":status": "200", "content-type": "application/grpc"}
    assert answer.trailers == {"grpc-status": "0"}
    assert numbers(answer.message) == [0, 1, 2]


@pytest.mark.parametrize(
    "name",
    ["unknown", "grüße 東京 \U0001f6a2", 'tab\t newline\n null\0 del\x7f "quoted" 100%41', ""],
)
def test_an_error_is_one_header_list_with_a_percent_encoded_message(
    peer: H2Peer, name: str
) -> None:
    answer = peer.call(INFER, infer_request(name, X))
    peer.wait_for(answer)
    assert answer.shape == ["headers"]
    assert answer.is_ended
    assert answer.headers.keys() == {":status", "content-type", "grpc-status", "grpc-message"}
    assert answer.headers[":status"] == "200"
    assert answer.headers["content-type"] == "application/grpc"
    assert answer.status in (NOT_FOUND, INVALID_ARGUMENT)
    assert PERCENT_ENCODED.fullmatch(answer.headers["grpc-message"])
    assert all(word in answer.why for word in re.findall(r"\w+", name))


def test_a_name_that_is_not_utf8_is_told_without_what_is_not(peer: H2Peer) -> None:
    answer = peer.call(INFER, b"\x0a\x05ab\xff\xfec")
    peer.wait_for(answer)
    assert answer.status in (NOT_FOUND, INVALID_ARGUMENT)
    assert PERCENT_ENCODED.fullmatch(answer.headers["grpc-message"])
    assert answer.why  # which is UTF-8, or decoding it would fail


def test_a_message_of_any_length_comes_back_short_enough_for_a_client(peer: H2Peer) -> None:
    answer = peer.call(INFER, infer_request("東" * 20_000, X))
    peer.wait_for(answer)
    assert answer.status == NOT_FOUND
    assert len(answer.headers["grpc-message"]) <= 4096
    assert "東東" in answer.why


def test_the_reason_why_a_model_is_not_ready_is_trailing_metadata(peer: H2Peer) -> None:
    asked = inference_pb2.ModelReadyRequest(name="absent").SerializeToString()
    answer = peer.call(MODEL_READY, asked)
    peer.wait_for(answer)
    assert not inference_pb2.ModelReadyResponse.FromString(answer.message).ready
    assert "absent" in answer.trailers["penstock-reason"]


@pytest.mark.parametrize("method", ["GET", "PUT", "OPTIONS"])
def test_a_method_other_than_post_is_405_with_the_one_allowed(peer: H2Peer, method: str) -> None:
    answer = peer.open(LIVE, method=method, is_last=True)
    peer.wait_for(answer)
    assert (answer.headers[":status"], answer.headers["allow"]) == ("405", "POST")
    assert method in answer.why


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "text/html", "application/grpc-web", "application/grpc+json",
     "application/grpcx", ""],
)  # fmt: skip
def test_another_content_type_is_415(peer: H2Peer, content_type: str) -> None:
    answer = peer.open(LIVE, content_type=content_type, is_last=True)
    peer.wait_for(answer)
    assert answer.headers[":status"] == "415"
    assert content_type in answer.why


@pytest.mark.parametrize(
    "content_type",
    ["application/grpc", "application/grpc+proto", "application/grpc;charset=utf-8",
     "Application/GRPC+Proto"],
)  # fmt: skip
def test_grpcs_own_content_types_are_taken(peer: H2Peer, content_type: str) -> None:
    answer = peer.open(LIVE, content_type=content_type)
    peer.send(answer, framed(b""), is_last=True)
    peer.wait_for(answer)
    assert is_live(answer.message)


@pytest.mark.parametrize(
    ("path", "named"),
    [
        (f"{SERVICE}/NoSuchMethod", "NoSuchMethod"),
        (f"{SERVICE}/serverlive", "serverlive"),
        ("/another.Service/ServerLive", "another.Service"),
        (f"{LIVE}/more", LIVE[1:]),
        (f"{LIVE}?query=1", "query=1"),
        ("/", "/"),
        ("/grüße/東京", "grüße"),
    ],
)
def test_an_unknown_path_is_unimplemented_and_named(peer: H2Peer, path: str, named: str) -> None:
    answer = peer.call(path)
    peer.wait_for(answer)
    assert answer.shape == ["headers"]
    assert (answer.headers[":status"], answer.status) == ("200", UNIMPLEMENTED)
    assert named in answer.why


@pytest.mark.parametrize("value", ["", "S", "1", "1s", "-1S", "+1S", "1.5S", "123456789S", "1 S"])
def test_a_timeout_that_is_none_is_refused_and_quoted(peer: H2Peer, value: str) -> None:
    answer = peer.call(LIVE, fields=[("grpc-timeout", value)])
    peer.wait_for(answer)
    assert answer.shape == ["headers"]
    assert answer.status in (INVALID_ARGUMENT, INTERNAL)
    assert f'"{value}"' in answer.why


@pytest.mark.parametrize("value", ["99999999H", "10S", "60000m", "1M", "99999999u", "99999999n"])
def test_a_timeout_that_is_far_away_changes_nothing(peer: H2Peer, value: str) -> None:
    answer = peer.call(LIVE, fields=[("grpc-timeout", value)])
    peer.wait_for(answer)
    if value != "99999999n":  # a tenth of a second, which a busy machine may take
        assert is_live(answer.message)


def test_no_te_header_is_needed_and_unknown_ones_do_no_harm(peer: H2Peer) -> None:
    fields = [("user-agent", "test/1"), ("grpc-unheard-of", "1"), ("x-é", "ü"), ("empty", "")]
    answer = peer.call(HEALTH, fields=[*fields[:2], fields[3]])
    peer.wait_for(answer)
    assert answer.status == 0


def test_an_early_error_asks_the_peer_to_stop_sending(peer: H2Peer) -> None:
    answer = peer.open(f"{SERVICE}/NoSuchMethod")
    peer.wait_for_reset(answer)
    assert (answer.status, answer.reset_code) == (UNIMPLEMENTED, 0)
    assert answer.is_ended
    # What was on its way meanwhile does no harm.
    assert_connection_serves(peer)


def assert_connection_serves(peer: H2Peer) -> None:
    answer = peer.call(INFER, echo_request(X))
    peer.wait_for(answer)
    assert numbers(answer.message) == [0, 1, 2]
