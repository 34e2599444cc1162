# SPDX-License-Identifier: Apache-2.0
"""What the statistics say of a candidate at this moment: from counts to e-values and bounds."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from penstock.rollout.event_odds import (
    EventCount,
    log_e_not_worse,
    log_e_worse,
    ratio_high,
    ratio_interval,
)
from penstock.rollout.evidence import Epoch, Evidence, Guardrail, Role, ShadowCounts
from penstock.rollout.log_mean import log_mean_exp
from penstock.rollout.proportion import log_e_below, proportion_high, proportion_low
from penstock.rollout.spec import FULL_BP, RolloutSpec
from penstock.rollout.split import log_e_split
from penstock.rollout.spread import BinCounts, log_e_spread
from penstock.rollout.status import GuardrailStatus
from penstock.rollout.sums import Tally, bad_of, merged, requests_of

__all__ = ["Findings", "ShadowFindings", "find", "weights_of"]

#: Part of alpha for what shadow pairs show, in units of the weights of [guardrails].
SHADOW_WEIGHT = 0.1
_BASELINE: Mapping[Guardrail, tuple[Role, ...]] = {
    "errors": ("stable", "control"),
    "latency": ("control",),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ShadowFindings:
    """Of pairs of answers to the same request.

    `log_e_fails`: evidence that the candidate fails where stable answers, more often than the
    reverse. `log_e_differs`: that fewer than `agreement_min` of the answers agree. Both have
    `log_limit`. `agreement_low`: bound of the part that agrees.
    """

    pairs: int
    mismatched: Mapping[str, int]
    agreement_low: float
    log_e_fails: float
    log_e_differs: float
    log_limit: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """`excess_rates`: by guardrail, how many more of the canary's requests are bad than the
    baseline's, at worst. `log_e_split`: evidence that keys are not split by the shares.
    """

    guardrails: tuple[GuardrailStatus, ...]
    excess_rates: Mapping[str, float]
    log_e_split: float
    log_limit_split: float
    shadow: ShadowFindings | None

    @property
    def is_promotable(self) -> bool:
        """Every gate of promotion rejects: an intersection-union test, at promotion.alpha."""
        return all(one.is_passed for one in self.guardrails)

    @property
    def told(self) -> tuple[GuardrailStatus, ...]:
        """The guardrails, and as such what else is tested: "split", at whose limit the rollout is
        held, and "shadow".
        """
        others = {"split": (self.log_e_split, self.log_limit_split)}
        if self.shadow is not None:
            worst = max(self.shadow.log_e_fails, self.shadow.log_e_differs)
            others["shadow"] = (worst, self.shadow.log_limit)
        return (
            *self.guardrails,
            *(
                GuardrailStatus(
                    name=name,
                    log_e=log_e,
                    log_limit=limit,
                    ratio_low=0.0,
                    ratio_high=math.inf,
                    is_passed=log_e < limit,
                )
                for name, (log_e, limit) in others.items()
            ),
        )

    def guardrail(self, name: str) -> GuardrailStatus | None:
        """The guardrail of this name, if it is in use."""
        return next((one for one in self.guardrails if one.name == name), None)


def weights_of(spec: RolloutSpec) -> dict[str, float]:
    """Parts of alpha of all that is in use: "errors", "latency", "predictions", "shadow"."""
    rails = spec.guardrails
    weights = {"errors": rails.errors_weight}
    if rails.latency is not None:
        weights["latency"] = rails.latency.weight
    if rails.predictions is not None:
        weights["predictions"] = rails.predictions.weight
    if spec.shadow is not None:
        weights["shadow"] = SHADOW_WEIGHT
    total = sum(weights.values())
    return {name: weight / total for name, weight in weights.items()}


def find(spec: RolloutSpec, lives: Sequence[Evidence], tally: Tally) -> Findings:
    """`lives`: what was counted, by process that the rollout went on in, oldest first."""
    weights = weights_of(spec)
    limits = {name: -math.log(spec.guardrails.alpha * weight) for name, weight in weights.items()}
    evidence = merged(lives)
    epochs = [epoch for epoch in evidence.epochs if _share(epoch, "errors") is not None]
    rails: list[GuardrailStatus] = []
    excess: dict[str, float] = {}
    watched: list[Guardrail] = ["errors"]
    if spec.guardrails.latency is not None:
        watched.append("latency")
    for name in watched:
        counts = tally.counts(name)
        rails.append(_event_guardrail(spec, name, counts, epochs, limits[name]))
        excess[name] = _excess_rate(spec, name, counts, epochs)
    if spec.guardrails.predictions is not None:
        rails.append(_predictions_guardrail(spec, lives, limits["predictions"]))
    return Findings(
        guardrails=tuple(rails),
        excess_rates=excess,
        log_e_split=_over_lives([_log_e_split(life) for life in lives]),
        log_limit_split=-math.log(spec.srm_alpha),
        shadow=None if spec.shadow is None else _shadow(spec, evidence, limits["shadow"]),
    )


def _share(epoch: Epoch, guardrail: Guardrail) -> float | None:
    """The canary's share of what it is compared with and itself; None: one of both has none."""
    canary = epoch.shares_bp.get("canary", 0)
    baseline = sum(epoch.shares_bp.get(role, 0) for role in _BASELINE[guardrail])
    return canary / (canary + baseline) if canary and baseline else None


