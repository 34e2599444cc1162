# SPDX-License-Identifier: Apache-2.0
"""The routes and trials of the core, as the rest of the house sees them."""

import hashlib
from collections.abc import Callable, Mapping, Sequence

from penstock._core import CoreError
from penstock._core.traffic import Arm, Route, Traffic, TrialOptions
from penstock._core.traffic import Shadow as CoreShadow
from penstock._core.traffic import ShadowOptions as CoreShadowOptions
from penstock._core.traffic import Trial as CoreTrial
from penstock.errors import EngineError, OptionsError
from penstock.rollout.evidence import BadEvent, Evidence, Role
from penstock.rollout.intervals import arm_intervals, shared_intervals
from penstock.rollout.ports import Trial, TrialWish
from penstock.rollout.route_status import RouteStatus
from penstock.rollout.shadow_example import ShadowExample
from penstock.rollout.spec import (
    FULL_BP,
    OverrideSpec,
    RolloutSpec,
    RouteFileSpec,
    ShadowSpec,
    StickySpec,
)
from penstock.told_routes import SetRoute, file_status, pin_status, trial_status
from penstock.traffic_counts import (
    GUARDRAILS,
    KINDS,
    ROLES,
    evidence_of,
    shadow_counts,
    shadow_examples,
)

__all__ = ["EngineTraffic"]


class EngineTraffic:
    """The routes of one engine: `penstock.rollout.ports.Traffic`.

    `secrets`: by the names that route and rollout files give them.
    """

    def __init__(self, core: Traffic, secrets: Mapping[str, str]) -> None:
        self._core = core
        self._secrets = secrets
        self._trials: dict[str, _Trial] = {}  # open, by model
        self._pins: dict[str, SetRoute] = {}
        self._routes: dict[str, SetRoute] = {}  # of route.toml

    def worker_restarts(self, model: str, version: int) -> int:
        """Times that a process of this version died and was started again."""
        return self._core.worker_restarts(model, version)

    @property
    def verdicts_fd(self) -> int:
        """A file descriptor that is readable once the core has decided over a rollout."""
        return self._core.verdicts_fd

    def clear_verdicts(self) -> None:
        """Until the next decision the descriptor is not readable."""
        self._core.clear_verdicts()

    def open_trial(self, wish: TrialWish) -> Trial:
        """A candidate to be watched.

        Raises EngineError for what the core refuses, OptionsError for a secret that is not there.
        """
        try:
            core = self._core.open_trial(_trial_options(wish))
        except CoreError as error:
            raise EngineError(str(error), code=error.code) from None
        if wish.model in self._trials:
            raise EngineError(
                f"{wish.model!r} has a trial already: wanted that of {wish.rollout} to be the only "
                "one.",
                code="FAILED_PRECONDITION",
            )
        trial = _Trial(
            self._core,
            core,
            wish,
            self._force_keys(wish.spec.force_keys),
            closed=lambda: self._close(wish.model),
        )
        self._trials[wish.model] = trial
        return trial

    def abandon(self, model: str) -> None:
        """See `penstock.rollout.ports.Traffic`: a trial that is closed leaves nothing here."""

    def set_route(self, model: str, spec: RouteFileSpec | None) -> None:
        """Shares the requests of `model` as its route.toml says; None: not at all.

        Raises EngineError for what is no route, and OptionsError for a secret that is not there;
        the route before stays then.
        """
        if spec is None:
            self._routes.pop(model, None)
        else:
            route = self._file_route(model, spec)
            if model not in self._trials and model not in self._pins:
                self._set(route)
            self._routes[model] = route
        self._settle(model)

    # --- what is told of them ---

    def route(self, model: str) -> RouteStatus:
        """How the requests of a model are shared out. Raises EngineError where they are not."""
        return self._found(model).status()

    def routes(self) -> list[RouteStatus]:
        """Of all models that have one, by name."""
        models = sorted({*self._trials, *self._pins, *self._routes})
        return [found.status() for model in models if (found := self._in_effect(model))]

    def examples(self, model: str) -> list[ShadowExample]:
        """The pairs that the shadows of its route keep, newest first. Raises EngineError."""
        return self._found(model).examples()

    def _found(self, model: str) -> SetRoute:
        if (found := self._in_effect(model)) is None:
            raise EngineError(
                f"{model!r} has no route: of a model without one the highest version answers.",
                code="NOT_FOUND",
            )
        return found

    def _in_effect(self, model: str) -> SetRoute | None:
        """The route that a model has, of all that it could have."""
        if model in self._trials and (route := self._trials[model].route) is not None:
            return route
        return self._pins.get(model, self._routes.get(model))

    # --- how they are set ---

    def _file_route(self, model: str, spec: RouteFileSpec) -> SetRoute:
        route = _route(model, spec, self._force_keys(spec.force_keys))
        route.salt = spec.salt
        route.arms = [
            Arm(arm.name, arm.model or model, _version(arm.version), "plain", intervals)
            for arm, intervals in zip(
                spec.arms, shared_intervals([arm.share_bp for arm in spec.arms]), strict=True
            )
        ]
        names = [arm.name for arm in spec.arms]
        route.overrides = _overrides(spec.overrides, names)
        shadows = tuple(
            (
                _shadow(self._core, one, model=one.model or model, version=_version(one.version)),
                one,
                one.model or model,
                one.version,
            )
            for one in spec.shadows
        )
        route.shadows = [(shadow, one.sample_bp, spec.salt) for shadow, one, *_ in shadows]
        return SetRoute(core=route, told=file_status(model, spec), shadows=shadows)

    def pin(self, model: str, version: int) -> None:
        """While no trial is open, requests of `model` that name no version get this one."""
        route = Route(model)
        route.arms = [Arm("stable", model, str(version), "stable", [(0, FULL_BP)])]
        self._pins[model] = SetRoute(core=route, told=pin_status(model, version))
        self._settle(model)

    def unpin(self, model: str) -> None:
        """They get the highest one again, or what route.toml says."""
        self._pins.pop(model, None)
        self._settle(model)

    def _close(self, model: str) -> None:
        del self._trials[model]
        self._settle(model)

    def _settle(self, model: str) -> None:
        """Sets the route that a model has, unless its trial has set it."""
        if model in self._trials and self._trials[model].route is not None:
            return
        if (route := self._in_effect(model)) is not None:
            self._set(route)
        else:
            self._core.remove_route(model)

    def _set(self, route: SetRoute) -> None:
        try:
            self._core.set_route(route.core)
        except CoreError as error:
            raise EngineError(str(error), code=error.code) from None

    def _force_keys(self, names: Sequence[str]) -> list[str]:
        missing = [name for name in names if name not in self._secrets]
        if missing:
            raise OptionsError(
                f"force_keys names {missing[0]!r}, which is none of the server's "
                "route_force_keys: give --route-force-key NAME=FILE."
            )
        return [self._secrets[name] for name in names]


