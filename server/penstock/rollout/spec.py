# SPDX-License-Identifier: Apache-2.0
"""`rollout.toml` and `route.toml`: what each key means. Shares are in basis points (1/100 %)."""

import itertools
from collections.abc import Sequence
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

__all__ = [
    "ArmSpec",
    "GuardrailsSpec",
    "HoldoutSpec",
    "LatencySpec",
    "OverrideSpec",
    "PredictionsSpec",
    "RolloutSpec",
    "RouteFileSpec",
    "ShadowSpec",
    "StickySpec",
]

FULL_BP = 10_000
BasisPoints = Annotated[int, Field(ge=0, le=FULL_BP)]
Probability = Annotated[float, Field(gt=0, lt=1)]
Seconds = Annotated[float, Field(gt=0, le=365 * 24 * 3600)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class StickySpec(_Table):
    """`[sticky]`: where the key of a request is found. One without it has its id as key."""

    source: Literal["header", "parameter", "request_id"] = "header"
    name: str = "penstock-sticky-key"


#: Arms of a rollout.
ROLLOUT_ARMS = ("stable", "control", "canary")


class HoldoutSpec(_Table):
    """`[holdout]`: keys that stay with stable through every rollout, outside of its evidence."""

    share_bp: Annotated[int, Field(ge=0, le=5_000)] = 0
    #: The same for all rollouts of a model, so that the same keys are held out.
    salt: Annotated[int, Field(ge=0, lt=2**64)] = 0


class OverrideSpec(_Table):
    """`[[overrides]]`: a key that goes to an arm, by itself or by its SHA-256 in hexadecimal."""

    arm: str
    key: str | None = None
    sha256: Annotated[str | None, Field(pattern=r"^[0-9a-f]{64}$")] = None

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.key is None) == (self.sha256 is None):
            raise ValueError("wanted either key or sha256")
        return self


def _check_arms(overrides: Sequence[OverrideSpec], arms: Sequence[str]) -> None:
    for index, one in enumerate(overrides):
        if one.arm not in arms:
            raise ValueError(
                f"overrides[{index}].arm: wanted one of {', '.join(arms)}, found {one.arm!r}"
            )


class ShadowSpec(_Table):
    """`[[shadows]]` of a route, `[shadow]` of a rollout: copies of requests, compared in pairs."""

    #: Empty in a rollout: the candidate.
    model: str = ""
    version: int | None = None
    name: str = "shadow"
    sample_bp: BasisPoints = FULL_BP
    #: Two numbers agree within either; labels and other datatypes must be equal.
    relative: Annotated[float, Field(ge=0)] = 1e-5
    absolute: Annotated[float, Field(ge=0)] = 1e-6
    #: Pairs to keep for a person to look at; 0: none. Values of `sensitive` inputs never are.
    examples: Annotated[int, Field(ge=0, le=100)] = 0
    examples_kept_s: Seconds = 7 * 24 * 3600
    sensitive: tuple[str, ...] = ()


class RolloutShadowSpec(ShadowSpec):
    """`[shadow]`: the stage before the canary gets any traffic of its own."""

    #: Left once so many pairs were compared, at least this part of them agreeing, for sure.
    pairs_min: Annotated[int, Field(ge=1)] = 200
    #: 0: answers may differ at will; then only failures and mismatches of shape speak against it.
    agreement_min: Annotated[float, Field(ge=0, lt=1)] = 0.0


class LatencySpec(_Table):
    """`[guardrails.latency]`: answers slower than the objective are bad events."""

    slo_ms: Annotated[float, Field(gt=0)]
    weight: Annotated[float, Field(gt=0)] = 0.2


class PredictionsSpec(_Table):
    """`[guardrails.predictions]`: whether the canary's answers are spread as stable's are.

    Judged while the rollout ticks, not on the event.
    """

    output: str
    #: Ascending; bins are between them and beyond both ends. At most 63.
    edges: Annotated[tuple[float, ...], Field(min_length=1, max_length=63)]
    weight: Annotated[float, Field(gt=0)] = 0.3
    #: Odds of a bin that are tolerated: 0.25 is a quarter more or fewer of canary's answers in it.
    tolerance: Annotated[float, Field(ge=0)] = 0.25
    on_breach: Literal["roll_back", "hold"] = "roll_back"

    @model_validator(mode="after")
    def _ascend(self) -> Self:
        if any(a >= b for a, b in zip(self.edges, self.edges[1:], strict=False)):
            raise ValueError("wanted edges that ascend")
        return self


