# SPDX-License-Identifier: Apache-2.0
"""Each rule of the policy, and their order."""

import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.rollout.evidence import (
    ArmCounts,
    BadEvent,
    Epoch,
    Evidence,
    Guardrail,
    NativeVerdict,
    ShadowCounts,
)
from penstock.rollout.findings import Findings, find, weights_of
from penstock.rollout.policy import EPOCHS_KEPT, EPOCHS_MAX, Decision, Standing, decide
from penstock.rollout.shares import shares_of
from penstock.rollout.spec import RolloutSpec
from penstock.rollout.sums import Tally

SPEC = RolloutSpec()
VERDICT = NativeVerdict(
    rolls_back=True, cause="evidence", guardrail="errors", log_e=6.0, log_limit=5.5, wall_ms=1
)
CANARY = Standing(
    state="canary",
    canary_bp=100,
    is_paused=False,
    elapsed_s=100.0,
    dwelt_s=61.0,
    requests=600,
    epochs=2,
)


def counted(
    canary: int, baseline: int, *, bp: int = 100, bad: int = 0, predictions: object = None
) -> Evidence:
    """Requests of both, split evenly between stable and control; `bad` of the canary's failed."""
    bins = predictions if isinstance(predictions, dict) else {}
    arms = {
        "canary": ArmCounts(
            requests=canary, bad={"error": bad}, predictions=bins.get("canary", ())
        ),
        "stable": ArmCounts(requests=baseline, predictions=bins.get("stable", ())),
    }
    return Evidence(epochs=(Epoch(number=1, shares_bp=shares_of(bp), arms=arms),))  # type: ignore[arg-type]


def events(
    *, canary: int, baseline: int, bp: int = 100, guardrail: Guardrail = "errors"
) -> list[BadEvent]:
    return [
        BadEvent(
            wall_ms=1,
            guardrail=guardrail,
            kind="error" if guardrail == "errors" else "slow",
            is_canary=index < canary,
            epoch=1,
            canary_bp=bp,
            both_bp=10_000 if guardrail == "errors" else 2 * bp,
            key_hash=index,
            canary_good=10,
            baseline_good=10,
        )
        for index in range(canary + baseline)
    ]


def decided(
    standing: Standing,
    evidence: Evidence,
    bad: list[BadEvent] | None = None,
    spec: RolloutSpec = SPEC,
) -> Decision:
    return decide(spec, standing, evidence, found(evidence, bad, spec))


def found(
    evidence: Evidence, bad: list[BadEvent] | None = None, spec: RolloutSpec = SPEC
) -> Findings:
    return find(spec, [evidence], Tally(bad or []))


def split_of(canary: int, stable: int, control: int) -> Evidence:
    arms = {
        role: ArmCounts(keys=keys, requests=keys)
        for role, keys in (("canary", canary), ("stable", stable), ("control", control))
    }
    return Evidence(epochs=(Epoch(number=1, shares_bp=shares_of(100), arms=arms),))  # type: ignore[arg-type]


GOOD = split_of(600, 58_800, 600)


def test_a_loaded_candidate_is_a_shadow_first_or_has_its_first_step() -> None:
    loaded = replace(CANARY, state="loaded", canary_bp=0, epochs=0)
    assert decided(loaded, Evidence()).state == "shadow"
    step = decided(loaded, Evidence(), spec=RolloutSpec(shadow=None))
    assert (step.state, step.canary_bp) == ("canary", 100)


@pytest.mark.parametrize(
    ("pairs", "agreed", "agreement_min", "state"),
    [
        (199, 199, 0.0, "shadow"),
        (200, 0, 0.0, "canary"),
        (200, 200, 0.99, "shadow"),
        (400, 400, 0.99, "canary"),
        (400, 380, 0.99, "held"),
    ],
)
def test_a_shadow_is_left_once_enough_pairs_agree_for_sure(
    pairs: int, agreed: int, agreement_min: float, state: str
) -> None:
    assert SPEC.shadow is not None
    spec = RolloutSpec(shadow=SPEC.shadow.model_copy(update={"agreement_min": agreement_min}))
    shadow = ShadowCounts(name="shadow", compared=pairs, agreed=agreed)
    standing = replace(CANARY, state="shadow", canary_bp=0)
    assert decided(standing, Evidence(shadows=(shadow,)), spec=spec).state == state


@pytest.mark.parametrize("kind", ["nan", "shape", "datatype"])
def test_an_answer_of_another_kind_ends_a_shadow(kind: str) -> None:
    shadow = ShadowCounts(name="shadow", compared=500, agreed=499, mismatched={kind: 1})
    end = decided(replace(CANARY, state="shadow"), Evidence(shadows=(shadow,)))
    assert end.state == "rolled_back" and kind in end.why


