# SPDX-License-Identifier: Apache-2.0
"""The admin service itself on a grpcio server of its own, over rollouts that a test moves."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Self

import grpc
import grpc.aio
from tests.doubles.drift import ListedDrift
from tests.doubles.rollouts import ListedRollouts
from tests.doubles.routes import ListedRoutes

from penstock.control.drift_verbs import DriftVerbs
from penstock.control.rollout_methods import ADMIN_SERVICE, add_admin_methods
from penstock.control.rollout_verbs import RolloutVerbs
from penstock.control.route_verbs import RouteVerbs

# Long enough that only a test which is wrong ever waits so long.
PATIENCE_S = 20.0


class AdminServer(grpc.aio.ServerInterceptor):
    """Listens while the `with` block runs; without `address`, on a free port.

    The next `unavailable_left` calls are answered UNAVAILABLE; `seen` are the methods called.
    """

    def __init__(
        self, rollouts: ListedRollouts | None = None, *, address: str = "127.0.0.1:0"
    ) -> None:
        self.rollouts = rollouts or ListedRollouts()
        self.routes = ListedRoutes()
        self.drift = ListedDrift()
        self.address = address
        self.unavailable_left = 0
        self.seen: list[str] = []
        self._is_listening = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._is_listening.wait(PATIENCE_S)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join(PATIENCE_S)

    async def _serve(self) -> None:
        self._loop, self._ended = asyncio.get_running_loop(), asyncio.Event()
        server = grpc.aio.server(interceptors=[self], options=[("grpc.so_reuseport", 0)])
        # It takes handlers as the server's own host does.
        host: Any = server
        verbs = RolloutVerbs(self.rollouts), RouteVerbs(self.routes), DriftVerbs(self.drift)
        add_admin_methods(host, *verbs)
        self.address = f"127.0.0.1:{server.add_insecure_port(self.address)}"
        await server.start()
        self._is_listening.set()
        await self._ended.wait()
        await server.stop(None)

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        name = str(handler_call_details.method).removeprefix(f"/{ADMIN_SERVICE}/")
        self.seen.append(name)
        handler = await continuation(handler_call_details)
        if not self.unavailable_left:
            return handler
        self.unavailable_left -= 1

        async def refuse(_: Any, context: Any) -> None:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "come back later")

        async def refuse_all(_: Any, context: Any) -> Any:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "come back later")
            yield b""

        if handler.response_streaming:
            return grpc.unary_stream_rpc_method_handler(refuse_all)
        return grpc.unary_unary_rpc_method_handler(refuse)
