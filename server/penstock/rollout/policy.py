# SPDX-License-Identifier: Apache-2.0
"""Where a rollout goes next: a pure function of what was found, at any moment.

    loaded -> shadow -> canary, step by step -> live
                 any of them -> held | rolled_back;  held -> rolled_back

At every look the first rule that applies decides. The order is that of harm: what the core decided
or what broke, evidence that the candidate is worse, what only a person can judge, the end of
patience, a pause, and at last the next step.

A step is left once its dwell and its least requests are over, for the largest step w with

    w x excess rate <= harm_budget,

where the excess rate is the bound of how many more of the canary's requests are bad than the
baseline's; that w (UCB(theta) - 1) base_rate rps dwell stays within a part of the dwell's requests
says the same. Once every gate of promotion passes, any step may come next. Only the last step
before 10000 leads to live, and only with all gates passed: no smaller one shows that the candidate
stands the load.
"""

from dataclasses import dataclass

from penstock.rollout.evidence import Evidence, NativeVerdict
from penstock.rollout.findings import Findings, ShadowFindings
from penstock.rollout.spec import FULL_BP, RolloutSpec
from penstock.rollout.status import State

__all__ = ["EPOCHS_KEPT", "EPOCHS_MAX", "Decision", "Standing", "decide", "verdict_told"]

#: Times of constant shares that the core tells apart in one rollout.
EPOCHS_MAX = 64
#: Of these, for what may come when no more steps may: nobody judges any more; somebody promotes.
EPOCHS_KEPT = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where a rollout stands.

    `elapsed_s`: that it went on, without pauses and without times in which no server ran.
    `dwelt_s`, `requests`: seconds at this share and requests of the canary since, in this process.
    `epochs`: times of constant shares until now. `is_loaded`: the candidate is. `crashes`: of its
    processes.
    """

    state: State
    canary_bp: int
    is_paused: bool
    elapsed_s: float
    dwelt_s: float
    requests: int
    epochs: int
    is_loaded: bool = True
    crashes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What is to be done. With the state and share that it has, a rollout stays; `why`, one
    sentence, then says what it waits for.
    """

    state: State
    canary_bp: int
    by: str
    why: str


def decide(
    spec: RolloutSpec, standing: Standing, evidence: Evidence, findings: Findings
) -> Decision:
    """Of a rollout that goes on. `evidence` is of the whole rollout, all its processes together."""
    rules = [_native_verdict(evidence), _broken(standing, evidence), _worse(spec, findings)]
    if standing.state == "held":
        ends = (rule for rule in rules if rule is not None and rule[0] == "rolled_back")
        found = next(ends, None)
        if found is None and standing.canary_bp > 0:
            found = rules[0]  # held for another reason until now
        why = "Held until somebody promotes it or rolls it back."
        return _to(standing, *found) if found else _stay(standing, why)
    rules += [_undecidable(spec, findings), _overdue(spec, standing)]
    for rule in rules:
        if rule is not None:
            return _to(standing, *rule)
    if standing.is_paused:
        return _stay(standing, "Paused by an operator; the judge goes on.")
    step = _next_step(spec, standing, findings)
    if step.canary_bp != standing.canary_bp and standing.epochs >= EPOCHS_MAX - EPOCHS_KEPT:
        return _to(
            standing,
            "held",
            "policy",
            f"The shares were changed {standing.epochs} times, and no more can be told apart.",
        )
    return step


_Rule = tuple[State, str, str] | None


def _to(standing: Standing, state: State, by: str, why: str) -> Decision:
    shares = {"rolled_back": 0, "live": FULL_BP}
    if (state, by) == ("held", "judge"):
        shares["held"] = 0  # no request goes where nobody judges
    return Decision(state=state, canary_bp=shares.get(state, standing.canary_bp), by=by, why=why)


def _stay(standing: Standing, why: str) -> Decision:
    return Decision(state=standing.state, canary_bp=standing.canary_bp, by="policy", why=why)


def _native_verdict(evidence: Evidence) -> _Rule:
    verdict = evidence.verdict
    if verdict is None:
        return None
    return ("rolled_back" if verdict.rolls_back else "held", "judge", verdict_told(verdict))


def verdict_told(verdict: NativeVerdict) -> str:
    """What the core decided, as a sentence."""
    match verdict.cause:
        case "evidence":
            return (
                f"The evidence of {verdict.guardrail} that the canary is worse reached its limit: "
                f"ln E is {verdict.log_e:.2f}, the limit {verdict.log_limit:.2f}."
            )
        case "non_finite":
            return "The canary answered finite inputs with values that are not, and stable did not."
        case "first_failures":
            return "The first requests of the canary all failed while stable answered."
        case "keys_full":
            return "More keys had bad events than can be told apart, so the judge cannot go on."
        case "events_full":
            return "Bad events came faster than they are written down, so the judge cannot go on."


def _broken(standing: Standing, evidence: Evidence) -> _Rule:
    if standing.crashes:
        return ("rolled_back", "policy", "A process of the candidate died.")
    if not standing.is_loaded:
        return ("rolled_back", "policy", "The candidate is not loaded any more.")
    if evidence.canary_missing:
        found = f"{evidence.canary_missing} requests were the canary's while it was not loaded."
        return ("rolled_back", "policy", found)
    return None


