# SPDX-License-Identifier: Apache-2.0
"""Our messages live beside other libraries' of the same names, and agree with them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from google.protobuf import json_format, text_format

from penstock_client._proto import inference_pb2, model_config_pb2
from penstock_client._proto.pool import POOL, service_methods

OURS = "from penstock_client._proto import inference_pb2, model_config_pb2, health_pb2"
TRITON = "from tritonclient.grpc import service_pb2, model_config_pb2 as theirs"
#: What the Open Inference Protocol has and Triton's files have not, by message and number.
OIP_ADDS = {"inference.ModelMetadataResponse": {6: "properties"}}
USE_BOTH = """
ours = inference_pb2.ModelInferRequest(model_name="m", raw_input_contents=[b"abc"])
assert service_pb2.ModelInferRequest.FromString(ours.SerializeToString()).model_name == "m"
assert theirs.ModelConfig.FromString(model_config_pb2.ModelConfig(name="c").SerializeToString())
"""


def in_a_fresh_process(*lines: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("order", [(OURS, TRITON), (TRITON, OURS)], ids=["ours", "triton"])
def test_messages_import_beside_tritonclients_in_either_order(order: tuple[str, str]) -> None:
    ended = in_a_fresh_process(*order, USE_BOTH)
    assert ended.returncode == 0, ended.stderr


def test_other_files_of_our_names_can_still_enter_the_default_pool() -> None:
    """kserve's and mlserver's generated code does this with contents that differ from ours."""
    ended = in_a_fresh_process(
        OURS,
        "from google.protobuf import descriptor_pb2, descriptor_pool",
        "for name in ('inference.proto', 'model_config.proto', 'health.proto', 'dataplane.proto'):",
        "    file = descriptor_pb2.FileDescriptorProto(name=name, package='p' + name[0])",
        "    file.message_type.add(name='ModelInferRequest')",
        "    descriptor_pool.Default().AddSerializedFile(file.SerializeToString())",
        "other = descriptor_pb2.FileDescriptorProto(name='other.proto', package='inference')",
        "other.message_type.add(name='ModelInferRequest')",
        "descriptor_pool.Default().AddSerializedFile(other.SerializeToString())",
    )
    assert ended.returncode == 0, ended.stderr


def test_every_message_field_and_enum_is_that_of_tritonclient() -> None:
    from tritonclient.grpc import model_config_pb2 as their_config
    from tritonclient.grpc import service_pb2

    compared = 0
    for module in (service_pb2, their_config):
        for message in module.DESCRIPTOR.message_types_by_name.values():
            for theirs in with_nested(message):
                ours = POOL.FindMessageTypeByName(theirs.full_name)
                fields, enums = shape_of(ours)
                for number, name in OIP_ADDS.get(theirs.full_name, {}).items():
                    assert fields.pop(number)[0] == name
                assert (fields, enums) == shape_of(theirs), theirs.full_name
                compared += 1
        for enum in module.DESCRIPTOR.enum_types_by_name.values():
            assert values_of(POOL.FindEnumTypeByName(enum.full_name)) == values_of(enum)
    assert compared > 100


def test_every_method_has_tritons_path_and_messages() -> None:
    from tritonclient.grpc import service_pb2

    theirs = service_pb2.DESCRIPTOR.services_by_name["GRPCInferenceService"]
    ours = service_methods("inference.GRPCInferenceService")
    assert list(ours) == [method.name for method in theirs.methods]
    for method in theirs.methods:
        found = ours[method.name]
        assert found.path == f"/inference.GRPCInferenceService/{method.name}"
        assert found.request.DESCRIPTOR.full_name == method.input_type.full_name
        assert found.response.DESCRIPTOR.full_name == method.output_type.full_name
        assert found.is_client_streaming == method.client_streaming
        assert found.is_server_streaming == method.server_streaming


def test_health_has_check_list_and_a_streaming_watch() -> None:
    methods = service_methods("grpc.health.v1.Health")
    assert {name: method.is_server_streaming for name, method in methods.items()} == {
        "Check": False,
        "List": False,
        "Watch": True,
    }


def test_a_config_pbtxt_parses_and_goes_to_json() -> None:
    config = text_format.Parse(
        """
        backend: "onnxruntime"  # a comment
        max_batch_size: 8
        input { name: "x" data_type: TYPE_FP32 dims: [ -1, 16 ] }
        dynamic_batching { preferred_batch_size: [ 4, 8 ] max_queue_delay_microseconds: 100 }
        instance_group [ { kind: KIND_CPU count: 2 } ]
        parameters { key: "intra_op" value { string_value: "1" } }
        """,
        model_config_pb2.ModelConfig(),
    )
    assert config.input[0].data_type == model_config_pb2.TYPE_FP32
    assert model_config_pb2.DataType.Name(config.input[0].data_type) == "TYPE_FP32"
    assert config.WhichOneof("scheduling_choice") == "dynamic_batching"
    as_json = json_format.MessageToDict(config)
    assert as_json["dynamicBatching"]["maxQueueDelayMicroseconds"] == "100"
    assert as_json["instanceGroup"] == [{"kind": "KIND_CPU", "count": 2}]
    assert json_format.ParseDict(as_json, model_config_pb2.ModelConfig()) == config


def test_an_unknown_config_field_is_an_error_that_names_it() -> None:
    with pytest.raises(text_format.ParseError, match="max_batch_sise"):
        text_format.Parse("max_batch_sise: 8", model_config_pb2.ModelConfig())


def test_nested_messages_are_attributes_of_their_parent() -> None:
    tensor = inference_pb2.ModelInferRequest.InferInputTensor(name="x")
    assert inference_pb2.ModelInferRequest(inputs=[tensor]).inputs[0].name == "x"


def with_nested(message: Any) -> Iterator[Any]:
    yield message
    for nested in message.nested_types:
        yield from with_nested(nested)


def shape_of(message: Any) -> Any:
    fields = {
        field.number: (
            field.name,
            field.type,
            field.is_repeated,
            field.message_type and field.message_type.full_name,
            field.enum_type and field.enum_type.full_name,
            field.containing_oneof and field.containing_oneof.name,
        )
        for field in message.fields
    }
    return fields, {enum.name: values_of(enum) for enum in message.enum_types}


def values_of(enum: Any) -> dict[str, int]:
    return {value.name: value.number for value in enum.values}
