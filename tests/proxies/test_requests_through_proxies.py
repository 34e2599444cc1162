# SPDX-License-Identifier: Apache-2.0
"""What clients ask passes through haproxy and nginx both ways, whole."""

from __future__ import annotations

import gzip
import http.client
import json
from collections.abc import Iterator
from contextlib import suppress

import numpy as np
import pytest
from tests.doubles.running import RunningServer
from tests.doubles.steady_load import Load
from tests.proxies.conftest import INPUT_BYTES_MAX
from tests.proxies.proxies import Proxy
from tests.rest.http1_peer import infer_body

from penstock_client import Client, InvalidArgument, NotFound

LARGE = np.arange(2 << 20, dtype=np.float32)  # 8 MiB
ECHO = "/v2/models/echo/infer"


@pytest.fixture
def rest(proxy: Proxy) -> Iterator[http.client.HTTPConnection]:
    connection = http.client.HTTPConnection(proxy.rest, timeout=60)
    yield connection
    connection.close()


@pytest.fixture
def grpc(proxy: Proxy) -> Iterator[Client]:
    with Client(proxy.grpc, retry=None) as client:
        yield client


def asked(
    rest: http.client.HTTPConnection,
    method: str,
    path: str,
    body: bytes | None = None,
    **fields: str,
) -> tuple[http.client.HTTPResponse, bytes]:
    rest.request(
        method, path, body, {name.replace("_", "-"): text for name, text in fields.items()}
    )
    with rest.getresponse() as answer:
        return answer, answer.read()


def test_small_and_large_tensors_pass_over_grpc(grpc: Client) -> None:
    rows = np.ones((2, 3), np.float32)
    np.testing.assert_array_equal(grpc.infer("affine", {"x": rows}, timeout=30)["y"], 2 * rows + 1)
    np.testing.assert_array_equal(grpc.infer("echo", {"x": LARGE}, timeout=60)["x_out"], LARGE)


def test_errors_pass_over_grpc(grpc: Client) -> None:
    with pytest.raises(NotFound, match="unknown model"):
        grpc.infer("absent", {"x": LARGE[:1]}, timeout=30)
    with pytest.raises(InvalidArgument, match="shape"):
        grpc.infer("affine", {"x": LARGE[:4].reshape(1, 4)}, timeout=30)
    assert grpc.server_ready(timeout=30)


def test_json_passes_over_rest(rest: http.client.HTTPConnection) -> None:
    answer, said = asked(rest, "POST", ECHO, infer_body([1, 2.5], shape=[2]))
    assert answer.status == 200
    assert json.loads(said)["outputs"][0]["data"] == [1, 2.5]


@pytest.mark.parametrize("coding", ["identity", "gzip"])
def test_large_binary_tensors_pass_over_rest(rest: http.client.HTTPConnection, coding: str) -> None:
    raw = LARGE.tobytes()
    tensor = {
        "name": "x",
        "datatype": "FP32",
        "shape": [len(LARGE)],
        "parameters": {"binary_data_size": len(raw)},
    }
    head = json.dumps({"inputs": [tensor], "parameters": {"binary_data_output": True}}).encode()
    body, fields = head + raw, {"Inference_Header_Content_Length": str(len(head))}
    if coding == "gzip":
        body = gzip.compress(body, 1)
        fields |= {"Content_Encoding": "gzip", "Accept_Encoding": "gzip"}
    answer, said = asked(rest, "POST", ECHO, body, **fields)
    assert answer.status == 200, said[:200]
    if coding == "gzip":
        assert answer.getheader("Content-Encoding") == "gzip"
        said = gzip.decompress(said)
    length = answer.getheader("Inference-Header-Content-Length")
    assert length is not None
    assert said[int(length) :] == raw


def test_chunked_bodies_pass_over_rest(rest: http.client.HTTPConnection) -> None:
    body = infer_body(list(range(10_000)), shape=[10_000])
    pieces = (body[at : at + 1000] for at in range(0, len(body), 1000))
    rest.request("POST", ECHO, pieces, encode_chunked=True)
    with rest.getresponse() as answer:
        assert answer.status == 200
        assert json.loads(answer.read())["outputs"][0]["shape"] == [10_000]


@pytest.mark.parametrize(
    ("path", "body", "status", "sentence"),
    [
        ("/v2/models/absent/infer", infer_body([1], shape=[1]), 404, "unknown model"),
        (ECHO, b"{", 400, ""),
        ("/v2/models/affine/infer", infer_body([[1]], shape=[1, 1]), 400, "shape"),
    ],
)
def test_errors_pass_over_rest(
    rest: http.client.HTTPConnection, path: str, body: bytes, status: int, sentence: str
) -> None:
    answer, said = asked(rest, "POST", path, body)
    assert answer.status == status
    assert sentence in json.loads(said)["error"]


def test_a_body_past_the_servers_bound_is_told_so(rest: http.client.HTTPConnection) -> None:
    """The server answers before it has read all; the proxy passes that on, and may read no more."""
    with suppress(BrokenPipeError, ConnectionResetError):
        rest.request("POST", ECHO, b" " * (INPUT_BYTES_MAX + 1))
    with rest.getresponse() as answer:
        said = answer.read()
    assert answer.status == 413
    rest.close()
    assert str(INPUT_BYTES_MAX) in json.loads(said)["error"]
    answer, said = asked(rest, "POST", ECHO, infer_body([1], shape=[1]))
    assert answer.status == 200


def test_head_and_wrong_methods_pass(rest: http.client.HTTPConnection) -> None:
    answer, said = asked(rest, "HEAD", "/v2/health/live")
    assert (answer.status, said) == (200, b"")
    answer, said = asked(rest, "GET", ECHO)
    assert (answer.status, answer.getheader("Allow")) == (405, "POST")
    answer, said = asked(rest, "GET", "/v2/health/ready")
    assert answer.status == 200


def test_requests_are_spread_over_the_servers(
    proxy: Proxy, servers: tuple[RunningServer, RunningServer]
) -> None:
    def counts() -> list[float]:
        return [one.counted("nv_inference_request_success", model="echo") for one in servers]

    before = counts()
    with Load(proxy.grpc, proxy.rest, 2) as load:
        load.go_on(40)
    assert not load.failures
    assert all(now - then >= 20 for then, now in zip(before, counts(), strict=True))
