# SPDX-License-Identifier: Apache-2.0
"""Each call as a value: where it goes, its request's bytes, and how its answer is read.

Both clients are made of these; neither knows a message.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy.typing as npt
from google.protobuf.message import DecodeError, Message

from penstock_client import _codec
from penstock_client._proto import health_pb2, inference_pb2
from penstock_client._proto.pool import service_methods
from penstock_client.bfloat16 import Bfloat16
from penstock_client.errors import MalformedResponse
from penstock_client.results import (
    HealthStatus,
    InferResult,
    ModelMetadata,
    ParameterValue,
    Readiness,
    ServerMetadata,
    TensorMetadata,
)

__all__ = ["METHOD_PATHS", "Call", "Metadata", "parsed"]

Metadata = tuple[tuple[str, str | bytes], ...]
M = TypeVar("M", bound=Message)
R = TypeVar("R")

_V2 = service_methods("inference.GRPCInferenceService")
_HEALTH = service_methods("grpc.health.v1.Health")

# Where a server says why a model is not ready.
REASON_KEY = "penstock-reason"

_SERVER_LIVE = _V2["ServerLive"].path
_SERVER_READY = _V2["ServerReady"].path
_MODEL_READY = _V2["ModelReady"].path
_SERVER_METADATA = _V2["ServerMetadata"].path
_MODEL_METADATA = _V2["ModelMetadata"].path
_MODEL_INFER = _V2["ModelInfer"].path
_HEALTH_CHECK = _HEALTH["Check"].path
METHOD_PATHS = (
    _SERVER_LIVE,
    _SERVER_READY,
    _MODEL_READY,
    _SERVER_METADATA,
    _MODEL_METADATA,
    _MODEL_INFER,
    _HEALTH_CHECK,
)


@dataclass(frozen=True, slots=True)
class Call(Generic[R]):
    """One call before it is made. `decode` takes the answer's bytes and trailing metadata."""

    path: str
    request: bytes
    decode: Callable[[bytes, Metadata], R]
    # The trailing metadata costs a little, so only a call that reads it gets it.
    needs_trailers: bool = False
    # False: an attempt that failed may have been carried out, so there is no second one.
    is_repeatable: bool = True


def infer(
    model: str,
    inputs: Mapping[str, npt.ArrayLike | Bfloat16],
    *,
    version: str = "",
    outputs: Iterable[str] | None = None,
    parameters: Mapping[str, ParameterValue] | None = None,
    request_id: str = "",
    raw: bool = True,
) -> Call[InferResult]:
    """ModelInfer; InvalidArgument for what cannot be sent."""
    request = _codec.encode_request(
        model,
        inputs,
        version=version,
        outputs=outputs,
        parameters=parameters,
        request_id=request_id,
        raw=raw,
    )
    return Call(_MODEL_INFER, request, _read_infer)


def _read_infer(message: bytes, trailers: Metadata) -> InferResult:
    return _codec.decode_response(message)


def server_live() -> Call[bool]:
    """ServerLive."""
    return Call(_SERVER_LIVE, b"", _read_live)


def _read_live(message: bytes, trailers: Metadata) -> bool:
    return parsed(inference_pb2.ServerLiveResponse, message).live


def server_ready() -> Call[bool]:
    """ServerReady."""
    return Call(_SERVER_READY, b"", _read_ready)


def _read_ready(message: bytes, trailers: Metadata) -> bool:
    return parsed(inference_pb2.ServerReadyResponse, message).ready


def model_ready(model: str, version: str = "") -> Call[Readiness]:
    """ModelReady."""
    request = inference_pb2.ModelReadyRequest(name=model, version=version)
    return Call(_MODEL_READY, request.SerializeToString(), _read_model_ready, needs_trailers=True)


def _read_model_ready(message: bytes, trailers: Metadata) -> Readiness:
    if parsed(inference_pb2.ModelReadyResponse, message).ready:
        return Readiness(is_ready=True)
    reason = next((value for key, value in trailers if key == REASON_KEY), "")
    if isinstance(reason, bytes):
        reason = reason.decode("utf-8", "replace")
    return Readiness(is_ready=False, reason=reason)


def server_metadata() -> Call[ServerMetadata]:
    """ServerMetadata."""
    return Call(_SERVER_METADATA, b"", _read_server_metadata)


def _read_server_metadata(message: bytes, trailers: Metadata) -> ServerMetadata:
    found = parsed(inference_pb2.ServerMetadataResponse, message)
    return ServerMetadata(
        name=found.name, version=found.version, extensions=tuple(found.extensions)
    )


def model_metadata(model: str, version: str = "") -> Call[ModelMetadata]:
    """ModelMetadata."""
    request = inference_pb2.ModelMetadataRequest(name=model, version=version)
    return Call(_MODEL_METADATA, request.SerializeToString(), _read_model_metadata)


def _read_model_metadata(message: bytes, trailers: Metadata) -> ModelMetadata:
    found = parsed(inference_pb2.ModelMetadataResponse, message)
    return ModelMetadata(
        name=found.name,
        versions=tuple(found.versions),
        platform=found.platform,
        inputs=_tensors(found.inputs),
        outputs=_tensors(found.outputs),
        properties=dict(found.properties),
    )


def _tensors(
    found: Iterable[inference_pb2.ModelMetadataResponse.TensorMetadata],
) -> tuple[TensorMetadata, ...]:
    return tuple(
        TensorMetadata(name=tensor.name, datatype=tensor.datatype, shape=tuple(tensor.shape))
        for tensor in found
    )


def health(service: str = "") -> Call[HealthStatus]:
    """The standard health service's Check."""
    request = health_pb2.HealthCheckRequest(service=service)
    return Call(_HEALTH_CHECK, request.SerializeToString(), _read_health)


def _read_health(message: bytes, trailers: Metadata) -> HealthStatus:
    status = parsed(health_pb2.HealthCheckResponse, message).status
    try:
        return HealthStatus(status)
    except ValueError as error:
        raise MalformedResponse(f"the health service has no status {status}") from error


def parsed(kind: type[M], message: bytes) -> M:
    """An answer as a message; MalformedResponse for what is none."""
    try:
        return kind.FromString(message)
    except DecodeError as error:
        raise MalformedResponse(f"the answer is no {kind.__name__}: {error}") from error
