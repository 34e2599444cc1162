# SPDX-License-Identifier: Apache-2.0
"""A service of bytes, the same for every server that hosts it: Echo, and Block, which blocks."""

import time
from typing import Any

import grpc

SERVICE = "bench.Echo"


class Echo:
    """Its methods, as coroutines."""

    async def echo(self, request: bytes, _context: Any) -> bytes:
        """Answer with the request."""
        return request

    async def block(self, request: bytes, _context: Any) -> bytes:
        """Hold the event loop for a second, as no coroutine should."""
        time.sleep(1.0)
        return request


def register(server: Any) -> None:
    """Add the service to a server."""
    echo = Echo()
    methods: dict[str, Any] = {
        "Echo": grpc.unary_unary_rpc_method_handler(echo.echo),
        "Block": grpc.unary_unary_rpc_method_handler(echo.block),
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, methods),))
    server.add_registered_method_handlers(SERVICE, methods)
