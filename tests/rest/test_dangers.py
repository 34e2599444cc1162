# SPDX-License-Identifier: Apache-2.0
"""What a hostile or broken client may send over HTTP/1.1: it is refused, and nobody else minds."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable

import numpy as np
import pytest
from tests.doubles.gate import Gate
from tests.doubles.running import RunningServer
from tests.rest.conftest import INPUT_BYTES_MAX
from tests.rest.http1_peer import Http1Peer, infer_body, request

ECHO = "/v2/models/echo/infer"
BODY = infer_body([1], shape=[1])
SIZE = len(BODY)


def head(*fields: str, line: str = f"POST {ECHO} HTTP/1.1") -> bytes:
    return "\r\n".join([line, *fields, "", ""]).encode("latin-1")


# Each could be read as two requests, or as another one, by a proxy in front.
SMUGGLING = {
    "two different lengths": head("host: x", f"content-length: {SIZE}", "content-length: 1"),
    "two equal lengths": head("host: x", f"content-length: {SIZE}", f"content-length: {SIZE}"),
    "a list of lengths": head("host: x", f"content-length: {SIZE}, {SIZE}"),
    "a length with a sign": head("host: x", f"content-length: +{SIZE}"),
    "a length in hexadecimal": head("host: x", "content-length: 0x10"),
    "a length beyond all numbers": head("host: x", f"content-length: {10**30}"),
    "a length beside chunks": head("host: x", "content-length: 5", "transfer-encoding: chunked"),
    "chunked twice": head("host: x", "transfer-encoding: chunked, chunked"),
    "a coding behind chunked": head("host: x", "transfer-encoding: chunked, gzip"),
    "a vertical tab before chunked": head("host: x", "transfer-encoding: \x0bchunked"),
    "chunks in HTTP/1.0": head(
        "host: x", "transfer-encoding: chunked", line=f"POST {ECHO} HTTP/1.0"
    ),
    "obsolete folding": head("host: x", f"content-length: {SIZE}", "a: b", " c"),
    "two hosts": head("host: x", "host: y", f"content-length: {SIZE}"),
    "no host": head(f"content-length: {SIZE}"),
    "a blank before the colon": head("host: x", f"content-length : {SIZE}"),
    "a bare line feed": f"POST {ECHO} HTTP/1.1\nhost: x\ncontent-length: {SIZE}\n\n".encode(),
    "a bare carriage return": head("host: x", f"content-length: {SIZE}\rx: y"),
    "a NUL in a value": head("host: x", "a: b\0c"),
    "a blank in the target": head("host: x", line="GET /v2 /x HTTP/1.1"),
}


@pytest.mark.parametrize("danger", SMUGGLING)
def test_shapes_that_smuggle_requests_are_refused(peer: Http1Peer, danger: str) -> None:
    peer.send(SMUGGLING[danger] + BODY)
    answer = peer.answer()
    assert answer.status in (400, 501), answer.body
    assert answer.error
    assert peer.is_ended()


@pytest.mark.parametrize(
    "chunks",
    [
        b"5\r\nabcdeX",
        b"g\r\n",
        b"-1\r\n",
        b"0x5\r\nabcde\r\n",
        b"5 \nabcde\r\n",
        b"f" * 20 + b"\r\n",
    ],
    ids=["no line end", "no digit", "a sign", "hexadecimal mark", "bare line feed", "too large"],
)
def test_bad_chunks_are_refused(peer: Http1Peer, chunks: bytes) -> None:
    peer.send(head("host: x", "transfer-encoding: chunked") + chunks)
    assert peer.answer().status == 400
    assert peer.is_ended()


def test_an_unknown_transfer_coding_is_not_implemented(peer: Http1Peer) -> None:
    peer.send(head("host: x", "transfer-encoding: gzip, chunked"))
    assert peer.answer().status == 501


def test_headers_without_end_are_refused_at_their_bound(peer: Http1Peer) -> None:
    peer.send(head("host: x", *(f"a{number}: {'b' * 100}" for number in range(1000))))
    assert peer.answer().status == 431
    assert peer.is_ended()


def test_a_target_without_end_is_refused_at_its_bound(peer: Http1Peer) -> None:
    peer.send(head("host: x", line=f"GET /v2/{'a' * 20_000} HTTP/1.1"))
    assert peer.answer().status in (414, 431)


def test_a_head_a_byte_at_a_time_for_ever_ends_its_connection(server: RunningServer) -> None:
    """The server's bound is half a second in all, however often a byte comes."""
    with Http1Peer(server.rest) as slow:
        slow.socket.settimeout(0.05)
        with pytest.raises((ConnectionError, EOFError)):
            while True:
                slow.send(b"a")
                try:
                    slow.answer()
                except TimeoutError:
                    continue


