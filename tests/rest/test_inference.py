# SPDX-License-Identifier: Apache-2.0
"""Inference over REST: JSON, binary tensors, codings, chunks, pipelining, both versions of HTTP."""

from __future__ import annotations

import gzip
import json
import math
import subprocess
import zlib
from typing import Any

import numpy as np
import pytest
from tests.doubles.h2_peer import H2Peer
from tests.doubles.running import RunningServer
from tests.rest.http1_peer import Http1Peer, infer_body, request

ECHO = "/v2/models/echo/infer"
VALUES: dict[str, list[Any]] = {
    "BOOL": [True, False],
    "INT8": [-128, 127],
    "INT16": [-32768, 32767],
    "INT32": [-(2**31), 2**31 - 1],
    "INT64": [-(2**63), 2**63 - 1],
    "UINT8": [0, 255],
    "UINT16": [0, 65535],
    "UINT32": [0, 2**32 - 1],
    "UINT64": [0, 2**64 - 1],
    "FP16": [0.5, -65504.0],
    "BF16": [0.5, -2.0],
    "FP32": [0.1, -3.4028235e38],
    "FP64": [0.1, 1.7976931348623157e308],
    "BYTES": ["", 'quote " and \\ and ü and \U0001f600'],
}


def posted(peer: Http1Peer, path: str, body: bytes, *headers: tuple[str, str]) -> Any:
    peer.send(request("POST", path, body, headers))
    return peer.answer()


@pytest.mark.parametrize("datatype", VALUES)
def test_json_values_come_back_as_they_went(peer: Http1Peer, datatype: str) -> None:
    values = VALUES[datatype]
    body = infer_body(values, datatype=datatype, shape=[2], id="seven")
    answer = posted(peer, f"/v2/models/echo_{datatype}/versions/1/infer", body)
    assert answer.status == 200, answer.body
    assert answer.headers["content-type"] == "application/json"
    told = answer.json
    assert (told["id"], told["model_version"]) == ("seven", "1")
    (output,) = told["outputs"]
    assert (output["name"], output["datatype"], output["shape"]) == ("x_out", datatype, [2])
    as_floats = np.float32 if datatype == "FP32" else np.float64
    if datatype.startswith(("FP", "BF")):
        assert np.array(output["data"], as_floats).tolist() == np.array(values, as_floats).tolist()
    else:
        assert output["data"] == values


def test_nested_and_flat_data_are_the_same(peer: Http1Peer) -> None:
    nested = posted(peer, "/v2/models/rows/infer", infer_body([[1, 2], [3, 4]], shape=[2, 2]))
    flat = posted(peer, "/v2/models/rows/infer", infer_body([1, 2, 3, 4], shape=[2, 2]))
    assert nested.json == flat.json
    assert flat.json["outputs"][0]["data"] == [1, 2, 3, 4]


def test_what_is_not_finite_is_written_and_read_as_triton_does(peer: Http1Peer) -> None:
    body = b'{"inputs":[{"name":"x","datatype":"FP32","shape":[3],"data":[NaN,Infinity,-Inf]}]}'
    answer = posted(peer, ECHO, body)
    data = json.loads(answer.body)["outputs"][0]["data"]  # Python's reader knows these words
    assert math.isnan(data[0]) and data[1:] == [math.inf, -math.inf]


def binary_request(rows: np.ndarray, **parameters: Any) -> tuple[bytes, tuple[str, str]]:
    tensor = {"name": "x", "datatype": "FP32", "shape": list(rows.shape)}
    head = {"inputs": [{**tensor, "parameters": {"binary_data_size": rows.nbytes}}], **parameters}
    text = json.dumps(head).encode()
    return text + rows.tobytes(), ("Inference-Header-Content-Length", str(len(text)))


def test_binary_tensors_follow_the_json_both_ways(peer: Http1Peer) -> None:
    rows = np.arange(1000, dtype=np.float32)
    body, length = binary_request(rows, parameters={"binary_data_output": True})
    answer = posted(peer, ECHO, body, length)
    assert answer.headers["content-type"] == "application/octet-stream"
    head_bytes = int(answer.headers["inference-header-content-length"])
    (output,) = json.loads(answer.body[:head_bytes])["outputs"]
    assert output["parameters"] == {"binary_data_size": rows.nbytes}
    assert answer.body[head_bytes:] == rows.tobytes()