@pytest.mark.parametrize(
    ("fails", "reverse", "state"), [(30, 2, "rolled_back"), (12, 9, "canary"), (2, 30, "canary")]
)
def test_pairs_in_which_only_the_shadow_fails_end_it(fails: int, reverse: int, state: str) -> None:
    shadow = ShadowCounts(
        name="shadow", compared=500, discordant_shadow=fails, discordant_primary=reverse
    )
    end = decided(replace(CANARY, state="shadow"), Evidence(shadows=(shadow,)))
    assert end.state == state


@pytest.mark.parametrize(
    ("change", "waits_for"),
    [({"dwelt_s": 59.0}, "that it stays at least"), ({"requests": 199}, "199 of 200 requests")],
)
def test_a_step_lasts_its_dwell_and_its_requests(change: dict[str, float], waits_for: str) -> None:
    stays = decided(replace(CANARY, **change), GOOD)  # type: ignore[arg-type]
    assert (stays.canary_bp, stays.state) == (100, "canary") and waits_for in stays.why


def test_the_next_step_is_the_largest_whose_harm_stays_in_the_budget() -> None:
    step = decided(CANARY, GOOD)  # 600 clean requests: at most 0.55 % are bad
    assert step.canary_bp == 2500 and "the budget is 0.200%" in step.why
    tight = RolloutSpec.model_validate({"promotion": {"harm_budget": 0.0002}})
    stays = decided(CANARY, GOOD, spec=tight)
    assert stays.canary_bp == 100 and "the budget is 0.020%" in stays.why


def test_no_traffic_is_no_reason_to_go_on_nor_to_end() -> None:
    assert decided(replace(CANARY, requests=0), Evidence()).canary_bp == 100


def test_a_clean_candidate_goes_live_from_the_last_step_only() -> None:
    clean = counted(5000, 495_000)
    assert found(clean).is_promotable
    assert decided(CANARY, clean).canary_bp == 5000
    last = decided(replace(CANARY, canary_bp=5000), clean)
    assert (last.state, last.canary_bp) == ("live", 10_000)
    waits = decided(replace(CANARY, canary_bp=5000), GOOD)
    assert waits.state == "canary" and "errors" in waits.why


def test_a_candidate_that_fails_as_often_as_stable_goes_live() -> None:
    evidence = counted(100_000, 100_000, bp=5000, bad=500)
    bad = events(canary=500, baseline=520, bp=5000)
    assert decided(replace(CANARY, canary_bp=5000), evidence, bad).state == "live"
    worse = events(canary=560, baseline=460, bp=5000)
    assert decided(replace(CANARY, canary_bp=5000), evidence, worse).state == "canary"


def test_latency_has_a_gate_of_its_own() -> None:
    spec = RolloutSpec.model_validate({"guardrails": {"latency": {"slo_ms": 50}}})
    evidence = counted(5000, 5000, bp=5000)
    slow = events(canary=40, baseline=40, bp=5000, guardrail="latency")
    arms = {role: replace(arm, bad={"slow": 40}) for role, arm in evidence.epochs[0].arms.items()}
    evidence = replace(evidence, epochs=(replace(evidence.epochs[0], arms=arms),))
    waits = decided(replace(CANARY, canary_bp=5000), evidence, slow, spec)
    assert waits.state == "canary" and waits.why.endswith("latency.")
    slower = events(canary=70, baseline=10, bp=5000, guardrail="latency")
    end = decided(replace(CANARY, canary_bp=5000), evidence, slower, spec)
    assert end.state == "rolled_back" and "latency" in end.why


@pytest.mark.parametrize(("on_breach", "state"), [("roll_back", "rolled_back"), ("hold", "held")])
def test_predictions_that_are_spread_otherwise_end_or_hold_it(on_breach: str, state: str) -> None:
    spec = RolloutSpec.model_validate(
        {"guardrails": {"predictions": {"output": "y", "edges": [0.0], "on_breach": on_breach}}}
    )
    bins = {"canary": (310, 290), "stable": (29_400, 29_400)}
    same = counted(600, 58_800, predictions={"canary": (299, 301), "stable": (29_400, 29_400)})
    assert decided(CANARY, counted(600, 58_800, predictions=bins), spec=spec).state == "canary"
    moved = {"canary": (100, 500), "stable": (29_400, 29_400)}
    assert decided(CANARY, counted(600, 58_800, predictions=moved), spec=spec).state == state
    rail = found(same, spec=spec).guardrail("predictions")
    assert rail is not None and rail.is_passed


