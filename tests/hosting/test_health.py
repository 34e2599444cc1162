# SPDX-License-Identifier: Apache-2.0
"""Health and reflection as grpcio's clients see them on a real server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import descriptor_pb2
from tests.doubles.h2_peer import H2Peer, framed
from tests.doubles.model_files import add_affine
from tests.doubles.running import RunningServer
from tests.hosting.conftest import Hosts

from penstock_client._proto import health_pb2 as health
from penstock_client._proto import reflection_v1_pb2 as reflection

SERVING = health.HealthCheckResponse.SERVING
NOT_SERVING = health.HealthCheckResponse.NOT_SERVING
SERVICE_UNKNOWN = health.HealthCheckResponse.SERVICE_UNKNOWN
INFERENCE = "inference.GRPCInferenceService"
ADMIN = "penstock.admin.v1.AdminService"
REPOSITORY = "inference.model_repository.ModelRepositoryService"


@pytest.fixture(scope="module")
def host(hosts: Hosts) -> Iterator[RunningServer]:
    with hosts.start("register") as running:
        yield running


@pytest.fixture
def channel(host: RunningServer) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(host.grpc) as made:
        yield made


def watch(channel: Any, service: str) -> Any:
    call = channel.unary_stream(
        "/grpc.health.v1.Health/Watch",
        request_serializer=health.HealthCheckRequest.SerializeToString,
        response_deserializer=health.HealthCheckResponse.FromString,
    )
    return call(health.HealthCheckRequest(service=service))


def reflect(channel: Any, version: str, **asked: Any) -> Any:
    call = channel.stream_stream(
        f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo",
        request_serializer=reflection.ServerReflectionRequest.SerializeToString,
        response_deserializer=reflection.ServerReflectionResponse.FromString,
    )
    (answer,) = call(iter([reflection.ServerReflectionRequest(**asked)]))
    return answer


def test_the_list_has_services_and_models(channel: Any) -> None:
    call = channel.unary_unary(
        "/grpc.health.v1.Health/List",
        response_deserializer=health.HealthListResponse.FromString,
    )
    statuses = {name: state.status for name, state in call(b"").statuses.items()}
    assert statuses == dict.fromkeys(
        [
            "",
            INFERENCE,
            REPOSITORY,
            "affine",
            "courier.v1.Courier",
            "grpc.reflection.v1.ServerReflection",
            "grpc.reflection.v1alpha.ServerReflection",
            ADMIN,
        ],
        SERVING,
    )


@pytest.mark.parametrize(
    ("service", "status"),
    [
        ("", SERVING),
        (INFERENCE, SERVING),
        ("courier.v1.Courier", SERVING),
        ("affine", SERVING),
        ("affine/1", SERVING),
        ("affine/2", SERVICE_UNKNOWN),
        ("nobody", SERVICE_UNKNOWN),
    ],
)
def test_a_watch_begins_with_the_present_state(channel: Any, service: str, status: int) -> None:
    call = watch(channel, service)
    assert next(call).status == status
    call.cancel()


def test_watches_hear_of_the_drain_and_do_not_hold_it_up(tmp_path: Path) -> None:
    add_affine(tmp_path, "affine")
    serving, not_serving = (
        framed(health.HealthCheckResponse(status=status).SerializeToString())
        for status in (SERVING, NOT_SERVING)
    )
    # Not grpcio: it forgets a message that nobody was reading at the moment the call ends.
    with (
        RunningServer(tmp_path, flags=("--drain-delay-secs=1",)) as server,
        H2Peer(server.grpc) as peer,
    ):
        watches = [
            peer.call(
                "/grpc.health.v1.Health/Watch",
                health.HealthCheckRequest(service=service).SerializeToString(),
            )
            for service in ("", INFERENCE, "affine")
        ]
        peer.until(lambda: all(bytes(watch.body) == serving for watch in watches))
        server.drain()
        peer.wait_for(*watches)
        for watch in watches:
            assert bytes(watch.body) == serving + not_serving
            assert watch.status == grpc.StatusCode.UNAVAILABLE.value[0]
        assert server.wait() == 0


def test_reflection_lists_every_service(channel: Any) -> None:
    for version in ("v1", "v1alpha"):
        answer = reflect(channel, version, list_services="")
        assert [service.name for service in answer.list_services_response.service] == [
            "courier.v1.Courier",
            "grpc.health.v1.Health",
            "grpc.reflection.v1.ServerReflection",
            "grpc.reflection.v1alpha.ServerReflection",
            INFERENCE,
            REPOSITORY,
            ADMIN,
        ]


@pytest.mark.parametrize("version", ["v1", "v1alpha"])
@pytest.mark.parametrize(
    ("symbol", "wanted"),
    [
        ("courier.v1.Courier", ["courier.proto"]),
        ("courier.v1.Courier.Send", ["courier.proto"]),
        ("courier.v1.Parcel.text", ["courier.proto"]),
        (INFERENCE, ["inference.proto", "inference_extensions.proto", "model_config.proto"]),
        ("grpc.health.v1.Health", ["health.proto"]),
        (f"grpc.reflection.{'v1alpha'}.ServerReflection", ["reflection_v1alpha.proto"]),
    ],
)
def test_reflection_gives_the_files_of_a_symbol(
    channel: Any, version: str, symbol: str, wanted: list[str]
) -> None:
    answer = reflect(channel, version, file_containing_symbol=symbol)
    files = [
        descriptor_pb2.FileDescriptorProto.FromString(file)
        for file in answer.file_descriptor_response.file_descriptor_proto
    ]
    assert [file.name for file in files] == wanted
    assert answer.original_request.file_containing_symbol == symbol


def test_a_client_rebuilds_a_service_from_reflection_alone(channel: Any) -> None:
    """As grpcurl does: descriptors first, then a call by what they say."""
    from google.protobuf import descriptor_pool, message_factory

    answer = reflect(channel, "v1", file_containing_symbol="courier.v1.Courier")
    pool = descriptor_pool.DescriptorPool()
    for file in answer.file_descriptor_response.file_descriptor_proto:
        pool.AddSerializedFile(file)
    method = pool.FindServiceByName("courier.v1.Courier").methods_by_name["Collect"]
    request: Any = message_factory.GetMessageClass(method.input_type)
    response: Any = message_factory.GetMessageClass(method.output_type)
    call = channel.stream_unary(
        f"/courier.v1.Courier/{method.name}",
        request_serializer=request.SerializeToString,
        response_deserializer=response.FromString,
    )
    assert call(iter([request(number=3), request(number=4)])).number == 7


def test_what_reflection_does_not_know_is_an_error_within_the_answer(
    channel: Any,
) -> None:
    for asked in (
        {"file_by_filename": "nowhere.proto"},
        {"file_containing_symbol": "no.Such"},
        {"file_containing_symbol": "courier.v1.Courier.Lose"},
        {"all_extension_numbers_of_type": "no.Such"},
        {"file_containing_extension": {"containing_type": "no.Such", "extension_number": 1}},
    ):
        answer = reflect(channel, "v1", **asked)
        assert answer.error_response.error_code == grpc.StatusCode.NOT_FOUND.value[0]
        assert "knows no" in answer.error_response.error_message
    empty = reflect(channel, "v1")
    assert empty.error_response.error_code == grpc.StatusCode.INVALID_ARGUMENT.value[0]
    file = reflect(channel, "v1", file_by_filename="courier.proto")
    assert len(file.file_descriptor_response.file_descriptor_proto) == 1
    extensions = reflect(
        channel, "v1", all_extension_numbers_of_type="google.protobuf.MessageOptions"
    )
    assert extensions.WhichOneof("message_response") == "all_extension_numbers_response"
