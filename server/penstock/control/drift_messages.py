# SPDX-License-Identifier: Apache-2.0
"""How live rows stand, as messages of Penstock's admin service and as their JSON. Pure.

Values and messages have the same fields.
"""

from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any

from google.protobuf.json_format import ParseDict, ParseError
from google.protobuf.message import Message

from penstock.control.messages_json import message_json
from penstock.drift.codec import short_status
from penstock.drift.status import Alarm, ColumnDrift, DriftStatus, Effect, HistoryPoint, Rate
from penstock.errors import MonitoringError
from penstock_client._proto import drift_pb2 as pb

__all__ = [
    "status_json",
    "status_message",
    "status_of",
    "status_of_json",
    "statuses_json",
    "statuses_message",
]

#: What the members of a field are.
KINDS: Mapping[str, type[Any]] = {
    "alarms": Alarm,
    "columns": ColumnDrift,
    "effect": Effect,
    "effects": Effect,
    "history": HistoryPoint,
    "rates": Rate,
}


def status_message(status: DriftStatus) -> pb.DriftStatus:
    """How a version stands."""
    made = pb.DriftStatus()
    _fill(made, status)
    return made


def status_of(message: pb.DriftStatus) -> DriftStatus:
    """What a message says."""
    made: DriftStatus = _value(DriftStatus, message)
    return made


def status_json(status: DriftStatus) -> dict[str, Any]:
    """The same as JSON: every field written out but those that are unknown, or none."""
    return message_json(status_message(status))


def status_of_json(told: Mapping[str, Any]) -> DriftStatus:
    """What its JSON says. Raises MonitoringError where it is none."""
    try:
        return status_of(ParseDict(dict(told), pb.DriftStatus()))
    except ParseError as error:
        raise MonitoringError(f"it does not say how a version stands: {error}.") from None


def statuses_message(found: Sequence[DriftStatus], left_out: int) -> pb.ListDriftResponse:
    """Several of them in short, and how many there are besides."""
    versions = [status_message(short_status(one)) for one in found]
    return pb.ListDriftResponse(versions=versions, left_out=left_out)


def statuses_json(found: Sequence[DriftStatus], left_out: int) -> dict[str, Any]:
    """Several as JSON."""
    return message_json(statuses_message(found, left_out))


def _fill(made: Message, value: Any) -> None:
    for field in fields(value):
        found = getattr(value, field.name)
        if found is None:
            continue
        if is_dataclass(found):
            _fill(getattr(made, field.name), found)
        elif not isinstance(found, tuple):
            setattr(made, field.name, found)
        elif field.name == "unseen":
            for category, rows in found:
                made.unseen.add(category=category, rows=rows)  # type: ignore[attr-defined]
        elif found and is_dataclass(found[0]):
            for one in found:
                _fill(getattr(made, field.name).add(), one)
        else:
            getattr(made, field.name).extend(found)


def _value(kind: type[Any], message: Message) -> Any:
    told: dict[str, Any] = {}
    for field in fields(kind):
        name = field.name
        descriptor = message.DESCRIPTOR.fields_by_name[name]
        found = getattr(message, name)
        if descriptor.is_repeated:
            told[name] = tuple(_member(name, one) for one in found)
        elif descriptor.has_presence and not message.HasField(name):
            told[name] = None
        else:
            told[name] = _member(name, found)
    return kind(**told)


def _member(name: str, found: Any) -> Any:
    if name == "unseen":
        return found.category, found.rows
    return _value(KINDS[name], found) if isinstance(found, Message) else found