def test_an_output_is_binary_only_where_it_is_asked_for(peer: Http1Peer) -> None:
    rows = np.ones(2, np.float32)
    body, length = binary_request(rows)
    answer = posted(peer, ECHO, body, length)
    assert answer.json["outputs"][0]["data"] == [1, 1]
    asked = [{"name": "x_out", "parameters": {"binary_data": True}}]
    answer = posted(peer, ECHO, infer_body([5], shape=[1], outputs=asked))
    assert answer.body.endswith(np.float32(5).tobytes())


def test_a_body_that_is_nothing_but_the_tensor_is_enough_for_one_input(peer: Http1Peer) -> None:
    rows = np.array([[1, 2]], np.float32)
    path = "/v2/models/rows/infer"
    answer = posted(peer, path, rows.tobytes(), ("Inference-Header-Content-Length", "0"))
    head_bytes = int(answer.headers["inference-header-content-length"])
    assert json.loads(answer.body[:head_bytes])["outputs"][0]["shape"] == [1, 2]
    assert answer.body[head_bytes:] == rows.tobytes()


@pytest.mark.parametrize(
    ("coding", "coded"),
    [
        ("gzip", gzip.compress),
        ("deflate", zlib.compress),
        ("deflate", lambda plain: zlib.compress(plain, wbits=-15)),
    ],
    ids=["gzip", "zlib", "bare deflate"],
)
def test_bodies_are_compressed_both_ways(peer: Http1Peer, coding: str, coded: Any) -> None:
    body = coded(infer_body([1.5] * 2000, shape=[2000]))
    answer = posted(peer, ECHO, body, ("Content-Encoding", coding), ("Accept-Encoding", coding))
    assert answer.headers["content-encoding"] == coding
    plain = gzip.decompress(answer.body) if coding == "gzip" else zlib.decompress(answer.body)
    assert json.loads(plain)["outputs"][0]["data"] == [1.5] * 2000


def test_a_body_may_come_in_chunks(peer: Http1Peer) -> None:
    body = infer_body([1, 2, 3], shape=[3])
    peer.send(request("POST", ECHO, headers=[("Transfer-Encoding", "chunked")]))
    for at in range(0, len(body), 7):
        part = body[at : at + 7]
        peer.send(b"%x\r\n%s\r\n" % (len(part), part))
    peer.send(b"0\r\n\r\n")
    assert peer.answer().json["outputs"][0]["data"] == [1, 2, 3]


def test_pipelined_requests_are_answered_in_order(peer: Http1Peer) -> None:
    for number in range(100):
        peer.send(request("POST", ECHO, infer_body([number], shape=[1])))
    answers = [peer.answer().json["outputs"][0]["data"] for _ in range(100)]
    assert answers == [[number] for number in range(100)]


def test_a_body_is_asked_for_with_100_and_not_where_it_would_be_refused(peer: Http1Peer) -> None:
    body = infer_body([1], shape=[1])
    expects = [("Expect", "100-continue"), ("Content-Length", str(len(body)))]
    peer.send(request("POST", ECHO, headers=expects))
    assert peer.answer().status == 100
    peer.send(body)
    assert peer.answer().status == 200
    expects[1] = ("Content-Length", str(1 << 30))
    peer.send(request("POST", ECHO, headers=expects))
    refused = peer.answer()
    assert refused.status == 413
    assert "--http-max-input-size" in refused.error


def test_http2_on_the_same_port_is_the_same(server: RunningServer) -> None:
    body = infer_body([4, 5], shape=[2])
    with H2Peer(server.rest) as peer:
        stream = peer.open(ECHO, content_type="application/json")
        peer.send(stream, body, is_last=True)
        peer.wait_for(stream)
    assert stream.headers[":status"] == "200"
    assert json.loads(stream.body)["outputs"][0]["data"] == [4, 5]


def test_curl_is_understood(server: RunningServer) -> None:
    body = infer_body([6], shape=[1]).decode()
    for version in ("--http1.0", "--http1.1", "--http2-prior-knowledge", "--http2"):
        done = subprocess.run(
            ["curl", "-sS", version, "-d", body, f"http://{server.rest}{ECHO}"],
            capture_output=True,
            check=True,
            text=True,
            timeout=30,
        )
        assert json.loads(done.stdout)["outputs"][0]["data"] == [6], version


def test_v1_predict_takes_rows_and_columns(peer: Http1Peer) -> None:
    path = "/v1/models/rows:predict"
    rows = posted(peer, path, b'{"instances":[[1,2],[3,4]]}')
    assert rows.json == {"predictions": [[1, 2], [3, 4]]}
    assert posted(peer, path, b'{"instances":[[1]]}').status == 400
