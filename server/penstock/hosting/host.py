# SPDX-License-Identifier: Apache-2.0
"""The services of a server: what generated code registers on, and how their calls are run."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping

import grpc

from penstock.control.rest import RestApplication
from penstock.hosting.bridge_loop import BridgeLoop, CallBridge
from penstock.hosting.call import HostedCall
from penstock.hosting.registry import Handler, Registry
from penstock.hosting.rest import REST_PATH, RestCalls
from penstock.hosting.runner import Runner
from penstock.hosting.threads import HandlerThreads

__all__ = ["ServiceHost"]

log = logging.getLogger(__name__)

UNIMPLEMENTED, INTERNAL = 12, 13


class ServiceHost:
    """Takes the place of a `grpc.aio.Server` for code that protoc generated.

    `add_GreeterServicer_to_server(Greeter(), host)` works, with servicers whose methods are
    coroutines or plain functions. What is added while the host runs is served at once. For one
    event loop, that of the control thread.
    """

    def __init__(self, bridge: CallBridge, threads: int) -> None:
        """Plain functions run on at most `threads` threads."""
        self._bridge = bridge
        self._registry = Registry()
        self._threads = HandlerThreads(threads)
        self._runner = Runner(self._threads)
        self._loop = BridgeLoop(bridge, self._begin)
        self._rest: RestCalls | None = None
        self._is_running = False

    def answer_rest(self, application: RestApplication) -> None:
        """Gives REST calls that the core does not answer itself to `application`."""
        self._rest = RestCalls(application)

    def add_generic_rpc_handlers(
        self, generic_rpc_handlers: Iterable[grpc.GenericRpcHandler]
    ) -> None:
        """Adds handlers that find their methods themselves."""
        self._registry.add_generic(generic_rpc_handlers)
        self._publish()

    def add_registered_method_handlers(
        self, service_name: str, method_handlers: Mapping[str, Handler]
    ) -> None:
        """Adds the methods of a service, by name."""
        self._registry.add_methods(service_name, method_handlers)
        self._publish()

    def services(self) -> list[str]:
        """The full names of the services, sorted."""
        return self._registry.services()

    def start(self) -> None:
        """Begins to serve, on the running event loop."""
        self._is_running = True
        self._loop.start()
        self._publish()

    async def stop(self) -> None:
        """Cancels the handlers that still run. Those on threads see that their call is over."""
        self._is_running = False
        self._loop.stop()
        await self._runner.stop()
        if self._rest is not None:
            await self._rest.stop()
        self._threads.shutdown(wait=False)

    def _publish(self) -> None:
        if self._is_running:
            self._bridge.host(self._registry.paths(), self._registry.takes_any())

    def _begin(self, call: HostedCall) -> None:
        if self._rest is not None and call.head.path == REST_PATH:
            return self._rest.begin(call)
        try:
            handler = self._registry.find(call.head)
        except Exception:
            log.exception("generic_handler_failed", extra={"method": call.head.path})
            return call.finish(INTERNAL, "a generic handler of this server failed", ())
        if handler is None:
            return call.finish(UNIMPLEMENTED, f'this server has no method "{call.head.path}"', ())
        return self._runner.start(call, handler)
