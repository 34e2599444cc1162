# SPDX-License-Identifier: Apache-2.0
"""What a server says of its routes. Values only; their fields are those of proto/admin.proto.

Shares are basis points: 10000 are all requests. `version` None: the highest that is loaded.
"""

from __future__ import annotations

from dataclasses import dataclass

from penstock_client.shadows import ShadowCounts

__all__ = ["RouteArm", "RouteShadow", "RouteStatus"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteArm:
    """Who answers a share of the requests."""

    name: str
    model: str
    version: int | None
    share_bp: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteShadow:
    """A version that gets copies of `sample_bp` of the requests.

    Two numbers agree within `relative` or `absolute`; `examples` pairs are kept. `counts`: since
    the route was set.
    """

    model: str
    version: int | None
    sample_bp: int
    relative: float
    absolute: float
    examples: int
    counts: ShadowCounts


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteStatus:
    """How the requests of one model are shared out.

    `origin`: "file" (route.toml), "rollout", or "pin" (a version that a rollout has left in place).
    `sticky_source`: empty where no key is asked for. `overrides`: how many keys go to an arm of
    somebody's choice. `can_force`: whether a signed header may choose an arm.
    """

    model: str
    origin: str
    sticky_source: str
    sticky_name: str
    holdout_bp: int
    overrides: int
    can_force: bool
    arms: tuple[RouteArm, ...]
    shadows: tuple[RouteShadow, ...]
