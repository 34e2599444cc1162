# SPDX-License-Identifier: Apache-2.0
"""A small, real V2 server on grpcio: what a client meets, made to order.

Its models are functions. `echo` gives back what it got in the form it got it; `slow` waits at a
gate that the test opens; further ones are put into `models` by the test.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import grpc

from penstock_client._proto import health_pb2, inference_pb2
from penstock_client._proto.pool import service_methods

Context = grpc.ServicerContext
ModelFunction = Callable[
    [inference_pb2.ModelInferRequest, Context], inference_pb2.ModelInferResponse
]

# Long enough that only a test which is wrong ever waits so long.
PATIENCE_S = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One call as the server saw it."""

    method: str
    request: Any
    metadata: dict[str, str | bytes]
    time_left_s: float | None


class V2Server:
    """Listens from `start` to `stop`, which a context manager does; the port is a free one."""

    def __init__(
        self, credentials: grpc.ServerCredentials | None = None, *, address: str = "127.0.0.1:0"
    ) -> None:
        self.models: dict[str, ModelFunction] = {"echo": echo, "slow": self._slow}
        self.not_ready: dict[str, str] = {}
        self.health: dict[str, int] = {"": health_pb2.HealthCheckResponse.SERVING}
        self.seen: list[Seen] = []
        # So many of the next calls are answered UNAVAILABLE.
        self.unavailable_left = 0
        self.called = threading.Semaphore(0)
        self.slow_entered = threading.Semaphore(0)
        self.slow_gate = threading.Event()
        self.slow_ended = threading.Semaphore(0)
        self._pool = ThreadPoolExecutor(8)
        self._server = grpc.server(
            self._pool, options=[("grpc.so_reuseport", 0), ("grpc.max_receive_message_length", -1)]
        )
        self._answers: dict[str, Callable[[Any, Context], Any]] = {
            "ServerLive": lambda request, context: inference_pb2.ServerLiveResponse(live=True),
            "ServerReady": lambda request, context: inference_pb2.ServerReadyResponse(ready=True),
            "ModelReady": self._model_ready,
            "ServerMetadata": self._server_metadata,
            "ModelMetadata": self._model_metadata,
            "ModelInfer": self._model_infer,
            "Check": self._check,
        }
        for service in ("inference.GRPCInferenceService", "grpc.health.v1.Health"):
            handlers = {
                name: grpc.unary_unary_rpc_method_handler(
                    self._recorded(name),
                    request_deserializer=method.request.FromString,
                    response_serializer=method.response.SerializeToString,
                )
                for name, method in service_methods(service).items()
                if name in self._answers
            }
            self._server.add_generic_rpc_handlers(
                (grpc.method_handlers_generic_handler(service, handlers),)
            )
        if credentials is None:
            port = self._server.add_insecure_port(address)
        else:
            port = self._server.add_secure_port(address, credentials)
        self.address = f"127.0.0.1:{port}"

    def start(self) -> None:
        """Begins to answer."""
        self._server.start()

    def stop(self) -> None:
        """Opens the gate, drops what is under way and closes the port."""
        self.slow_gate.set()
        self._server.stop(None).wait(PATIENCE_S)
        self._pool.shutdown()

    def __enter__(self) -> V2Server:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _recorded(self, method: str) -> Callable[[Any, Context], Any]:
        def answer(request: Any, context: Context) -> Any:
            pairs: Any = context.invocation_metadata()
            left_s = context.time_remaining()
            self.seen.append(
                Seen(method=method, request=request, metadata=dict(pairs), time_left_s=left_s)
            )
            self.called.release()
            if self.unavailable_left > 0:
                self.unavailable_left -= 1
                context.abort(grpc.StatusCode.UNAVAILABLE, "come back later")
            return self._answers[method](request, context)

        return answer

    def _model_ready(
        self, request: inference_pb2.ModelReadyRequest, context: Context
    ) -> inference_pb2.ModelReadyResponse:
        reason = self.not_ready.get(request.name)
        if reason is not None:
            context.set_trailing_metadata((("penstock-reason", reason),))
        return inference_pb2.ModelReadyResponse(ready=reason is None)

    def _server_metadata(
        self, request: inference_pb2.ServerMetadataRequest, context: Context
    ) -> inference_pb2.ServerMetadataResponse:
        return inference_pb2.ServerMetadataResponse(
            name="triton", version="1.0", extensions=["binary_tensor_data", "parameters"]
        )

    def _model_metadata(
        self, request: inference_pb2.ModelMetadataRequest, context: Context
    ) -> inference_pb2.ModelMetadataResponse:
        if request.name not in self.models:
            context.abort(grpc.StatusCode.NOT_FOUND, f"no model {request.name}")
        tensor = inference_pb2.ModelMetadataResponse.TensorMetadata
        return inference_pb2.ModelMetadataResponse(
            name=request.name,
            versions=["1", "2"],
            platform="python",
            inputs=[tensor(name="x", datatype="FP32", shape=[-1, 16])],
            outputs=[tensor(name="y", datatype="FP32", shape=[-1, 1])],
            properties={"quantization": "quantised as int8-static: auc 0.98"},
        )

    def _model_infer(
        self, request: inference_pb2.ModelInferRequest, context: Context
    ) -> inference_pb2.ModelInferResponse:
        if request.model_name not in self.models:
            context.abort(grpc.StatusCode.NOT_FOUND, f"no model {request.model_name}")
        return self.models[request.model_name](request, context)

    def _check(
        self, request: health_pb2.HealthCheckRequest, context: Context
    ) -> health_pb2.HealthCheckResponse:
        if request.service not in self.health:
            context.abort(grpc.StatusCode.NOT_FOUND, f"no service {request.service}")
        answer = health_pb2.HealthCheckResponse()
        answer.MergeFromString(bytes((0x08, self.health[request.service])))
        return answer

    def _slow(
        self, request: inference_pb2.ModelInferRequest, context: Context
    ) -> inference_pb2.ModelInferResponse:
        context.add_callback(self.slow_ended.release)
        self.slow_entered.release()
        self.slow_gate.wait(PATIENCE_S)
        return echo(request, context)


def echo(
    request: inference_pb2.ModelInferRequest, context: Context
) -> inference_pb2.ModelInferResponse:
    """Answers with the inputs, raw or typed as they came, and with the parameters."""
    answer = inference_pb2.ModelInferResponse(
        model_name=request.model_name,
        model_version=request.model_version or "1",
        id=request.id,
        parameters=request.parameters,
        raw_output_contents=request.raw_input_contents,
    )
    for tensor in request.inputs:
        # An input and an output have the same fields.
        answer.outputs.add().MergeFromString(tensor.SerializeToString())
    return answer


def failing(code: str, why: str) -> ModelFunction:
    """Gives a model that always fails with a gRPC status, by name."""

    def fail(
        request: inference_pb2.ModelInferRequest, context: Context
    ) -> inference_pb2.ModelInferResponse:
        context.abort(grpc.StatusCode[code], why)

    return fail