@pytest.mark.parametrize("is_announced", [True, False])
def test_a_body_past_the_bound_is_refused(peer: Http1Peer, is_announced: bool) -> None:
    size = INPUT_BYTES_MAX + 1
    if is_announced:
        peer.send(head("host: x", f"content-length: {size}"))
    else:
        peer.send(head("host: x", "transfer-encoding: chunked"))
        peer.send(b"%x\r\n%s\r\n" % (size, b" " * size))
    answer = peer.answer()
    assert answer.status == 413
    assert f"{INPUT_BYTES_MAX}" in answer.error


def test_a_small_body_that_becomes_large_is_refused(server: RunningServer) -> None:
    bomb = gzip.compress(b" " * (64 << 20))
    assert len(bomb) < INPUT_BYTES_MAX
    with Http1Peer(server.rest) as peer:
        peer.send(request("POST", ECHO, bomb, [("Content-Encoding", "gzip")]))
        assert peer.answer().status == 413


def test_json_of_any_depth_is_refused(peer: Http1Peer) -> None:
    deep = b"[" * 200_000
    peer.send(request("POST", ECHO, b'{"inputs":' + deep))
    assert peer.answer().status == 400
    peer.send(request("POST", ECHO, BODY))
    assert peer.answer().status == 200  # the connection is as good as before


def wrong(**changes: object) -> bytes:
    tensor: dict[str, object] = {"name": "x", "datatype": "FP32", "shape": [1], "data": [1]}
    return json.dumps({"inputs": [tensor | changes]}).encode()


@pytest.mark.parametrize(
    ("path", "body", "status", "sentence"),
    [
        (ECHO, b"", 400, ""),
        (ECHO, b"{", 400, ""),
        (ECHO, b"\xff\xfe", 400, ""),
        (ECHO, wrong(data=["a"]), 400, "x"),
        (ECHO, wrong(data=[1, 2]), 400, "2"),
        (ECHO, wrong(shape=[-1]), 400, "shape"),
        (ECHO, wrong(shape=[2**62, 4]), 400, "shape"),
        (ECHO, wrong(datatype="FP31"), 400, "FP31"),
        (ECHO, wrong(name="y"), 400, "y"),
        ("/v2/models/absent/infer", BODY, 404, "unknown model"),
        ("/v2/models/echo/versions/9/infer", BODY, 404, "9"),
        ("/v2/models/echo/versions/x/infer", BODY, 400, "x"),
        ("/v2/models/echo_INT8/infer", infer_body([128], datatype="INT8", shape=[1]), 400, "INT8"),
    ],
)
def test_a_wrong_request_is_told_what_is_wrong(
    peer: Http1Peer, path: str, body: bytes, status: int, sentence: str
) -> None:
    peer.send(request("POST", path, body, [] if body else [("content-length", "0")]))
    answer = peer.answer()
    assert answer.status == status, answer.body
    assert sentence in answer.error
    peer.send(request("POST", ECHO, BODY))
    assert peer.answer().status == 200


@pytest.mark.parametrize(
    ("said", "length"), [("x", 10), ("-1", 10), ("11", 10), ("99999999999999999999", 1)]
)
def test_a_header_length_that_cannot_be_is_refused(peer: Http1Peer, said: str, length: int) -> None:
    fields = [("Inference-Header-Content-Length", said)]
    peer.send(request("POST", ECHO, b"{" + b" " * (length - 1), fields))
    assert peer.answer().status == 400


def test_a_wrong_method_is_told_the_right_ones(peer: Http1Peer) -> None:
    peer.send(request("GET", ECHO))
    answer = peer.answer()
    assert (answer.status, answer.headers["allow"]) == (405, "POST")


def until(is_so: Callable[[], bool]) -> None:
    while not is_so():
        pass


def test_a_client_that_goes_away_cancels_its_request(server: RunningServer, gate: Gate) -> None:
    def pending() -> float:
        return server.counted("nv_inference_pending_request_count", model="gated")

    row = infer_body([[1.0, 1.0]], shape=[1, 2])
    with Http1Peer(server.rest) as first, Http1Peer(server.rest) as second:
        first.send(request("POST", "/v2/models/gated/infer", row))
        executing = gate.next_batch()
        second.send(request("POST", "/v2/models/gated/infer", row))
        until(lambda: pending() == 1)
        second.socket.close()
        until(lambda: pending() == 0)
        executing.let_through()
        assert first.answer().json["outputs"][0]["data"] == [2.0, 2.0]
    assert server.counted("nv_inference_request_failure", model="gated", reason="CANCELED") == 1


def test_a_client_that_does_not_read_holds_up_nobody(server: RunningServer) -> None:
    """Its answers are larger than the sockets hold; the others' come at once."""
    rows = np.zeros(100_000, np.float32).tolist()
    body = infer_body(rows, shape=[100_000])
    with Http1Peer(server.rest) as stalled:
        stalled.socket.settimeout(1)
        with pytest.raises(TimeoutError):
            for _ in range(1000):
                stalled.send(request("POST", ECHO, body))
        with Http1Peer(server.rest) as other:
            other.send(request("POST", ECHO, BODY))
            assert other.answer().status == 200