class _Trial:
    """One rollout in the core."""

    def __init__(
        self,
        traffic: Traffic,
        core: CoreTrial,
        wish: TrialWish,
        force_keys: list[str],
        *,
        closed: Callable[[], None],
    ) -> None:
        self._traffic = traffic
        self._core = core
        self._wish = wish
        self._force_keys = force_keys
        self._closed = closed
        self.route: SetRoute | None = None  # once it has shares
        shadow = wish.spec.shadow
        self._shadow: tuple[CoreShadow, int, int] | None = None
        if shadow is not None:
            made = _shadow(traffic, shadow, model=wish.model, version=str(wish.candidate))
            self._shadow = (made, shadow.sample_bp, wish.salt)

    def replay(self, events: Sequence[BadEvent]) -> None:
        self._core.replay(
            [
                (
                    one.wall_ms,
                    one.guardrail,
                    one.kind,
                    one.is_canary,
                    one.epoch,
                    one.canary_bp,
                    one.both_bp,
                    one.key_hash,
                    one.canary_good,
                    one.baseline_good,
                    one.counts,
                )
                for one in events
            ]
        )

    def evidence(self) -> Evidence:
        counts = self._core.counts()
        if self._shadow is None:
            return evidence_of(counts, ())
        shadow, _, _ = self._shadow
        return evidence_of(counts, (shadow_counts(self._shadow_name, shadow),))

    @property
    def _shadow_name(self) -> str:
        return self._wish.spec.shadow.name if self._wish.spec.shadow else ""

    def examples(self) -> list[ShadowExample]:
        return [] if self._shadow is None else shadow_examples(self._shadow_name, self._shadow[0])

    def take_events(self) -> Sequence[BadEvent]:
        return [
            BadEvent(
                wall_ms=wall_ms,
                guardrail=GUARDRAILS[guardrail],
                kind=KINDS[KINDS.index(kind)],
                is_canary=is_canary,
                epoch=epoch,
                canary_bp=canary_bp,
                both_bp=both_bp,
                key_hash=key_hash,
                canary_good=canary_good,
                baseline_good=baseline_good,
                counts=counts,
            )
            for (
                wall_ms,
                guardrail,
                kind,
                is_canary,
                epoch,
                canary_bp,
                both_bp,
                key_hash,
                canary_good,
                baseline_good,
                counts,
            ) in self._core.take_events()
        ]

    def set_shares(self, shares_bp: Mapping[Role, int], *, epoch: int, is_mirrored: bool) -> None:
        wish = self._wish
        route = _route(wish.model, wish.spec, self._force_keys)
        route.salt = wish.salt
        intervals = arm_intervals(shares_bp)
        versions: Mapping[Role, int] = {
            "stable": wish.stable,
            "control": wish.stable,
            "canary": wish.candidate,
        }
        route.arms = [
            Arm(role, wish.model, str(versions[role]), role, intervals[role]) for role in ROLES
        ]
        route.overrides = _overrides(wish.spec.overrides, ROLES)
        shadows: tuple[tuple[CoreShadow, ShadowSpec, str, int | None], ...] = ()
        if is_mirrored and self._shadow is not None and wish.spec.shadow is not None:
            route.shadows = [self._shadow]
            shadows = ((self._shadow[0], wish.spec.shadow, wish.model, wish.candidate),)
        try:
            self._core.begin_epoch(epoch, [shares_bp.get(role, 0) for role in ROLES])
            self._traffic.set_route(route, self._core, epoch)
        except CoreError as error:
            raise EngineError(str(error), code=error.code) from None
        told = trial_status(wish, versions, shares_bp)
        self.route = SetRoute(core=route, told=told, shadows=shadows)

    def close(self) -> None:
        self._closed()


