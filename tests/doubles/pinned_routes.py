# SPDX-License-Identifier: Apache-2.0
"""The routes that outlast rollouts, as plain lists."""

from penstock.rollout.spec import RouteFileSpec

__all__ = ["PinnedRoutes"]


class PinnedRoutes:
    """The pins that stand, and what route.toml said last."""

    def __init__(self) -> None:
        self.pins: dict[str, int] = {}
        self.routes: dict[str, RouteFileSpec | None] = {}

    def pin(self, model: str, version: int) -> None:
        self.pins[model] = version

    def unpin(self, model: str) -> None:
        del self.pins[model]

    def set_route(self, model: str, spec: RouteFileSpec | None) -> None:
        self.routes[model] = spec
