# SPDX-License-Identifier: Apache-2.0
"""What a configuration has its model's metadata say, and how the server tells it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import grpc
import pytest
from tests.doubles.model_files import add_identity
from tests.doubles.running import RunningServer

from penstock.errors import RepositoryError
from penstock.repository.config_file import parse_config
from penstock.repository.notes import notes_plan
from penstock.repository.plan import NotesPlan
from penstock_client._proto import inference_pb2 as pb


def parameter(key: str, value: str) -> str:
    return f'parameters {{ key: "{key}" value {{ string_value: "{value}" }} }}\n'


def plan(*pairs: tuple[str, str]) -> NotesPlan:
    text = "".join(parameter(key, value) for key, value in pairs)
    return notes_plan(parse_config(text).config.parameters)


def test_properties_and_parameters_of_tensors_are_told_by_name() -> None:
    assert plan(
        ("penstock.property.owner", "vision"),
        ("penstock.tensor.a.b.content_type", "np"),
        ("notes", "the model's own"),
    ) == NotesPlan(properties=(("owner", "vision"),), tensors=(("a.b", "content_type", "np"),))


@pytest.mark.parametrize(
    "key", ["penstock.property.", "penstock.tensor.", "penstock.tensor.x", "penstock.tensor..x"]
)
def test_a_note_without_a_name_is_refused(key: str) -> None:
    with pytest.raises(RepositoryError, match=key):
        plan((key, "v"))


def test_metadata_on_the_wire_hold_them_in_oips_and_mlservers_fields(tmp_path: Path) -> None:
    add_identity(tmp_path, "m", [("x", "TYPE_FP32", [2])], rows_max=4)
    config = tmp_path / "m" / "config.pbtxt"
    config.write_text(
        config.read_text()
        + "\n"
        + parameter("penstock.property.owner", "vision")
        + parameter("penstock.tensor.x.content_type", "np")
    )
    with RunningServer(tmp_path) as server, grpc.insecure_channel(server.grpc) as channel:
        ask: Any = channel.unary_unary(
            "/inference.GRPCInferenceService/ModelMetadata",
            request_serializer=pb.ModelMetadataRequest.SerializeToString,
        )
        message = ask(pb.ModelMetadataRequest(name="m"), timeout=10)
    assert isinstance(message, bytes)
    assert b"\x32\x0f\x0a\x05owner\x12\x06vision" in message
    assert b"\x22\x14\x0a\x0ccontent_type\x12\x04\x1a\x02np" in message
    # Those who do not know these fields see metadata as ever.
    told = pb.ModelMetadataResponse.FromString(message)
    assert [(one.name, list(one.shape)) for one in told.inputs] == [("x", [-1, 2])]
