# SPDX-License-Identifier: Apache-2.0
"""The control methods on a real server's gRPC port, by grpcio and by Triton's own client."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
import tritonclient.grpc as triton
from google.protobuf.message import Message
from tests.doubles.running import RunningServer

from penstock_client._proto import inference_extensions_pb2 as pb
from penstock_client._proto.pool import message_type, service_methods

ROOT = Path(__file__).resolve().parents[2]
INFERENCE = "inference.GRPCInferenceService"
MLSERVER = "inference.model_repository.ModelRepositoryService"

Call = Callable[..., Any]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    flags = ("--grpc-service=tests.doubles.control_service:register",)
    with RunningServer(
        tmp_path_factory.mktemp("models"), flags=flags, environment={"PYTHONPATH": str(ROOT)}
    ) as running:
        yield running


@pytest.fixture(scope="module")
def client(server: RunningServer) -> Iterator[Any]:
    with triton.InferenceServerClient(server.grpc) as made:
        yield made


@pytest.fixture
def call(server: RunningServer) -> Iterator[Call]:
    """Calls a method with a message; the answer comes as `answer_type`."""
    with grpc.insecure_channel(server.grpc) as channel:

        def made(path: str, request: Message, answer_type: type[Message]) -> Any:
            method: Any = channel.unary_unary(
                path,
                request_serializer=lambda message: message.SerializeToString(),
                response_deserializer=answer_type.FromString,
            )
            return method(request, timeout=10)

        yield made


def test_configuration_and_statistics(client: Any) -> None:
    config = client.get_model_config("adder", as_json=True)["config"]
    assert config["max_batch_size"] == 8
    (one,) = client.get_inference_statistics("adder").model_stats
    assert one.inference_stats.success.ns == 2**53 + 1


def test_the_repository(client: Any) -> None:
    models = client.get_model_repository_index().models
    assert [(one.name, one.state) for one in models] == [
        ("adder", "READY"), ("bad", "UNAVAILABLE"), ("idle", ""),
    ]  # fmt: skip
    client.load_model("adder", config="{}", files={"file:1/model.onnx": b"\0"})
    client.unload_model("adder", unload_dependents=True)
    with pytest.raises(triton.InferenceServerException, match="failed to poll") as caught:
        client.load_model("absent")
    assert caught.value.status() == "StatusCode.INTERNAL"


def test_shared_memory(client: Any) -> None:
    client.register_system_shared_memory("r", "/k", 64, offset=8)
    told = client.get_system_shared_memory_status(as_json=True)
    assert told == {"regions": {"r": {"name": "r", "key": "/k", "offset": "8", "byte_size": "64"}}}
    client.unregister_system_shared_memory()
    assert not client.get_system_shared_memory_status().regions
    assert not client.get_cuda_shared_memory_status().regions
    with pytest.raises(triton.InferenceServerException, match="GPUs not supported"):
        client.register_cuda_shared_memory("r", b"h" * 64, 0, 64)


def test_settings(client: Any) -> None:
    told = client.update_log_settings({"log_verbose_level": 2, "log_format": "ISO8601"})
    assert told.settings["log_verbose_level"].uint32_param == 2
    assert told.settings["log_format"].string_param == "ISO8601"
    with pytest.raises(triton.InferenceServerException, match="can not be updated"):
        client.update_log_settings({"log_file": "x"})
    client.update_trace_settings("adder", {"trace_level": ["TIMESTAMPS", "TENSORS"]})
    client.update_trace_settings(settings={"trace_rate": "9"})
    own = client.get_trace_settings("adder").settings
    assert list(own["trace_level"].value) == ["TIMESTAMPS", "TENSORS"]
    assert list(own["trace_rate"].value) == ["9"]
    client.update_trace_settings("adder", {"trace_level": None})
    assert list(client.get_trace_settings("adder").settings["trace_level"].value) == ["OFF"]


def test_a_parameter_of_another_type_is_refused_by_name(call: Call) -> None:
    request = pb.RepositoryModelLoadRequest(model_name="adder")
    request.parameters["config"].bool_param = True
    with pytest.raises(grpc.RpcError) as caught:
        call(f"/{INFERENCE}/RepositoryModelLoad", request, pb.RepositoryModelLoadResponse)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert caught.value.details() == (
        "invalid value type for load parameter 'config', expected string_param. Found bool_param."
    )


@pytest.mark.parametrize("verb", ["Load", "Unload"])
def test_kserves_load_names_the_model_in_field_1_and_is_answered_with_it(
    call: Call, verb: str
) -> None:
    request = pb.RepositoryIndexRequest(repository_name="adder")  # field 1, as KServe's model_name
    answer = call(
        f"/{INFERENCE}/RepositoryModel{verb}", request, message_type("inference.ModelReadyRequest")
    )
    # That message's field 1 is a text, too; field 2 is a bool here, which it keeps as it came.
    assert answer.name == "adder"
    assert answer.SerializeToString() == b"\x0a\x05adder\x10\x01"


def test_mlservers_repository_service_is_answered(call: Call) -> None:
    index = call(
        f"/{MLSERVER}/RepositoryIndex",
        pb.RepositoryIndexRequest(ready=True),
        pb.RepositoryIndexResponse,
    )
    assert [one.name for one in index.models] == ["adder"]
    for verb in ("Load", "Unload"):
        request = pb.RepositoryModelLoadRequest(model_name="adder")
        call(f"/{MLSERVER}/RepositoryModel{verb}", request, pb.RepositoryModelLoadResponse)


def test_reflection_tells_of_mlservers_service(call: Call) -> None:
    reflection = service_methods("grpc.reflection.v1.ServerReflection")["ServerReflectionInfo"]
    answer = call(
        reflection.path, reflection.request(file_containing_symbol=MLSERVER), reflection.response
    )
    assert len(answer.file_descriptor_response.file_descriptor_proto) == 3


def test_streaming_inference_stays_unimplemented(call: Call) -> None:
    method = service_methods(INFERENCE)["ModelStreamInfer"]
    with pytest.raises(grpc.RpcError) as caught:
        call(method.path, method.request(), method.response)
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
