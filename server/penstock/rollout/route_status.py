# SPDX-License-Identifier: Apache-2.0
"""A route as it is told to people and machines: the same however it is asked for."""

from dataclasses import dataclass
from typing import Literal

from penstock.rollout.evidence import ShadowCounts

__all__ = ["Origin", "RouteArm", "RouteShadow", "RouteStatus"]

#: What a route comes of: `file` is route.toml, `pin` a version that a rollout has left in place.
Origin = Literal["file", "pin", "rollout"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteArm:
    """`version` None: the highest that is loaded."""

    name: str
    model: str
    version: int | None
    share_bp: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteShadow:
    """A version that gets copies of `sample_bp` of the requests; None: the highest one.

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

    `overrides`: how many keys go to an arm of somebody's choice. `can_force`: whether a signed
    header may choose an arm. `sticky_source`: empty where no key is asked for.
    """

    model: str
    origin: Origin
    sticky_source: str = ""
    sticky_name: str = ""
    holdout_bp: int = 0
    overrides: int = 0
    can_force: bool = False
    arms: tuple[RouteArm, ...]
    shadows: tuple[RouteShadow, ...] = ()