def _worse(spec: RolloutSpec, findings: Findings) -> _Rule:
    shadow = findings.shadow
    if shadow is not None and shadow.mismatched:
        kinds = ", ".join(f"{kind}: {count}" for kind, count in sorted(shadow.mismatched.items()))
        return (
            "rolled_back",
            "policy",
            f"Answers of the shadow differ from the primary's in kind ({kinds}).",
        )
    if shadow is not None and shadow.log_e_fails >= shadow.log_limit:
        return (
            "rolled_back",
            "policy",
            "The shadow fails where the primary answers: "
            f"ln E is {shadow.log_e_fails:.2f}, the limit {shadow.log_limit:.2f}.",
        )
    for one in findings.guardrails:
        if one.log_e < one.log_limit:
            continue
        why = (
            f"The evidence of {one.name} that the canary "
            f"{'differs' if one.name == 'predictions' else 'is worse'} reached its limit: "
            f"ln E is {one.log_e:.2f}, the limit {one.log_limit:.2f}."
        )
        predictions = spec.guardrails.predictions
        holds = (
            one.name == "predictions"
            and predictions is not None
            and predictions.on_breach == "hold"
        )
        return ("held" if holds else "rolled_back", "policy", why)
    return None


def _undecidable(spec: RolloutSpec, findings: Findings) -> _Rule:
    if findings.log_e_split >= findings.log_limit_split:
        return (
            "held",
            "policy",
            "Keys do not fall into the arms by their shares, so nothing can be compared: "
            f"ln E is {findings.log_e_split:.2f}, the limit {findings.log_limit_split:.2f}.",
        )
    shadow = findings.shadow
    if spec.shadow is not None and shadow is not None and shadow.log_e_differs >= shadow.log_limit:
        return (
            "held",
            "policy",
            f"Fewer than {spec.shadow.agreement_min:.3%} of the shadow's answers agree with the "
            f"primary's: ln E is {shadow.log_e_differs:.2f}, the limit {shadow.log_limit:.2f}.",
        )
    return None


def _overdue(spec: RolloutSpec, standing: Standing) -> _Rule:
    if standing.is_paused or standing.elapsed_s < spec.duration_max_s:
        return None
    states: dict[str, State] = {"hold": "held", "promote": "live", "roll_back": "rolled_back"}
    return (
        states[spec.on_inconclusive],
        "policy",
        f"Nothing was decided in {spec.duration_max_s:.0f} s; on_inconclusive is "
        f'"{spec.on_inconclusive}".',
    )


def _next_step(spec: RolloutSpec, standing: Standing, findings: Findings) -> Decision:
    if standing.state == "loaded":
        if spec.shadow is not None:
            why = "The candidate is loaded; it is sent copies of requests first."
            return Decision(state="shadow", canary_bp=0, by="policy", why=why)
        return _step(spec.stages_bp[0], "The candidate is loaded.")
    if standing.state == "shadow":
        assert spec.shadow is not None and findings.shadow is not None
        waits = _waits_in_shadow(spec, findings.shadow)
        if waits:
            return _stay(standing, waits)
        return _step(
            spec.stages_bp[0], f"{findings.shadow.pairs} answers of the shadow were compared."
        )
    waits = _waits_in_step(spec, standing)
    return _stay(standing, waits) if waits else _ramp(spec, standing, findings)


def _step(canary_bp: int, why: str) -> Decision:
    state: State = "live" if canary_bp == FULL_BP else "canary"
    return Decision(state=state, canary_bp=canary_bp, by="policy", why=why)


def _waits_in_shadow(spec: RolloutSpec, shadow: ShadowFindings) -> str:
    assert spec.shadow is not None
    if shadow.pairs < spec.shadow.pairs_min:
        return f"{shadow.pairs} of {spec.shadow.pairs_min} pairs of answers are compared."
    if shadow.agreement_low < spec.shadow.agreement_min:
        return (
            f"At least {shadow.agreement_low:.3%} of the answers agree for sure; "
            f"{spec.shadow.agreement_min:.3%} must."
        )
    return ""


def _waits_in_step(spec: RolloutSpec, standing: Standing) -> str:
    if standing.dwelt_s < spec.dwell_s:
        return (
            f"At {standing.canary_bp} bp for {standing.dwelt_s:.0f} of {spec.dwell_s:.0f} s "
            "that it stays at least."
        )
    if standing.requests < spec.requests_min:
        return (
            f"At {standing.canary_bp} bp with {standing.requests} of {spec.requests_min} requests "
            "of the canary that it must have."
        )
    return ""


def _ramp(spec: RolloutSpec, standing: Standing, findings: Findings) -> Decision:
    later = [stage for stage in spec.stages_bp if stage > standing.canary_bp]
    is_last = later == [FULL_BP]
    if is_last:
        if findings.is_promotable:
            return _step(FULL_BP, "Every gate of promotion is passed.")
        waiting = ", ".join(one.name for one in findings.guardrails if not one.is_passed)
        return _stay(standing, f"The last step before live; not yet shown to be fit: {waiting}.")
    steps = [stage for stage in later if stage < FULL_BP]
    if findings.is_promotable:
        return _step(steps[-1], "Every gate of promotion is passed; the last step before live.")
    name, excess = max(findings.excess_rates.items(), key=lambda item: item[1])
    budget = spec.promotion.harm_budget
    harmless = [stage for stage in steps if stage / FULL_BP * excess <= budget]
    if harmless:
        harm = harmless[-1] / FULL_BP * excess
        return _step(
            harmless[-1],
            f"At {harmless[-1]} bp at most {harm:.3%} of all requests would be bad for the canary "
            f"({name}); the budget is {budget:.3%}.",
        )
    return _stay(
        standing,
        f"At {steps[0]} bp up to {steps[0] / FULL_BP * excess:.3%} of all requests could be bad "
        f"for the canary ({name}); the budget is {budget:.3%}.",
    )
