# SPDX-License-Identifier: Apache-2.0
"""Clients that know nothing of Penstock, unchanged: tritonclient, and grpcio by hand."""

import queue
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
import tritonclient.grpc as triton
from tests.doubles.model_files import add_affine, add_identity
from tests.doubles.running import RunningServer

from penstock_client._proto import health_pb2, inference_pb2

INFER = "/inference.GRPCInferenceService/ModelInfer"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    repository: Path = tmp_path_factory.mktemp("models")
    add_affine(repository, "affine", config="max_batch_size: 8")
    add_identity(repository, "echo", [("x", "TYPE_FP32", [-1])], rows_max=8)
    add_identity(repository, "texts", [("s", "TYPE_STRING", [1])], rows_max=8)
    with RunningServer(repository, flags=("--grpc-infer-response-compression-level=high",)) as made:
        yield made


@pytest.fixture
def triton_client(server: RunningServer) -> Iterator[Any]:
    client = triton.InferenceServerClient(server.grpc)
    yield client
    client.close()


@pytest.fixture
def channel(server: RunningServer) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(server.grpc) as made:
        yield made


def test_tritonclient_sees_a_live_ready_server(triton_client: Any) -> None:
    assert triton_client.is_server_live()
    assert triton_client.is_server_ready()
    assert triton_client.is_model_ready("affine")
    assert not triton_client.is_model_ready("rose")


def test_tritonclient_reads_the_metadata(triton_client: Any) -> None:
    assert triton_client.get_server_metadata().name == "triton"
    metadata = triton_client.get_model_metadata("affine", as_json=True)
    assert metadata["inputs"] == [{"name": "x", "datatype": "FP32", "shape": ["-1", "3"]}]


@pytest.mark.parametrize("compression", [None, "gzip", "deflate"])
def test_tritonclient_infers(triton_client: Any, compression: str | None) -> None:
    x = np.arange(6, dtype=np.float32).reshape(2, 3)
    tensor = triton.InferInput("x", [2, 3], "FP32")
    tensor.set_data_from_numpy(x)
    answer = triton_client.infer(
        "affine",
        [tensor],
        outputs=[triton.InferRequestedOutput("y")],
        request_id="7",
        client_timeout=10,
        compression_algorithm=compression,
    )
    np.testing.assert_array_equal(answer.as_numpy("y"), 2 * x + 1)
    assert answer.get_response().id == "7"


def test_tritonclient_sends_texts(triton_client: Any) -> None:
    sent = np.array([["a"], ["grüße"]], dtype=object)
    tensor = triton.InferInput("s", [2, 1], "BYTES")
    tensor.set_data_from_numpy(sent)
    answer = triton_client.infer("texts", [tensor]).as_numpy("s_out")
    assert answer.tolist() == [[b"a"], ["grüße".encode()]]


def test_tritonclient_gets_the_error_it_looks_for(triton_client: Any) -> None:
    tensor = triton.InferInput("x", [1, 3], "FP32")
    tensor.set_data_from_numpy(np.zeros((1, 3), np.float32))
    with pytest.raises(Exception, match="Request for unknown model"):
        triton_client.infer("rose", [tensor])


def test_tritonclient_infers_asynchronously(triton_client: Any) -> None:
    answers: queue.Queue[Any] = queue.Queue()
    tensor = triton.InferInput("x", [1, 3], "FP32")
    tensor.set_data_from_numpy(np.ones((1, 3), np.float32))
    for _ in range(10):
        triton_client.async_infer(
            "affine", [tensor], lambda result, error: answers.put((result, error))
        )
    for _ in range(10):
        result, error = answers.get(timeout=10)
        assert error is None
        assert result.as_numpy("y").tolist() == [[3, 3, 3]]


def request(values: list[float]) -> bytes:
    made = inference_pb2.ModelInferRequest(model_name="echo")
    made.inputs.add(name="x", datatype="FP32", shape=[1, len(values)])
    made.raw_input_contents.append(np.array(values, np.float32).tobytes())
    return made.SerializeToString()


@pytest.mark.parametrize(
    "algorithm", [grpc.Compression.NoCompression, grpc.Compression.Gzip, grpc.Compression.Deflate]
)
def test_messages_may_be_compressed_both_ways(
    channel: grpc.Channel, algorithm: grpc.Compression
) -> None:
    call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(INFER)
    values = [1.0, 2.0] * 20_000
    answer, ended = call.with_call(request(values), timeout=10, compression=algorithm)
    parsed = inference_pb2.ModelInferResponse.FromString(answer)
    assert parsed.raw_output_contents[0] == np.array(values, np.float32).tobytes()
    encoding = dict(ended.initial_metadata() or ()).get("grpc-encoding", "identity")
    assert encoding in ("identity", "gzip", "deflate")


def test_the_standard_health_check_knows_the_server(channel: grpc.Channel) -> None:
    call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(
        "/grpc.health.v1.Health/Check"
    )
    for service in ("", "inference.GRPCInferenceService"):
        asked = health_pb2.HealthCheckRequest(service=service).SerializeToString()
        answer = health_pb2.HealthCheckResponse.FromString(call(asked, timeout=10))
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
    with pytest.raises(grpc.RpcError) as caught:
        call(health_pb2.HealthCheckRequest(service="rose").SerializeToString(), timeout=10)
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND


def test_metadata_of_the_callers_own_is_accepted(channel: grpc.Channel) -> None:
    call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(INFER)
    metadata = (("x-request-id", "7"), ("trace-bin", b"\x00\xff"))
    assert call(request([1.0]), timeout=10, metadata=metadata)


def test_a_truncated_message_is_an_invalid_argument(channel: grpc.Channel) -> None:
    call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(INFER)
    with pytest.raises(grpc.RpcError) as caught:
        call(request([1.0])[:-3], timeout=10)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


def test_raw_and_typed_contents_together_are_refused(channel: grpc.Channel) -> None:
    made = inference_pb2.ModelInferRequest.FromString(request([1.0]))
    made.inputs[0].contents.fp32_contents.append(1.0)
    call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(INFER)
    with pytest.raises(grpc.RpcError) as caught:
        call(made.SerializeToString(), timeout=10)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "x" in (caught.value.details() or "")


def test_an_output_asked_for_twice_is_refused(channel: grpc.Channel) -> None:
    made = inference_pb2.ModelInferRequest.FromString(request([1.0]))
    for _ in range(2):
        made.outputs.add(name="x_out")
    call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(INFER)
    with pytest.raises(grpc.RpcError) as caught:
        call(made.SerializeToString(), timeout=10)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "x_out" in (caught.value.details() or "")


@pytest.mark.parametrize("shape", [[1, 2], [-1, 1], [1, 2**62], [2**40, 2**40]])
def test_bytes_that_do_not_match_the_shape_are_refused(
    channel: grpc.Channel, shape: list[int]
) -> None:
    made = inference_pb2.ModelInferRequest.FromString(request([1.0]))
    made.inputs[0].ClearField("shape")
    made.inputs[0].shape.extend(shape)
    call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(INFER)
    with pytest.raises(grpc.RpcError) as caught:
        call(made.SerializeToString(), timeout=10)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "x" in (caught.value.details() or "")