class GuardrailsSpec(_Table):
    """`[guardrails]`: what is watched. Weights are parts of `alpha`; they need not sum to 1."""

    #: Chance that a canary which is as good as stable is rolled back, over the whole rollout.
    alpha: Probability = 0.01
    #: Rates up to 1 + tolerance times stable's are no reason to roll back.
    tolerance: Annotated[float, Field(ge=0)] = 0.0
    errors_weight: Annotated[float, Field(gt=0)] = 0.4
    latency: LatencySpec | None = None
    predictions: PredictionsSpec | None = None
    #: Failures of the canary at its very beginning, while stable answers, that end it; 0: none.
    first_failures: Annotated[int, Field(ge=0, le=100)] = 3
    #: Non-finite answers of the canary to finite inputs end it, if stable has none.
    breaks_on_non_finite: bool = True


class PromotionSpec(_Table):
    """`[promotion]`: what is shown before the next step and before going live."""

    alpha: Probability = 0.05
    #: Shown to be excluded: a rate of bad events of at least 1 + margin times stable's,
    margin: Annotated[float, Field(gt=0)] = 0.25
    #: or shown instead: a rate of bad events of the canary below this.
    max_bad_rate: Annotated[float, Field(gt=0, lt=1)] = 0.001
    #: Part of a dwell's requests that the next step may harm, at worst.
    harm_budget: Annotated[float, Field(gt=0, lt=1)] = 0.002


class RolloutSpec(_Table):
    """`rollout.toml`, next to the model, or given to `penstock rollout start`."""

    sticky: StickySpec = StickySpec()
    holdout: HoldoutSpec = HoldoutSpec()
    overrides: tuple[OverrideSpec, ...] = ()
    #: None, which is `shadow = false` in the file: without this stage.
    shadow: RolloutShadowSpec | None = RolloutShadowSpec()
    #: Shares of the canary, ascending; the last is 10000: live.
    stages_bp: Annotated[tuple[BasisPoints, ...], Field(min_length=1)] = (
        100,
        500,
        2500,
        5000,
        10_000,
    )
    #: Least time and least requests of the canary in each step.
    dwell_s: Seconds = 60.0
    requests_min: Annotated[int, Field(ge=1)] = 200
    #: After this, what `on_inconclusive` says is done.
    duration_max_s: Seconds = 24 * 3600.0
    on_inconclusive: Literal["hold", "promote", "roll_back"] = "hold"
    guardrails: GuardrailsSpec = GuardrailsSpec()
    promotion: PromotionSpec = PromotionSpec()
    #: Chance of holding a rollout for a split that is right.
    srm_alpha: Probability = 1e-4
    #: Whether a request that the canary failed may be sent to stable: then no client sees it.
    idempotent: bool = False
    #: Different keys that are told apart; beyond, no new ones are counted.
    keys_max: Annotated[int, Field(ge=1_000, le=100_000_000)] = 1_000_000
    #: Names of secrets that sign forced arms, in the server's `route_force_keys`.
    force_keys: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _stages_ascend(self) -> Self:
        stages = self.stages_bp
        if any(a >= b for a, b in itertools.pairwise(stages)) or stages[0] == 0:
            raise ValueError("wanted stages_bp that ascend from above 0")
        if stages[-1] != FULL_BP:
            raise ValueError(f"wanted stages_bp that end with {FULL_BP}, found {stages[-1]}")
        return self

    @model_validator(mode="after")
    def _overrides_have_arms(self) -> Self:
        _check_arms(self.overrides, ROLLOUT_ARMS)
        return self


class ArmSpec(_Table):
    """`[[arms]]` of a route."""

    name: str
    version: int | None = None
    model: str = ""
    share_bp: BasisPoints


class RouteFileSpec(_Table):
    """`route.toml`, next to a model: its traffic while no rollout runs."""

    sticky: StickySpec = StickySpec()
    salt: Annotated[int, Field(ge=0, lt=2**64)] = 0
    holdout: HoldoutSpec = HoldoutSpec()
    arms: Annotated[tuple[ArmSpec, ...], Field(min_length=1, max_length=16)]
    overrides: tuple[OverrideSpec, ...] = ()
    shadows: Annotated[tuple[ShadowSpec, ...], Field(max_length=4)] = ()
    force_keys: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _shares_add_up(self) -> Self:
        total = sum(arm.share_bp for arm in self.arms)
        if total != FULL_BP:
            raise ValueError(f"wanted arms whose share_bp sum to {FULL_BP}, found {total}")
        return self

    @model_validator(mode="after")
    def _overrides_have_arms(self) -> Self:
        _check_arms(self.overrides, [arm.name for arm in self.arms])
        return self
