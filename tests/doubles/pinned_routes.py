# SPDX-License-Identifier: Apache-2.0
"""The routes that outlast rollouts, as a plain list of pins."""

from penstock.rollout.spec import RouteFileSpec

__all__ = ["PinnedRoutes"]


class PinnedRoutes:
    """The pins that stand."""

    def __init__(self) -> None:
        self.pins: dict[str, int] = {}

    def pin(self, model: str, version: int) -> None:
        self.pins[model] = version

    def unpin(self, model: str) -> None:
        del self.pins[model]

    def set_route(self, model: str, spec: RouteFileSpec | None) -> None:
        pass
