# SPDX-License-Identifier: Apache-2.0
"""The control application's methods on the gRPC port, hosted beside what the core serves itself.

Three dialects share them: Triton's; KServe's, whose load and unload carry the model's name in
field 1 and are answered with it; and MLServer's, which asks a second service for the same things.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import grpc
from google.protobuf.message import Message

from penstock.control.application import ControlApplication, RepositoryParameters
from penstock.control.grpc_answers import answered, serialized
from penstock.control.log_settings import LogValue
from penstock.control.parts import MemoryRegion
from penstock.control.rollout_methods import add_admin_methods
from penstock.hosting import ServiceHost
from penstock_client._proto import inference_extensions_pb2 as pb
from penstock_client._proto.pool import service_methods

__all__ = ["INFERENCE_SERVICE", "MLSERVER_SERVICE", "add_control_methods"]

INFERENCE_SERVICE = "inference.GRPCInferenceService"
MLSERVER_SERVICE = "inference.model_repository.ModelRepositoryService"


def add_control_methods(host: ServiceHost, application: ControlApplication) -> None:
    """Adds every method that the application answers, those of Penstock's own admin service too.

    The others stay unimplemented.
    """
    methods = _Methods(application)
    verbs: dict[str, Callable[[Any], Awaitable[Message]]] = {
        "ModelConfig": methods.model_config,
        "ModelStatistics": methods.model_statistics,
        "RepositoryIndex": methods.index,
        "RepositoryModelLoad": methods.load,
        "RepositoryModelUnload": methods.unload,
        "SystemSharedMemoryStatus": methods.system_status,
        "SystemSharedMemoryRegister": methods.system_register,
        "SystemSharedMemoryUnregister": methods.system_unregister,
        "CudaSharedMemoryStatus": methods.cuda_status,
        "CudaSharedMemoryRegister": methods.cuda_register,
        "CudaSharedMemoryUnregister": methods.cuda_unregister,
        "TraceSetting": methods.trace_setting,
        "LogSettings": methods.log_settings,
    }
    declared = service_methods(INFERENCE_SERVICE)
    handlers = {
        name: grpc.unary_unary_rpc_method_handler(
            answered(verb),
            request_deserializer=declared[name].request.FromString,
            response_serializer=serialized,
        )
        for name, verb in verbs.items()
    }
    host.add_registered_method_handlers(INFERENCE_SERVICE, handlers)
    host.add_registered_method_handlers(
        MLSERVER_SERVICE, {name: handlers[name] for name in service_methods(MLSERVER_SERVICE)}
    )
    add_admin_methods(host, application.rollouts, application.routes, application.drift)


class _Methods:
    """Messages in, messages out; a refusal is raised."""

    def __init__(self, application: ControlApplication) -> None:
        self._application = application

    async def model_config(self, request: pb.ModelConfigRequest) -> Message:
        found = self._application.model_config(request.name, request.version)
        return pb.ModelConfigResponse(config=found)

    async def model_statistics(self, request: pb.ModelStatisticsRequest) -> Message:
        found = self._application.model_statistics(request.name, request.version)
        return pb.ModelStatisticsResponse(model_stats=found)

    async def index(self, request: pb.RepositoryIndexRequest) -> Message:
        answer = pb.RepositoryIndexResponse()
        for one in await self._application.index(request.repository_name, ready_only=request.ready):
            answer.models.add(
                name=one.name, version=one.version, state=one.state, reason=one.reason
            )
        return answer

    async def load(self, request: pb.RepositoryModelLoadRequest) -> Message:
        repository, model = _named(request)
        await self._application.load(model, _parameters(request.parameters), repository=repository)
        return _loaded(pb.RepositoryModelLoadResponse, request)

    async def unload(self, request: pb.RepositoryModelUnloadRequest) -> Message:
        repository, model = _named(request)
        await self._application.unload(
            model, _parameters(request.parameters), repository=repository
        )
        return _loaded(pb.RepositoryModelUnloadResponse, request)

    async def system_status(self, request: pb.SystemSharedMemoryStatusRequest) -> Message:
        answer = pb.SystemSharedMemoryStatusResponse()
        for one in self._application.system_regions(request.name):
            told = answer.regions[one.name]
            told.name, told.key = one.name, one.key
            told.offset, told.byte_size = one.offset, one.byte_size
        return answer

    async def system_register(self, request: pb.SystemSharedMemoryRegisterRequest) -> Message:
        self._application.register_system_region(
            MemoryRegion(
                name=request.name,
                key=request.key,
                offset=request.offset,
                byte_size=request.byte_size,
            )
        )
        return pb.SystemSharedMemoryRegisterResponse()

    async def system_unregister(self, request: pb.SystemSharedMemoryUnregisterRequest) -> Message:
        self._application.unregister_system_region(request.name)
        return pb.SystemSharedMemoryUnregisterResponse()

    async def cuda_status(self, request: pb.CudaSharedMemoryStatusRequest) -> Message:
        self._application.cuda_regions(request.name)
        return pb.CudaSharedMemoryStatusResponse()

    async def cuda_register(self, request: pb.CudaSharedMemoryRegisterRequest) -> Message:
        self._application.register_cuda_region(
            request.name, request.raw_handle, request.device_id, request.byte_size
        )
        return pb.CudaSharedMemoryRegisterResponse()

    async def cuda_unregister(self, request: pb.CudaSharedMemoryUnregisterRequest) -> Message:
        self._application.unregister_cuda_region(request.name)
        return pb.CudaSharedMemoryUnregisterResponse()

    async def trace_setting(self, request: pb.TraceSettingRequest) -> Message:
        changes = {name: list(setting.value) for name, setting in request.settings.items()}
        answer = pb.TraceSettingResponse()
        for name, value in self._application.trace_settings(request.model_name, changes).items():
            texts = [value] if isinstance(value, str) else value
            answer.settings[name].value.extend(texts)
        return answer

    async def log_settings(self, request: pb.LogSettingsRequest) -> Message:
        changes = {name: _log_value(setting) for name, setting in request.settings.items()}
        answer = pb.LogSettingsResponse()
        for name, value in self._application.log_settings(changes).items():
            told = answer.settings[name]
            match value:
                case bool():
                    told.bool_param = value
                case int():
                    told.uint32_param = value
                case str():
                    told.string_param = value
        return answer


def _named(
    request: pb.RepositoryModelLoadRequest | pb.RepositoryModelUnloadRequest,
) -> tuple[str, str]:
    """The repository and the model that are meant."""
    if _is_kserves(request):
        return "", request.repository_name
    return request.repository_name, request.model_name


def _is_kserves(
    request: pb.RepositoryModelLoadRequest | pb.RepositoryModelUnloadRequest,
) -> bool:
    """Whether it names a model in field 1, as KServe does, and none in field 2."""
    return bool(request.repository_name) and not request.model_name


def _loaded(
    answer: type[Message],
    request: pb.RepositoryModelLoadRequest | pb.RepositoryModelUnloadRequest,
) -> Message:
    """Triton's empty answer; for KServe 1: the model's name, 2: that it is done."""
    if not _is_kserves(request):
        return answer()
    name = request.repository_name.encode()
    return answer.FromString(b"\x0a" + _varint(len(name)) + name + b"\x10\x01")


def _varint(number: int) -> bytes:
    made = bytearray()
    while number > 0x7F:
        made.append(0x80 | number & 0x7F)
        number >>= 7
    made.append(number)
    return bytes(made)


def _parameters(sent: Mapping[str, pb.ModelRepositoryParameter]) -> RepositoryParameters:
    return {name: getattr(value, _choice(value, "string_param")) for name, value in sent.items()}


def _log_value(setting: pb.LogSettingsRequest.SettingValue) -> LogValue:
    value: LogValue = getattr(setting, _choice(setting, "string_param"))
    return value


def _choice(holder: Message, otherwise: str) -> str:
    """The field that is set of the one choice; `otherwise` if none is: an empty text."""
    return holder.WhichOneof("parameter_choice") or otherwise
