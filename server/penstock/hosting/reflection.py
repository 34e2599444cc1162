# SPDX-License-Identifier: Apache-2.0
"""Server reflection, v1 and v1alpha: the services of this server and the files that declare them.

Answers come from the house's own descriptor pool and from protobuf's default one, where the
classes of hosted services are. Both versions of the protocol have the same messages.
"""

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from typing import Any

import grpc
from google.protobuf import descriptor_pool
from google.protobuf.descriptor import FileDescriptor
from google.protobuf.descriptor_pool import DescriptorPool

from penstock.hosting.host import ServiceHost
from penstock_client._proto import reflection_v1_pb2 as v1
from penstock_client._proto.pool import POOL

__all__ = ["NATIVE_SERVICES", "Reflection", "add_reflection"]

#: What the core serves itself.
NATIVE_SERVICES = ("grpc.health.v1.Health", "inference.GRPCInferenceService")

SERVICES = ("grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection")
METHOD = "ServerReflectionInfo"

NOT_FOUND, INVALID_ARGUMENT = 5, 3


def add_reflection(host: ServiceHost) -> None:
    """Adds both versions to `host`; they tell of whatever it hosts when they are asked."""
    reflection = Reflection(
        lambda: {*NATIVE_SERVICES, *host.services()}, (POOL, descriptor_pool.Default())
    )
    for service in SERVICES:
        handler = grpc.stream_stream_rpc_method_handler(
            reflection.answer_all,
            request_deserializer=v1.ServerReflectionRequest.FromString,
            response_serializer=v1.ServerReflectionResponse.SerializeToString,
        )
        host.add_registered_method_handlers(service, {METHOD: handler})


class Reflection:
    """Answers from `pools`, the first that knows a name; `services` gives the names to list."""

    def __init__(
        self, services: Callable[[], Iterable[str]], pools: Sequence[DescriptorPool]
    ) -> None:
        self._services = services
        self._pools = pools

    async def answer_all(
        self, requests: AsyncIterator[v1.ServerReflectionRequest], context: Any
    ) -> AsyncIterator[v1.ServerReflectionResponse]:
        """The method: an answer for each request."""
        async for request in requests:
            yield self.answer(request)

    def answer(self, request: v1.ServerReflectionRequest) -> v1.ServerReflectionResponse:
        """The answer to one request; what is not known is an error within it."""
        answer = v1.ServerReflectionResponse(valid_host=request.host, original_request=request)
        match request.WhichOneof("message_request"):
            case "list_services":
                for name in sorted(self._services()):
                    answer.list_services_response.service.add(name=name)
            case "file_by_filename":
                name = request.file_by_filename
                self._tell_file(answer, f"file {name!r}", lambda pool: pool.FindFileByName(name))
            case "file_containing_symbol":
                symbol = request.file_containing_symbol
                self._tell_file(answer, f"symbol {symbol!r}", lambda pool: _file_of(pool, symbol))
            case "file_containing_extension":
                wanted = request.file_containing_extension
                self._tell_file(
                    answer,
                    f"extension {wanted.extension_number} of {wanted.containing_type!r}",
                    lambda pool: _extension_file(pool, wanted),
                )
            case "all_extension_numbers_of_type":
                self._tell_extensions(answer, request.all_extension_numbers_of_type)
            case _:
                answer.error_response.error_code = INVALID_ARGUMENT
                answer.error_response.error_message = "the request asks for nothing"
        return answer

    def _tell_file(
        self,
        answer: v1.ServerReflectionResponse,
        what: str,
        find: Callable[[DescriptorPool], FileDescriptor],
    ) -> None:
        for pool in self._pools:
            try:
                file = find(pool)
            except KeyError:
                continue
            files = [one.serialized_pb for one in _with_imports(file)]
            answer.file_descriptor_response.file_descriptor_proto.extend(files)
            return
        _tell_missing(answer, what)

    def _tell_extensions(self, answer: v1.ServerReflectionResponse, name: str) -> None:
        numbers: set[int] = set()
        is_known = False
        for pool in self._pools:
            try:
                message = pool.FindMessageTypeByName(name)
            except KeyError:
                continue
            is_known = True
            numbers.update(field.number for field in pool.FindAllExtensions(message))
        if not is_known:
            return _tell_missing(answer, f"message {name!r}")
        answer.all_extension_numbers_response.base_type_name = name
        answer.all_extension_numbers_response.extension_number.extend(sorted(numbers))
        return None


def _tell_missing(answer: v1.ServerReflectionResponse, what: str) -> None:
    answer.error_response.error_code = NOT_FOUND
    answer.error_response.error_message = f"this server knows no {what}"


def _file_of(pool: DescriptorPool, symbol: str) -> FileDescriptor:
    try:
        return pool.FindFileContainingSymbol(symbol)
    except KeyError:
        # A method: protobuf's pools find its service.
        parent, _, name = symbol.rpartition(".")
        service = pool.FindServiceByName(parent)
        if name not in service.methods_by_name:
            raise
        return service.file


def _extension_file(pool: DescriptorPool, wanted: v1.ExtensionRequest) -> FileDescriptor:
    message = pool.FindMessageTypeByName(wanted.containing_type)
    # The stubs leave the attribute out.
    extension: Any = pool.FindExtensionByNumber(message, wanted.extension_number)
    file: FileDescriptor = extension.file
    return file


def _with_imports(file: FileDescriptor) -> list[FileDescriptor]:
    """`file` and all that it imports, each once."""
    found: dict[str, FileDescriptor] = {}
    waiting = [file]
    while waiting:
        one = waiting.pop()
        if one.name not in found:
            found[one.name] = one
            waiting.extend(one.dependencies)
    return list(found.values())