def _trial_options(wish: TrialWish) -> TrialOptions:
    guardrails = wish.spec.guardrails
    options = TrialOptions()
    options.alpha = guardrails.alpha
    options.tolerance = guardrails.tolerance
    options.errors_weight = wish.weights.get("errors", 0.0)
    options.latency_weight = wish.weights.get("latency", 0.0)
    options.keys_max = wish.spec.keys_max
    options.first_failures = guardrails.first_failures
    options.breaks_on_non_finite = guardrails.breaks_on_non_finite
    if guardrails.latency is not None:
        options.slo_us = max(round(guardrails.latency.slo_ms * 1000), 1)
    options.retries = wish.spec.idempotent
    if guardrails.predictions is not None:
        options.watched_output = guardrails.predictions.output
        options.watched_edges = list(guardrails.predictions.edges)
    return options


def _route(model: str, spec: RolloutSpec | RouteFileSpec, force_keys: list[str]) -> Route:
    route = Route(model)
    route.sticky_source = spec.sticky.source
    route.sticky_name = _sticky_name(spec.sticky)
    route.holdout_bp = spec.holdout.share_bp
    route.holdout_salt = spec.holdout.salt
    route.force_keys = force_keys
    return route


def _sticky_name(sticky: StickySpec) -> str:
    match sticky.source:
        case "header":
            return sticky.name.lower()
        case "parameter":
            return sticky.name
        case "request_id":
            return ""


def _overrides(overrides: Sequence[OverrideSpec], arms: Sequence[str]) -> list[tuple[bytes, int]]:
    """By the SHA-256 of the key. Raises OptionsError for an arm that the route has not."""
    told = []
    for one in overrides:
        if one.arm not in arms:
            raise OptionsError(
                f"overrides: there is no arm {one.arm!r}; wanted one of {', '.join(arms)}."
            )
        digest = (
            bytes.fromhex(one.sha256)
            if one.sha256 is not None
            else hashlib.sha256((one.key or "").encode()).digest()
        )
        told.append((digest, list(arms).index(one.arm)))
    return told


def _version(number: int | None) -> str:
    return "" if number is None else str(number)


def _shadow(core: Traffic, spec: ShadowSpec, *, model: str, version: str) -> CoreShadow:
    options = CoreShadowOptions()
    options.name, options.model, options.version = spec.name, model, version
    options.relative, options.absolute = spec.relative, spec.absolute
    options.examples, options.examples_kept_s = spec.examples, spec.examples_kept_s
    options.sensitive = list(spec.sensitive)
    return core.open_shadow(options)