def _event_guardrail(
    spec: RolloutSpec,
    name: Guardrail,
    counts: Sequence[EventCount],
    epochs: Sequence[Epoch],
    limit: float,
) -> GuardrailStatus:
    low, high = ratio_interval(counts)
    promotion = spec.promotion
    requests = requests_of(epochs, ["canary"])
    # The gate's hypothesis: at least 1 + margin times as bad, and not below max_bad_rate either.
    # The mean of both e-values speaks against it at the one alpha.
    log_e_passes = log_mean_exp(
        [
            log_e_not_worse(counts, promotion.margin),
            log_e_below(bad_of(epochs, ["canary"], name), requests, promotion.max_bad_rate),
        ]
    )
    return GuardrailStatus(
        name=name,
        log_e=log_e_worse(counts, 1.0 + spec.guardrails.tolerance),
        log_limit=limit,
        ratio_low=low,
        ratio_high=high,
        is_passed=log_e_passes >= -math.log(promotion.alpha),
    )


def _excess_rate(
    spec: RolloutSpec, name: Guardrail, counts: Sequence[EventCount], epochs: Sequence[Epoch]
) -> float:
    """(UCB(theta) - 1) times the baseline's rate, or the bound of the canary's own rate: the
    smaller one. A rule to plan by: the baseline's rate is an estimate, as if it had one bad more.
    """
    alpha = spec.promotion.alpha
    own = proportion_high(bad_of(epochs, ["canary"], name), requests_of(epochs, ["canary"]), alpha)
    base_rate = (bad_of(epochs, _BASELINE[name], name) + 1) / (
        requests_of(epochs, _BASELINE[name]) + 1
    )
    return min(own, max(0.0, ratio_high(counts, alpha) - 1.0) * base_rate)


def _predictions_guardrail(
    spec: RolloutSpec, lives: Sequence[Evidence], limit: float
) -> GuardrailStatus:
    assert spec.guardrails.predictions is not None
    tolerance = spec.guardrails.predictions.tolerance
    log_e = _over_lives([log_e_spread(_bins(life), tolerance) for life in lives])
    return GuardrailStatus(
        name="predictions",
        log_e=log_e,
        log_limit=limit,
        ratio_low=0.0,
        ratio_high=math.inf,
        # That nothing changed cannot be shown. What is asked is that at the gate's alpha, which is
        # larger than the rollback's, nothing speaks for a change.
        is_passed=log_e < -math.log(spec.promotion.alpha),
    )


def _over_lives(logs: Sequence[float]) -> float:
    """The evidence of several processes, of which each counts keys anew.

    Keys that come again after a restart are in the arm that they were in, so evidence cannot be
    multiplied. The k-th process has 2^-k of alpha: by the union bound the largest of 2^-k E_k
    reaches 1 / alpha with a probability of alpha at most. The first has half of it.
    """
    return max((log - (k + 1) * math.log(2.0) for k, log in enumerate(logs)), default=0.0)


def _log_e_split(life: Evidence) -> float:
    total = 0.0
    for epoch in life.epochs:
        roles = [role for role, share in epoch.shares_bp.items() if share]
        if len(roles) > 1:
            total += log_e_split(
                [epoch.arms[role].keys if role in epoch.arms else 0 for role in roles],
                [epoch.shares_bp[role] / FULL_BP for role in roles],
            )
    return total


def _bins(life: Evidence) -> list[BinCounts]:
    by_share: dict[float, BinCounts] = {}
    for epoch in life.epochs:
        share = _share(epoch, "errors")
        arms = {role: arm.predictions for role, arm in epoch.arms.items() if arm.predictions}
        if share is None or not arms:
            continue
        none = (0,) * max(len(bins) for bins in arms.values())
        before = by_share.get(share, BinCounts(share=share, canary=none, baseline=none))
        baseline = [arms.get(role, none) for role in _BASELINE["errors"]]
        by_share[share] = BinCounts(
            share=share,
            canary=_added(before.canary, arms.get("canary", none)),
            baseline=_added(before.baseline, *baseline),
        )
    return list(by_share.values())


def _added(*counts: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(sum(bins) for bins in zip(*counts, strict=True))


def _shadow(spec: RolloutSpec, evidence: Evidence, limit: float) -> ShadowFindings:
    assert spec.shadow is not None
    name = spec.shadow.name
    counts = next((one for one in evidence.shadows if one.name == name), ShadowCounts(name=name))
    # Of a pair in which only one fails it is the candidate with a chance of 1/2, if both are alike
    # (McNemar's test): the test of events, with a share of 1/2.
    fails = EventCount(
        share=0.5, canary=counts.discordant_shadow, baseline=counts.discordant_primary
    )
    differs = 0.0
    if 0.0 < spec.shadow.agreement_min < 1.0:
        # And p(1) is then what may differ.
        differing = EventCount(
            share=1.0 - spec.shadow.agreement_min,
            canary=counts.compared - counts.agreed,
            baseline=counts.agreed,
        )
        differs = log_e_worse([differing])
    return ShadowFindings(
        pairs=counts.compared,
        mismatched={kind: count for kind, count in counts.mismatched.items() if count},
        agreement_low=proportion_low(counts.agreed, counts.compared, spec.promotion.alpha),
        log_e_fails=log_e_worse([fails], 1.0 + spec.guardrails.tolerance),
        log_e_differs=differs,
        log_limit=limit + math.log(2.0),
    )
