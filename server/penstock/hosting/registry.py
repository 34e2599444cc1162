# SPDX-License-Identifier: Apache-2.0
"""Which handler answers a method: what generated code registers, found by path."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import grpc

from penstock.hosting.call import CallHead

__all__ = ["Handler", "Registry"]

# Generic only for type checkers, as the context classes are.
Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"


@dataclass(frozen=True, slots=True, kw_only=True)
class _CallDetails(grpc.HandlerCallDetails):
    """What a generic handler decides by."""

    method: str
    invocation_metadata: tuple[tuple[str, str | bytes], ...]


class Registry:
    """Handlers by path, and generic ones, which are asked in the order of their registration."""

    def __init__(self) -> None:
        self._handlers: dict[str, Handler] = {}
        self._generic: list[grpc.GenericRpcHandler] = []

    def add_generic(self, handlers: Iterable[grpc.GenericRpcHandler]) -> None:
        """Raises TypeError for an object that is no generic handler."""
        for handler in handlers:
            if not callable(getattr(handler, "service", None)):
                raise TypeError(
                    f"A generic handler with a method `service` is wanted, got {handler!r}."
                )
            self._generic.append(handler)

    def add_methods(self, service: str, handlers: Mapping[str, Handler]) -> None:
        """The methods of `service` by name. One that was there before is replaced."""
        for name, handler in handlers.items():
            self._handlers[f"/{service}/{name}"] = handler

    def paths(self) -> list[str]:
        """Every path that is known beforehand, sorted."""
        return sorted(self._handlers)

    def services(self) -> list[str]:
        """The full names of the services that have them, sorted."""
        named = {_service_name(handler) for handler in self._generic} - {""}
        return sorted(named | {_service_of(path) for path in self._handlers})

    def takes_any(self) -> bool:
        """Whether a generic handler may answer methods that are not in `paths`.

        Generated code registers its methods both ways; a generic handler of a service that was
        registered by its methods, too, has no more of them.
        """
        known = {_service_of(path) for path in self._handlers}
        return any(_service_name(handler) not in known for handler in self._generic)

    def find(self, head: CallHead) -> Handler | None:
        """The handler for a call, if there is one."""
        found = self._handlers.get(head.path)
        if found is not None:
            return found
        details = _CallDetails(method=head.path, invocation_metadata=head.metadata)
        for generic in self._generic:
            if (answer := generic.service(details)) is not None:
                return answer
        return None


def _service_name(handler: grpc.GenericRpcHandler) -> str:
    """The one service of a handler that generated code made; empty for any other handler."""
    return handler.service_name() if isinstance(handler, grpc.ServiceRpcHandler) else ""


def _service_of(path: str) -> str:
    return path.rpartition("/")[0].removeprefix("/")
