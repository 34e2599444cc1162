# SPDX-License-Identifier: Apache-2.0
"""Each call about monitoring as a value; see _calls."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from google.protobuf.message import Message

from penstock_client import drift
from penstock_client._calls import Call, Metadata, parsed
from penstock_client._proto import drift_pb2 as pb
from penstock_client._proto.pool import service_methods
from penstock_client.drift import DriftStatus

_ADMIN = service_methods("penstock.admin.v1.AdminService")


def status(model: str, version: int = 0, window_s: float = 0.0) -> Call[DriftStatus]:
    """GetDrift."""
    request = pb.GetDriftRequest(model=model, version=version, window_s=window_s)
    return Call(_ADMIN["GetDrift"].path, request.SerializeToString(), _read_status)


def listed(limit: int = 0) -> Call[tuple[DriftStatus, ...]]:
    """ListDrift."""
    request = pb.ListDriftRequest(limit=limit)
    return Call(_ADMIN["ListDrift"].path, request.SerializeToString(), _read_list)


def _read_status(message: bytes, trailers: Metadata) -> DriftStatus:
    return _status(parsed(pb.DriftStatus, message))


def _read_list(message: bytes, trailers: Metadata) -> tuple[DriftStatus, ...]:
    return tuple(_status(one) for one in parsed(pb.ListDriftResponse, message).versions)


def _status(message: pb.DriftStatus) -> DriftStatus:
    made: DriftStatus = _value(message)
    return made


def _value(message: Message) -> Any:
    """The value of the message's own name, whose fields are the message's."""
    kind = getattr(drift, message.DESCRIPTOR.name)
    told: dict[str, Any] = {}
    for field in fields(kind):
        descriptor = message.DESCRIPTOR.fields_by_name[field.name]
        found = getattr(message, field.name)
        if descriptor.is_repeated:
            told[field.name] = tuple(map(_member, found))
        elif descriptor.has_presence and not message.HasField(field.name):
            told[field.name] = None
        else:
            told[field.name] = _member(found)
    return kind(**told)


def _member(found: Any) -> Any:
    return _value(found) if isinstance(found, Message) else found
