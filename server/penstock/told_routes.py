# SPDX-License-Identifier: Apache-2.0
"""Routes as the core was given them, with what is told of each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from penstock._core.traffic import Route, Shadow
from penstock.rollout.evidence import Role
from penstock.rollout.ports import TrialWish
from penstock.rollout.route_status import RouteArm, RouteShadow, RouteStatus
from penstock.rollout.shadow_example import ShadowExample
from penstock.rollout.spec import FULL_BP, RouteFileSpec, ShadowSpec
from penstock.traffic_counts import ROLES, shadow_counts, shadow_examples

__all__ = ["SetRoute", "file_status", "pin_status", "trial_status"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SetRoute:
    """`told`: without shadows. `shadows`: each with its spec, the model and version it is of."""

    core: Route
    told: RouteStatus
    shadows: tuple[tuple[Shadow, ShadowSpec, str, int | None], ...] = ()

    def status(self) -> RouteStatus:
        """As it stands now."""
        return replace(
            self.told,
            shadows=tuple(
                RouteShadow(
                    model=model,
                    version=version,
                    sample_bp=spec.sample_bp,
                    relative=spec.relative,
                    absolute=spec.absolute,
                    examples=spec.examples,
                    counts=shadow_counts(spec.name, shadow),
                )
                for shadow, spec, model, version in self.shadows
            ),
        )

    def examples(self) -> list[ShadowExample]:
        """The pairs that its shadows keep, newest first."""
        kept = [
            one for shadow, spec, *_ in self.shadows for one in shadow_examples(spec.name, shadow)
        ]
        return sorted(kept, key=lambda one: one.wall_ms, reverse=True)


def file_status(model: str, spec: RouteFileSpec) -> RouteStatus:
    """What a route.toml says."""
    return RouteStatus(
        model=model,
        origin="file",
        sticky_source=spec.sticky.source,
        sticky_name=spec.sticky.name,
        holdout_bp=spec.holdout.share_bp,
        overrides=len(spec.overrides),
        can_force=bool(spec.force_keys),
        arms=tuple(
            RouteArm(
                name=arm.name,
                model=arm.model or model,
                version=arm.version,
                share_bp=arm.share_bp,
            )
            for arm in spec.arms
        ),
    )


def pin_status(model: str, version: int) -> RouteStatus:
    """One version for all."""
    arm = RouteArm(name="stable", model=model, version=version, share_bp=FULL_BP)
    return RouteStatus(model=model, origin="pin", arms=(arm,))


def trial_status(
    wish: TrialWish, versions: Mapping[Role, int], shares_bp: Mapping[Role, int]
) -> RouteStatus:
    """The arms of a rollout, with the shares that they have now."""
    spec = wish.spec
    roles: Sequence[Role] = ROLES
    return RouteStatus(
        model=wish.model,
        origin="rollout",
        sticky_source=spec.sticky.source,
        sticky_name=spec.sticky.name,
        holdout_bp=spec.holdout.share_bp,
        overrides=len(spec.overrides),
        can_force=bool(spec.force_keys),
        arms=tuple(
            RouteArm(
                name=role,
                model=wish.model,
                version=versions[role],
                share_bp=shares_bp.get(role, 0),
            )
            for role in roles
        ),
    )
