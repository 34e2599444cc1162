# SPDX-License-Identifier: Apache-2.0
"""Every call of both clients against a real server."""

from __future__ import annotations

import numpy as np
import pytest
from tests.client.conftest import ClientFactory
from tests.doubles.v2_server import V2Server

from penstock_client import (
    HealthStatus,
    InvalidArgument,
    ModelMetadata,
    NotFound,
    ServerMetadata,
    TensorMetadata,
)
from penstock_client._proto import health_pb2

ROWS = np.arange(32, dtype=np.float32).reshape(2, 16)


@pytest.mark.parametrize("raw", [True, False])
@pytest.mark.parametrize("compression", [None, "gzip", "deflate"])
def test_outputs_come_back_by_name(
    server: V2Server, make_client: ClientFactory, raw: bool, compression: str | None
) -> None:
    client = make_client(server.address)
    result = client.infer("echo", {"x": ROWS, "s": ["a", "b"]}, raw=raw, compression=compression)
    assert list(result) == ["x", "s"]
    np.testing.assert_array_equal(result["x"], ROWS)
    assert list(result["s"]) == [b"a", b"b"]


def test_all_that_stands_beside_the_tensors_arrives(
    server: V2Server, make_client: ClientFactory
) -> None:
    result = make_client(server.address).infer(
        "echo",
        {"x": ROWS},
        version="2",
        outputs=["x"],
        parameters={"priority": 3},
        request_id="r-1",
        metadata={"X-Tenant": "blue", "trace-bin": b"\x00\xff"},
    )
    assert (result.model_name, result.model_version, result.id) == ("echo", "2", "r-1")
    assert result.parameters == {"priority": 3}
    seen = server.seen[-1]
    assert [wanted.name for wanted in seen.request.outputs] == ["x"]
    assert seen.metadata["x-tenant"] == "blue"
    assert seen.metadata["trace-bin"] == b"\x00\xff"
    assert seen.time_left_s is None or seen.time_left_s > 10**6


def test_metadata_may_be_pairs_with_a_key_twice(
    server: V2Server, make_client: ClientFactory
) -> None:
    make_client(server.address).infer("echo", {"x": ROWS}, metadata=[("a", "1"), ("b", "2")])
    assert server.seen[-1].metadata["b"] == "2"


def test_a_tensor_larger_than_grpcs_usual_limit_passes(
    server: V2Server, make_client: ClientFactory
) -> None:
    rows = np.zeros(6 << 20, np.uint8)
    assert make_client(server.address).infer("echo", {"x": rows})["x"].nbytes == rows.nbytes


def test_the_server_tells_its_state_and_metadata(
    server: V2Server, make_client: ClientFactory
) -> None:
    client = make_client(server.address)
    assert client.server_live() is True
    assert client.server_ready() is True
    assert client.server_metadata() == ServerMetadata(
        name="triton", version="1.0", extensions=("binary_tensor_data", "parameters")
    )


def test_a_model_tells_its_metadata(server: V2Server, make_client: ClientFactory) -> None:
    client = make_client(server.address)
    assert client.model_metadata("echo") == ModelMetadata(
        name="echo",
        versions=("1", "2"),
        platform="python",
        inputs=(TensorMetadata(name="x", datatype="FP32", shape=(-1, 16)),),
        outputs=(TensorMetadata(name="y", datatype="FP32", shape=(-1, 1)),),
        properties={"quantization": "quantised as int8-static: auc 0.98"},
    )
    with pytest.raises(NotFound, match="no model absent"):
        client.model_metadata("absent")


def test_a_model_that_is_not_ready_tells_why(server: V2Server, make_client: ClientFactory) -> None:
    server.not_ready["broken"] = "model.onnx is no ONNX file"
    client = make_client(server.address)
    assert client.model_ready("echo", "2")
    assert server.seen[-1].request.version == "2"
    readiness = client.model_ready("broken")
    assert not readiness
    assert readiness.reason == "model.onnx is no ONNX file"


def test_health_is_a_status_and_an_unknown_service_an_error(
    server: V2Server, make_client: ClientFactory
) -> None:
    server.health["draining"] = health_pb2.HealthCheckResponse.NOT_SERVING
    client = make_client(server.address)
    assert client.health() is HealthStatus.SERVING
    assert client.health().is_serving
    assert client.health("draining") is HealthStatus.NOT_SERVING
    with pytest.raises(NotFound):
        client.health("absent")


def test_what_cannot_be_sent_is_refused_before_it_is_sent(
    server: V2Server, make_client: ClientFactory
) -> None:
    client = make_client(server.address)
    with pytest.raises(InvalidArgument) as caught:
        client.infer("echo", {"x": np.ones(2, np.complex64)})
    assert caught.value.attempts == 0
    with pytest.raises(ValueError, match="brotli"):
        client.infer("echo", {"x": ROWS}, compression="brotli")
    assert server.seen == []
