# SPDX-License-Identifier: Apache-2.0
"""A server in this process whose clients register shared memory over gRPC.

The engine, the models and the hosted calls are the real ones; the six methods of shared memory
are written here by hand.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

import grpc

from penstock.backends.onnxruntime_library import find_machine, find_onnxruntime
from penstock.config import ServerOptions
from penstock.control.parts import MemoryRegion
from penstock.engine import Engine
from penstock.errors import PenstockError
from penstock.hosting import ServiceHost
from penstock.repository.controller import RepositoryController
from penstock.shared_memory import SharedMemory
from penstock_client._proto import inference_extensions_pb2 as messages

SERVICE = "inference.GRPCInferenceService"


class SharingServer:
    """Serves for as long as the `with` block lasts. `memory` and `engine` are its own."""

    def __init__(self, repository: Path, **options: Any) -> None:
        wanted = {
            "model_repository": [str(repository)],
            "grpc_address": "127.0.0.1",
            "grpc_port": 0,
            "http_address": "127.0.0.1",
            "http_port": 0,
            "grpc_infer_thread_count": 2,
        }
        self.options = ServerOptions.model_validate(wanted | options)
        library = find_onnxruntime()
        self.engine = Engine(self.options, library)
        self.memory = SharedMemory(self.engine)
        self._machine = find_machine(library)
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._over = asyncio.Event()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._host(),))

    @property
    def grpc(self) -> str:
        return f"127.0.0.1:{self.engine.grpc_port}"

    async def _host(self) -> None:
        host = ServiceHost(self.engine.bridge, 4)
        host.add_registered_method_handlers(SERVICE, memory_methods(self.memory))
        host.start()
        self._ready.set()
        await self._over.wait()
        await host.stop()

    def __enter__(self) -> SharingServer:
        self.engine.start()
        self._thread.start()
        self._ready.wait()
        repository = RepositoryController(self.engine, self.options, self._machine)
        asyncio.run_coroutine_threadsafe(repository.start(), self._loop).result()
        self.engine.set_ready(True)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join()
        self._loop.close()
        self.engine.stop()


def memory_methods(memory: SharedMemory) -> dict[str, Any]:
    """The methods of the protocol by name, as generated code would register them."""

    def system_status(
        request: messages.SystemSharedMemoryStatusRequest,
    ) -> messages.SystemSharedMemoryStatusResponse:
        answer = messages.SystemSharedMemoryStatusResponse()
        for region in memory.regions(request.name):
            answer.regions[region.name].name = region.name
            answer.regions[region.name].key = region.key
            answer.regions[region.name].offset = region.offset
            answer.regions[region.name].byte_size = region.byte_size
        return answer

    def system_register(
        request: messages.SystemSharedMemoryRegisterRequest,
    ) -> messages.SystemSharedMemoryRegisterResponse:
        memory.register(
            MemoryRegion(
                name=request.name,
                key=request.key,
                offset=request.offset,
                byte_size=request.byte_size,
            )
        )
        return messages.SystemSharedMemoryRegisterResponse()

    def system_unregister(
        request: messages.SystemSharedMemoryUnregisterRequest,
    ) -> messages.SystemSharedMemoryUnregisterResponse:
        memory.unregister(request.name)
        return messages.SystemSharedMemoryUnregisterResponse()

    def cuda_register(
        request: messages.CudaSharedMemoryRegisterRequest,
    ) -> messages.CudaSharedMemoryRegisterResponse:
        memory.register_cuda(request.name, request.raw_handle, request.device_id, request.byte_size)
        return messages.CudaSharedMemoryRegisterResponse()

    def cuda_unregister(
        request: messages.CudaSharedMemoryUnregisterRequest,
    ) -> messages.CudaSharedMemoryUnregisterResponse:
        memory.unregister_cuda(request.name)
        return messages.CudaSharedMemoryUnregisterResponse()

    return {
        "SystemSharedMemoryStatus": _method(
            system_status, messages.SystemSharedMemoryStatusRequest
        ),
        "SystemSharedMemoryRegister": _method(
            system_register, messages.SystemSharedMemoryRegisterRequest
        ),
        "SystemSharedMemoryUnregister": _method(
            system_unregister, messages.SystemSharedMemoryUnregisterRequest
        ),
        "CudaSharedMemoryRegister": _method(
            cuda_register, messages.CudaSharedMemoryRegisterRequest
        ),
        "CudaSharedMemoryUnregister": _method(
            cuda_unregister, messages.CudaSharedMemoryUnregisterRequest
        ),
    }


def _method(answer: Callable[[Any], Any], request: Any) -> grpc.RpcMethodHandler[Any, Any]:
    def behave(asked: Any, context: grpc.ServicerContext) -> Any:
        try:
            return answer(asked)
        except PenstockError as error:
            context.abort(grpc.StatusCode[error.code], str(error))

    return grpc.unary_unary_rpc_method_handler(
        behave,
        request_deserializer=request.FromString,
        response_serializer=lambda message: message.SerializeToString(),
    )
