# SPDX-License-Identifier: Apache-2.0
"""Protobuf messages as the JSON that a Triton server writes.

It is protobuf's own mapping with the fields' own names, every field without presence written out,
and 64-bit integers as numbers where protobuf's mapping has strings.
"""

from collections.abc import Sequence
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message

from penstock.control.parts import IndexEntry, MemoryRegion
from penstock_client._proto.inference_extensions_pb2 import ModelStatistics

__all__ = ["config_json", "index_json", "message_json", "regions_json", "statistics_json"]

INT64_TYPES = frozenset(
    {
        FieldDescriptor.TYPE_INT64,
        FieldDescriptor.TYPE_UINT64,
        FieldDescriptor.TYPE_SINT64,
        FieldDescriptor.TYPE_FIXED64,
        FieldDescriptor.TYPE_SFIXED64,
    }
)
REQUEST_PHASES = (
    "success", "fail", "queue", "compute_input", "compute_infer", "compute_output", "cache_hit",
    "cache_miss",
)  # fmt: skip
RESPONSE_PHASES = (
    "compute_infer", "compute_output", "success", "fail", "empty_response", "cancel"
)  # fmt: skip
BATCH_PHASES = ("compute_input", "compute_infer", "compute_output")


def config_json(config: Message) -> dict[str, Any]:
    """A model's configuration."""
    return message_json(config)


def message_json(message: Message, *, with_defaults: bool = True) -> dict[str, Any]:
    """Any message; `with_defaults=False` leaves out what is not set."""
    written = MessageToDict(
        message,
        preserving_proto_field_name=True,
        always_print_fields_with_no_presence=with_defaults,
    )
    _make_numbers(written, message.DESCRIPTOR)
    return written


def statistics_json(statistics: Sequence[ModelStatistics]) -> dict[str, Any]:
    """The statistics of models' versions."""
    return {"model_stats": [_one_statistics(one) for one in statistics]}


def index_json(entries: Sequence[IndexEntry]) -> list[dict[str, str]]:
    """The index of the repositories. Of a model that was never tried, the name alone."""
    return [
        {"name": one.name, "version": one.version, "state": one.state, "reason": one.reason}
        if one.state
        else {"name": one.name}
        for one in entries
    ]


def regions_json(regions: Sequence[MemoryRegion]) -> list[dict[str, str | int]]:
    """Regions of system shared memory."""
    return [
        {"name": one.name, "key": one.key, "offset": one.offset, "byte_size": one.byte_size}
        for one in regions
    ]


def _make_numbers(written: dict[str, Any], descriptor: Any) -> None:
    """Turns the strings of 64-bit integers into numbers, in place."""
    for name, value in written.items():
        field = descriptor.fields_by_name[name]
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            of_values = field.message_type.fields_by_name["value"]
            for key in value:
                value[key] = _with_numbers(value[key], of_values)
        elif isinstance(value, list):
            value[:] = [_with_numbers(item, field) for item in value]
        else:
            written[name] = _with_numbers(value, field)


def _with_numbers(value: Any, field: FieldDescriptor) -> Any:
    if field.type in INT64_TYPES:
        return int(value)
    if field.message_type is not None:
        _make_numbers(value, field.message_type)
    return value


def _one_statistics(one: ModelStatistics) -> dict[str, Any]:
    return {
        "name": one.name,
        "version": one.version,
        "last_inference": one.last_inference,
        "inference_count": one.inference_count,
        "execution_count": one.execution_count,
        "inference_stats": _durations(one.inference_stats, REQUEST_PHASES),
        "response_stats": {
            key: _durations(value, RESPONSE_PHASES)
            for key, value in sorted(one.response_stats.items())
        },
        "batch_stats": [
            {"batch_size": batch.batch_size, **_durations(batch, BATCH_PHASES)}
            for batch in one.batch_stats
        ],
        "memory_usage": [
            {"type": usage.type, "id": usage.id, "byte_size": usage.byte_size}
            for usage in one.memory_usage
        ],
    }


def _durations(holder: Any, phases: Sequence[str]) -> dict[str, dict[str, int]]:
    """A StatisticDuration of `holder` for each phase; one that is not there is zero."""
    return {
        phase: {"count": getattr(holder, phase).count, "ns": getattr(holder, phase).ns}
        for phase in phases
    }
