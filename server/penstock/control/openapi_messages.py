# SPDX-License-Identifier: Apache-2.0
"""Schemas made from the messages of Penstock's admin service, whose JSON answers are. Pure."""

from collections.abc import Mapping
from typing import Any

from google.protobuf.descriptor import FieldDescriptor

from penstock.control.openapi_operations import schema
from penstock_client._proto import admin_pb2 as pb

__all__ = ["closed", "examples_schema", "message_schema", "query_parameter"]

NUMBERS = frozenset({FieldDescriptor.TYPE_DOUBLE, FieldDescriptor.TYPE_FLOAT})
#: Of a double that is not finite, in protobuf's mapping to JSON.
NOT_FINITE = ["Infinity", "-Infinity", "NaN"]


def examples_schema() -> dict[str, Any]:
    """Examples of shadows: the message, with each pair as an object."""
    made = message_schema(pb.ShadowExamples.DESCRIPTOR)
    one = made["properties"]["examples"]["items"]["properties"]
    del one["pair_json"]
    one["pair"] = {"type": "object"}
    return made


def message_schema(descriptor: Any) -> dict[str, Any]:
    """The JSON of a message, every field of which is known."""
    return closed({field.name: _field(field) for field in descriptor.fields})


def _field(field: FieldDescriptor) -> dict[str, Any]:
    message = field.message_type
    if message is not None and message.full_name == pb.RolloutSpec.DESCRIPTOR.full_name:
        return {"$ref": schema("RolloutSpec")}
    if message is not None and message.GetOptions().map_entry:
        values = _element(message.fields_by_name["value"])
        return {"type": "object", "additionalProperties": values}
    one = _element(field)
    return {"type": "array", "items": one} if field.is_repeated else one


def _element(field: FieldDescriptor) -> dict[str, Any]:
    if field.message_type is not None:
        return message_schema(field.message_type)
    if field.type in NUMBERS:
        return {"oneOf": [{"type": "number"}, {"enum": NOT_FINITE}]}
    if field.type == field.TYPE_BOOL:
        return {"type": "boolean"}
    return {"type": "string" if field.type == field.TYPE_STRING else "integer"}


def closed(properties: Mapping[str, Any]) -> dict[str, Any]:
    """An object with these members and no others."""
    return {"type": "object", "properties": dict(properties), "additionalProperties": False}


def query_parameter(name: str, description: str, kind: str = "string") -> dict[str, Any]:
    """A parameter that may stand in the query."""
    return {"name": name, "in": "query", "description": description, "schema": {"type": kind}}
