# SPDX-License-Identifier: Apache-2.0
"""What a PenstockError's code becomes on the wire: the one table of gRPC, and the one of HTTP."""

import grpc

__all__ = ["grpc_status", "http_status"]

HTTP = {"INTERNAL": 500, "NOT_FOUND": 404, "UNAVAILABLE": 503, "UNIMPLEMENTED": 501}
BY_NAME = {status.name: status for status in grpc.StatusCode}


def grpc_status(code: str) -> grpc.StatusCode:
    """gRPC's status of that name; INTERNAL for a name that gRPC does not know."""
    return BY_NAME.get(code, grpc.StatusCode.INTERNAL)


def http_status(code: str) -> int:
    """Triton's map of errors: whatever is none of the above is the client's."""
    return HTTP.get(code, 400)
