# SPDX-License-Identifier: Apache-2.0
"""A client for Penstock and for any other server that speaks the V2 inference protocol over gRPC.

from penstock_client import Client

with Client("localhost:8001") as client:
    result = client.infer("iris", {"x": rows}, timeout=1.0)
    print(result["label"], result.model_version)
"""

from penstock_client._channel import TlsOptions
from penstock_client.aio import AsyncClient
from penstock_client.bfloat16 import Bfloat16
from penstock_client.client import Client
from penstock_client.endpoints import EjectionPolicy
from penstock_client.errors import (
    Aborted,
    AlreadyExists,
    Cancelled,
    ClientClosed,
    DataLoss,
    DeadlineExceeded,
    FailedPrecondition,
    Internal,
    InvalidArgument,
    MalformedResponse,
    NotFound,
    OutOfRange,
    PenstockError,
    PermissionDenied,
    ResourceExhausted,
    Unauthenticated,
    Unavailable,
    Unimplemented,
    Unknown,
)
from penstock_client.results import (
    HealthStatus,
    InferResult,
    ModelMetadata,
    Readiness,
    ServerMetadata,
    TensorMetadata,
)
from penstock_client.retry import RetryPolicy
from penstock_client.rollouts import RolloutStatus

__all__ = [
    "Aborted",
    "AlreadyExists",
    "AsyncClient",
    "Bfloat16",
    "Cancelled",
    "Client",
    "ClientClosed",
    "DataLoss",
    "DeadlineExceeded",
    "EjectionPolicy",
    "FailedPrecondition",
    "HealthStatus",
    "InferResult",
    "Internal",
    "InvalidArgument",
    "MalformedResponse",
    "ModelMetadata",
    "NotFound",
    "OutOfRange",
    "PenstockError",
    "PermissionDenied",
    "Readiness",
    "ResourceExhausted",
    "RetryPolicy",
    "RolloutStatus",
    "ServerMetadata",
    "TensorMetadata",
    "TlsOptions",
    "Unauthenticated",
    "Unavailable",
    "Unimplemented",
    "Unknown",
]
