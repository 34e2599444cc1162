# SPDX-License-Identifier: Apache-2.0
"""Message classes from a private descriptor pool.

Law: nothing here touches protobuf's default pool. Other libraries register classes of the same
full names there (`inference.ModelInferRequest` and so on), from files that differ from ours, and
the default pool refuses a second one. With a pool of our own all of them can be imported in one
process, in any order. The wire knows no pools: the bytes are the same.
"""

from __future__ import annotations

from dataclasses import dataclass

from google.protobuf import descriptor, descriptor_pb2, descriptor_pool, message, message_factory
from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper

from penstock_client._proto.descriptors import FILE_DESCRIPTOR_SET

__all__ = ["POOL", "Method", "enum_type", "message_type", "service_methods"]


def _filled_pool() -> descriptor_pool.DescriptorPool:
    pool = descriptor_pool.DescriptorPool()
    for file in descriptor_pb2.FileDescriptorSet.FromString(FILE_DESCRIPTOR_SET).file:
        pool.AddSerializedFile(file.SerializeToString())
    return pool


POOL = _filled_pool()


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """One method of a service: where it lives on the wire and what it carries."""

    path: str
    request: type[message.Message]
    response: type[message.Message]
    is_client_streaming: bool
    is_server_streaming: bool


def message_type(full_name: str) -> type[message.Message]:
    """Gives the class of a message; KeyError when the contracts have no such message."""
    return _class_of(POOL.FindMessageTypeByName(full_name))


def enum_type(full_name: str) -> EnumTypeWrapper:
    """Gives an enum's names and numbers; KeyError when the contracts have no such enum."""
    return EnumTypeWrapper(POOL.FindEnumTypeByName(full_name))


def service_methods(full_name: str) -> dict[str, Method]:
    """Gives a service's methods by name; KeyError when the contracts have no such service."""
    return {
        method.name: Method(
            path=f"/{full_name}/{method.name}",
            request=_class_of(method.input_type),
            response=_class_of(method.output_type),
            is_client_streaming=method.client_streaming,
            is_server_streaming=method.server_streaming,
        )
        for method in POOL.FindServiceByName(full_name).methods
    }


def _class_of(found: descriptor.Descriptor) -> type[message.Message]:
    made = message_factory.GetMessageClass(found)
    for nested in found.nested_types:
        # The pure Python protobuf, unlike the native one, leaves these for its caller to attach.
        if not nested.GetOptions().map_entry and not hasattr(made, nested.name):
            setattr(made, nested.name, _class_of(nested))
    return made