@pytest.mark.parametrize(
    ("evidence", "change", "state", "by"),
    [
        (Evidence(verdict=VERDICT), {}, "rolled_back", "judge"),
        (Evidence(verdict=replace(VERDICT, rolls_back=False, cause="keys_full")), {}, "held",
         "judge"),
        (Evidence(canary_missing=1), {}, "rolled_back", "policy"),
        (GOOD, {"crashes": 1}, "rolled_back", "policy"),
        (GOOD, {"is_loaded": False}, "rolled_back", "policy"),
        (split_of(900, 58_000, 1100), {}, "held", "policy"),
        (GOOD, {"elapsed_s": 86_400.0}, "held", "policy"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("is_paused", [False, True])
def test_what_ends_or_holds_a_rollout_does_so_at_once(
    evidence: Evidence, change: dict[str, float], state: str, by: str, is_paused: bool
) -> None:
    standing = replace(CANARY, is_paused=is_paused, dwelt_s=0.0, **change)  # type: ignore[arg-type]
    end = decided(standing, evidence)
    if "elapsed_s" in change and is_paused:
        assert end.state == "canary"
    else:
        assert (end.state, end.by) == (state, by) and end.why.endswith(".")


@pytest.mark.parametrize(
    ("wish", "state"), [("hold", "held"), ("promote", "live"), ("roll_back", "rolled_back")]
)
def test_the_end_of_patience_does_what_the_spec_says(wish: str, state: str) -> None:
    spec = RolloutSpec.model_validate({"on_inconclusive": wish})
    assert decided(replace(CANARY, elapsed_s=9e4), GOOD, spec=spec).state == state


def test_a_held_rollout_is_left_by_what_is_against_it_only() -> None:
    held = replace(CANARY, state="held")
    clean = counted(5000, 495_000)
    assert decided(held, clean).state == "held"
    assert decided(replace(held, elapsed_s=9e5), clean).state == "held"
    full = Evidence(verdict=replace(VERDICT, rolls_back=False, cause="events_full"))
    assert decided(held, full).state == "held"
    assert (decided(held, clean).canary_bp, decided(held, full).canary_bp) == (held.canary_bp, 0)
    assert decided(replace(held, crashes=1), full).state == "rolled_back"
    assert decided(held, Evidence(verdict=VERDICT)).state == "rolled_back"


def test_no_step_is_taken_that_the_core_could_not_tell_apart() -> None:
    full = replace(CANARY, epochs=EPOCHS_MAX - EPOCHS_KEPT)
    assert (decided(full, GOOD).state, decided(full, GOOD).canary_bp) == ("held", CANARY.canary_bp)
    assert decided(replace(full, dwelt_s=1.0), GOOD).state == "canary"
    assert decided(replace(full, epochs=full.epochs - 1), GOOD).canary_bp > CANARY.canary_bp


def test_no_request_goes_to_a_candidate_that_nobody_judges_any_more() -> None:
    for cause in ("keys_full", "events_full"):
        full = Evidence(verdict=replace(VERDICT, rolls_back=False, cause=cause))
        assert (decided(CANARY, full).state, decided(CANARY, full).canary_bp) == ("held", 0)


def test_weights_are_parts_of_alpha_of_what_is_in_use() -> None:
    assert weights_of(RolloutSpec(shadow=None)) == {"errors": 1.0}
    weights = weights_of(
        RolloutSpec.model_validate(
            {"guardrails": {"latency": {"slo_ms": 5}, "predictions": {"output": "y", "edges": [1]}}}
        )
    )
    assert weights == pytest.approx(
        {"errors": 0.4, "latency": 0.2, "predictions": 0.3, "shadow": 0.1}
    )


def test_after_a_restart_keys_that_come_again_are_no_evidence_of_a_split() -> None:
    wrong = split_of(680, 58_700, 620)
    once = find(SPEC, [wrong], Tally()).log_e_split
    assert find(SPEC, [wrong] * 20, Tally()).log_e_split == pytest.approx(once)
    assert math.isclose(find(SPEC, [Evidence(), wrong], Tally()).log_e_split,
                        once - math.log(2.0))  # fmt: skip


@settings(deadline=None)
@given(
    st.sampled_from(["loaded", "shadow", "canary", "held"]),
    st.sampled_from([0, 100, 500, 2500, 5000]),
    st.integers(0, 3000),
    st.integers(0, 3000),
    st.integers(0, 60),
    st.integers(0, 60),
)
def test_no_decision_is_outside_of_the_stages_and_each_says_why(
    state: str, bp: int, canary: int, baseline: int, bad: int, bad_baseline: int
) -> None:
    standing = replace(CANARY, state=state, canary_bp=bp if state != "loaded" else 0)  # type: ignore[arg-type]
    evidence = counted(canary, baseline, bp=bp or 100, bad=min(bad, canary))
    decision = decided(standing, evidence, events(canary=bad, baseline=bad_baseline, bp=bp or 100))
    assert decision.canary_bp in {standing.canary_bp, 0, *SPEC.stages_bp}
    assert decision.canary_bp >= standing.canary_bp or decision.state == "rolled_back"
    assert decision.why.endswith(".") and len(decision.why.splitlines()) == 1
