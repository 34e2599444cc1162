# SPDX-License-Identifier: Apache-2.0
"""Small real routes: a RouteControl that is a list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.doubles.rollouts import EVIDENCE, EXAMPLE

from penstock.errors import EngineError
from penstock.rollout.route_status import RouteArm, RouteShadow, RouteStatus
from penstock.rollout.shadow_example import ShadowExample

SHADOW = RouteShadow(
    model="fraud-trees",
    version=None,
    sample_bp=500,
    relative=1e-5,
    absolute=1e-6,
    examples=10,
    counts=EVIDENCE.shadows[0],
)
OF_FILE = RouteStatus(
    model="fraud",
    origin="file",
    sticky_source="header",
    sticky_name="x-user",
    holdout_bp=100,
    overrides=2,
    can_force=True,
    arms=(
        RouteArm(name="a", model="fraud", version=7, share_bp=9_000),
        RouteArm(name="b", model="fraud-trees", version=None, share_bp=1_000),
    ),
    shadows=(SHADOW,),
)
PINNED = RouteStatus(
    model="prices",
    origin="pin",
    arms=(RouteArm(name="stable", model="prices", version=3, share_bp=10_000),),
)


@dataclass
class ListedRoutes:
    """Has `kept`, and an example of each that has a shadow."""

    kept: list[RouteStatus] = field(default_factory=lambda: [OF_FILE, PINNED])

    def route(self, model: str) -> RouteStatus:
        for one in self.kept:
            if one.model == model:
                return one
        raise EngineError(f"{model!r} has no route.", code="NOT_FOUND")

    def routes(self) -> Sequence[RouteStatus]:
        return self.kept

    def examples(self, model: str) -> Sequence[ShadowExample]:
        return [EXAMPLE] if self.route(model).shadows else []
