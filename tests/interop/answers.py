# SPDX-License-Identifier: Apache-2.0
"""What the asynchronous and the plain servicer answer alike. Runs inside the server."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import grpc
import interop_pb2 as pb
from google.protobuf.any_pb2 import Any as AnyMessage
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status

STATUSES = {status.value[0]: status for status in grpc.StatusCode}

Pairs = list[tuple[str, str | bytes]]


class Oddity(Exception):
    """What the servicers raise when they are told to."""


def echoed(context: Any, key: str) -> Pairs:
    """The caller's pairs with this key, in order."""
    return [(name, value) for name, value in context.invocation_metadata() if name == key]


def status_of(echo: Any) -> grpc.StatusCode:
    return STATUSES[echo.code]


def payload(size: int) -> Any:
    return pb.Payload(body=bytes(size))


def unary_response(request: Any, context: Any) -> Any:
    return pb.UnaryResponse(
        payload=payload(request.response_size),
        peer=context.peer(),
        time_remaining_s=context.time_remaining(),
        # Only what is short: the descriptions' payloads are zeros, and are not sent back.
        payload_seen=request.payload.body if len(request.payload.body) <= 1024 else b"",
    )


def stream_response(parameters: Any) -> Any:
    return pb.StreamResponse(payload=payload(parameters.size))


def compression_of(wanted: Iterable[bool]) -> grpc.Compression:
    """What a call that has answers like these must say before the first."""
    return grpc.Compression.Gzip if any(wanted) else grpc.Compression.NoCompression


def came_as_expected(request: Any, context: Any) -> bool:
    """Whether the message came compressed or not, as it says itself.

    grpcio's own servers do not tell: there every message came as expected.
    """
    if not request.HasField("expect_compressed"):
        return True
    is_compressed = getattr(context, "is_message_compressed", lambda: request.expect_compressed)
    return bool(is_compressed() == request.expect_compressed)


def rich_status(message: str) -> Any:
    """ABORTED with two details."""
    details = [AnyMessage(), AnyMessage()]
    details[0].Pack(error_details_pb2.ErrorInfo(reason="RAIN", domain="test", metadata={"a": "ö"}))
    details[1].Pack(error_details_pb2.RetryInfo(retry_delay={"seconds": 7}))
    return rpc_status.to_status(
        status_pb2.Status(code=code_pb2.ABORTED, message=message, details=details)
    )
