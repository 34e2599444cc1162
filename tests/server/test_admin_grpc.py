# SPDX-License-Identifier: Apache-2.0
"""Penstock's admin service on a real server's gRPC port, by grpcio."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from tests.doubles.running import RunningServer

from penstock_client._proto import admin_pb2 as pb
from penstock_client._proto.pool import service_methods

ROOT = Path(__file__).resolve().parents[2]
ADMIN = "penstock.admin.v1.AdminService"
METHODS = service_methods(ADMIN)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    flags = ("--grpc-service=tests.doubles.control_service:register",)
    with RunningServer(
        tmp_path_factory.mktemp("models"), flags=flags, environment={"PYTHONPATH": str(ROOT)}
    ) as running:
        yield running


@pytest.fixture(scope="module")
def channel(server: RunningServer) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(server.grpc) as made:
        yield made


def call(channel: grpc.Channel, name: str, request: Any) -> Any:
    method = METHODS[name]
    made = channel.unary_stream if method.is_server_streaming else channel.unary_unary
    asked: Any = made(
        method.path,
        request_serializer=lambda message: message.SerializeToString(),
        response_deserializer=method.response.FromString,
    )
    return asked(request, timeout=20)


def refused(channel: grpc.Channel, name: str, request: Any) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.RpcError) as caught:
        answer = call(channel, name, request)
        if METHODS[name].is_server_streaming:
            list(answer)
    error: Any = caught.value
    return error.code(), error.details()


@pytest.mark.parametrize(
    "name", [name for name in METHODS if name not in ("ListDrift", "ListRollouts", "ListRoutes")]
)
def test_every_method_of_the_contract_is_answered(channel: grpc.Channel, name: str) -> None:
    code, _ = refused(channel, name, METHODS[name].request(model="nobody"))
    wanted = "INVALID_ARGUMENT" if name == "StartRollout" else "NOT_FOUND"
    assert code.name == wanted


def test_a_rollout_from_its_start_to_its_end(channel: grpc.Channel) -> None:
    request = pb.StartRolloutRequest(model="a", candidate=2, spec=pb.RolloutSpec(dwell_s=5))
    begun = call(channel, "StartRollout", request)
    assert (begun.state, begun.stable, begun.candidate) == ("shadow", 1, 2)
    assert begun.spec.dwell_s == 5
    assert list(begun.spec.stages_bp) == [100, 500, 2500, 5000, 10000]
    assert not begun.HasField("ended_ms")
    paused = call(channel, "PauseRollout", pb.PauseRolloutRequest(model="a", rollout=begun.id))
    assert paused.is_paused
    assert not call(channel, "ResumeRollout", pb.ResumeRolloutRequest(model="a")).is_paused
    ended = call(channel, "RollBackRollout", pb.RollBackRolloutRequest(model="a", reason="odd"))
    assert (ended.state, ended.why, ended.log[-1].by) == ("rolled_back", "odd", "operator")
    assert call(channel, "GetRollout", pb.GetRolloutRequest(model="a")) == ended
    told = call(channel, "ExplainRollout", pb.ExplainRolloutRequest(model="a"))
    assert json.loads(told.explanation_json)["rollout"] == begun.id


def test_a_spec_may_come_as_toml(channel: grpc.Channel) -> None:
    text = "shadow = false\nidempotent = true"
    request = pb.StartRolloutRequest(model="b", candidate=2, spec_toml=text)
    begun = call(channel, "StartRollout", request)
    assert begun.spec.skips_shadow
    assert begun.spec.idempotent
    assert call(channel, "PromoteRollout", pb.PromoteRolloutRequest(model="b")).state == "live"


def test_a_watch_goes_on_to_the_end(channel: grpc.Channel) -> None:
    call(channel, "StartRollout", pb.StartRolloutRequest(model="walker", candidate=2))
    request = pb.WatchRolloutRequest(model="walker", interval_ms=100)
    told = list(call(channel, "WatchRollout", request))
    assert [one.state for one in told] == ["shadow", "canary", "canary", "live"]
    canary = told[1].evidence.epochs[1].arms["canary"]
    assert dict(canary.bad) == {"error": 9, "timeout": 1}
    assert told[-1].HasField("ended_ms")


def test_a_list_leaves_evidence_and_log_out(channel: grpc.Channel) -> None:
    call(channel, "StartRollout", pb.StartRolloutRequest(model="listed", candidate=2))
    answer = call(channel, "ListRollouts", pb.ListRolloutsRequest(model="listed"))
    (one,) = answer.rollouts
    assert (one.model, len(one.log), len(one.evidence.epochs)) == ("listed", 0, 0)


def test_refusals_have_a_status_and_a_sentence(channel: grpc.Channel) -> None:
    assert refused(channel, "GetRollout", pb.GetRolloutRequest(model="nobody")) == (
        grpc.StatusCode.NOT_FOUND,
        "nobody: there is no rollout.",
    )
    assert refused(channel, "WatchRollout", pb.WatchRolloutRequest(model="nobody")) == (
        grpc.StatusCode.NOT_FOUND,
        "nobody: there is no rollout.",
    )
    code, why = refused(channel, "StartRollout", pb.StartRolloutRequest(model="c", candidate=3))
    assert code is grpc.StatusCode.FAILED_PRECONDITION
    assert "signature of version 3" in why
    spec = pb.RolloutSpec(stages_bp=[5])
    request = pb.StartRolloutRequest(model="c", candidate=2, spec=spec)
    assert refused(channel, "StartRollout", request) == (
        grpc.StatusCode.INVALID_ARGUMENT,
        "spec: wanted stages_bp that end with 10000, found 5.",
    )


def test_reflection_tells_of_the_service(channel: grpc.Channel) -> None:
    reflection = service_methods("grpc.reflection.v1.ServerReflection")["ServerReflectionInfo"]
    asked: Any = channel.stream_stream(
        reflection.path,
        request_serializer=lambda message: message.SerializeToString(),
        response_deserializer=reflection.response.FromString,
    )
    requests = [
        reflection.request(list_services=""),
        reflection.request(file_containing_symbol=ADMIN),
    ]
    listed, file = list(asked(iter(requests), timeout=20))
    assert ADMIN in [one.name for one in listed.list_services_response.service]
    files = map(FileDescriptorProto.FromString, file.file_descriptor_response.file_descriptor_proto)
    assert [one.name for one in files] == ["admin.proto", "drift.proto"]
