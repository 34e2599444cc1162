# SPDX-License-Identifier: Apache-2.0
"""Small real rollouts: a RolloutControl that is a dictionary, and walks on when it is told to."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from penstock.errors import RolloutError
from penstock.rollout.evidence import (
    ArmCounts,
    Epoch,
    Evidence,
    NativeVerdict,
    Role,
    ShadowCounts,
    ShadowOutput,
    ShadowSlice,
)
from penstock.rollout.shadow_example import ShadowExample
from penstock.rollout.spec import RolloutSpec
from penstock.rollout.status import (
    LIVE_STATES,
    GuardrailStatus,
    RolloutStatus,
    State,
    Transition,
)

#: 2026-11-28 10:00:00 UTC.
START_MS = 1_795_860_000_000

SHARES: Mapping[Role, int] = {"stable": 9_000, "control": 500, "canary": 500}
EVIDENCE = Evidence(
    epochs=(
        Epoch(
            number=1,
            shares_bp={"stable": 9_800, "control": 100, "canary": 100},
            arms={
                "stable": ArmCounts(keys=98_012, requests=101_204, bad={"error": 101}),
                "control": ArmCounts(keys=1_003, requests=1_033, bad={"error": 1}),
                "canary": ArmCounts(keys=985, requests=1_021, bad={"error": 2, "slow": 3}),
            },
        ),
        Epoch(
            number=2,
            shares_bp=SHARES,
            arms={
                "stable": ArmCounts(keys=45_020, requests=47_110, bad={"error": 44, "slow": 12}),
                "control": ArmCounts(keys=2_498, requests=2_611, bad={"error": 3, "slow": 1}),
                "canary": ArmCounts(keys=2_511, requests=2_640, bad={"error": 9, "timeout": 1}),
            },
        ),
    ),
    excluded=312,
    retried=11,
    canary_missing=4,
    latency_ns={
        "stable": ((1_980_000, 140_000), (4_100_000, 8_000), (16_600_000, 314)),
        "control": ((1_980_000, 3_500), (4_100_000, 130), (16_600_000, 14)),
        "canary": ((2_110_000, 3_400), (4_300_000, 240), (24_600_000, 21)),
    },
    shadows=(
        ShadowCounts(
            name="shadow",
            offered=5_000,
            dropped={"busy": 310, "no_memory": 2},
            compared=4_640,
            agreed=4_627,
            mismatched={"nan": 1},
            discordant_shadow=4,
            discordant_primary=2,
            both_failed=3,
            latency_ratio=(0,) * 31 + (900, 2_100, 40) + (0,) * 30,
            outputs=(
                ShadowOutput(
                    name="score",
                    pairs=4_640,
                    agreed=4_627,
                    elements=9_280,
                    identical=9_001,
                    within=9_254,
                    mismatched={"nan": 1},
                    absolute=(9_001, *(0,) * 20, 253, *(0,) * 16, 25, *(0,) * 25),
                    relative=(9_001, *(0,) * 20, 253, *(0,) * 16, 25, *(0,) * 25),
                    ulps=(9_001, 200, 53, 25),
                    argmax_rows=4_640,
                    argmax_agreed=4_635,
                    flips=((3_000, 5), (0, 1_635)),
                    probability_rows=4_640,
                    total_variation=0.0004,
                    jensen_shannon=0.00002,
                ),
                ShadowOutput(
                    name="label",
                    pairs=4_640,
                    agreed=4_640,
                    elements=4_640,
                    identical=4_640,
                    within=4_640,
                ),
            ),
            worst=(
                ShadowSlice(
                    column="amount[3]",
                    is_missing=False,
                    low=512.5,
                    high=None,
                    rows=460,
                    agreed=448,
                    disagreement_min=0.0081,
                ),
                ShadowSlice(
                    column="age",
                    is_missing=True,
                    low=None,
                    high=None,
                    rows=31,
                    agreed=30,
                    disagreement_min=0.0003,
                ),
            ),
        ),
    ),
)
PAIR = """{"request_id": "r-17",
"inputs": [{"name": "amount", "datatype": "FP32", "shape": [1, 2], "data": [1.5, -2]},
           {"name": "name", "datatype": "BYTES", "shape": [1, 1], "sensitive": true}],
"primary": {"outputs": [{"name": "score", "datatype": "FP32", "shape": [1, 2],
                         "data": [0.25, 0.75]}]},
"shadow": {"outputs": [{"name": "score", "datatype": "FP32", "shape": [1, 2],
                        "data": [0.2500001, 0.5]}]}}"""
EXAMPLE = ShadowExample(
    shadow="shadow", wall_ms=START_MS + 5_000, key_hash=0x07C7024F_00000001, pair_json=PAIR
)
GUARDRAILS = (
    GuardrailStatus(
        name="errors", log_e=2.75, log_limit=5.52, ratio_low=0.98, ratio_high=4.61, is_passed=False
    ),
    GuardrailStatus(
        name="latency", log_e=-0.4, log_limit=6.21, ratio_low=0.6, ratio_high=1.18, is_passed=True
    ),
    GuardrailStatus(
        name="split", log_e=-2.1, log_limit=9.21, ratio_low=0.0, ratio_high=math.inf, is_passed=True
    ),
)


@dataclass
class ListedRollouts:
    """Rollouts of models whose versions are 1 to 3. `step` is the clock, the policy and the judge.

    A rollout begins as a shadow; `asked` keeps what was asked.
    """

    kept: list[RolloutStatus] = field(default_factory=list)
    asked: list[tuple[str, ...]] = field(default_factory=list)
    explained: Mapping[str, object] = field(default_factory=dict)
    #: By rollout, the pairs that its shadow keeps.
    examples_kept: dict[str, list[ShadowExample]] = field(default_factory=dict)
    #: By model, the states that its rollout goes to by itself, one at each look at its status.
    ahead: dict[str, list[State]] = field(default_factory=dict)

    async def start(
        self,
        model: str,
        candidate: int,
        spec: RolloutSpec | None = None,
        *,
        stable: int | None = None,
        allows_signature_change: bool = False,
    ) -> RolloutStatus:
        self.asked.append(("start", model, str(candidate), str(stable)))
        if model == "none":
            raise RolloutError("there is no model 'none'.", code="NOT_FOUND")
        if any(one.model == model and one.state in LIVE_STATES for one in self.kept):
            raise RolloutError(f"{model}: a rollout goes on.", code="FAILED_PRECONDITION")
        if candidate == 3 and not allows_signature_change:
            raise RolloutError(
                f"{model}: the signature of version 3 is another one: output y: FP32[2], was "
                "FP32[3]. Wanted the same, or a start that allows it.",
                code="FAILED_PRECONDITION",
            )
        made = RolloutStatus(
            id=f"{model}-{len(self.kept) + 1}",
            model=model,
            stable=stable or 1,
            candidate=candidate,
            state="shadow",
            canary_bp=0,
            is_paused=False,
            started_ms=START_MS,
            ended_ms=None,
            why="waits for 200 compared pairs, has 0",
            log=(
                Transition(
                    wall_ms=START_MS, state="shadow", canary_bp=0, by="operator", why="started"
                ),
            ),
            spec=(spec or RolloutSpec()).model_dump(mode="json"),
        )
        self.kept.insert(0, made)
        return made

    def status(self, model: str, rollout: str = "") -> RolloutStatus:
        if self.kept and (ahead := self.ahead.get(model)):
            self.step(model, ahead.pop(0))
        for one in self.kept:
            if one.model == model and rollout in ("", one.id):
                return one
        raise RolloutError(
            f"{model}: there is no rollout {rollout}".rstrip() + ".", code="NOT_FOUND"
        )

    def statuses(self, *, model: str = "", ongoing_only: bool = False) -> Sequence[RolloutStatus]:
        return [
            replace(one, evidence=Evidence(), log=())
            for one in self.kept
            if model in ("", one.model) and (not ongoing_only or one.state in LIVE_STATES)
        ]

    async def promote(self, model: str, *, by: str = "operator") -> RolloutStatus:
        self.asked.append(("promote", model))
        return self._moved(model, "live", 10_000, by, "promoted by an operator")

    async def pause(self, model: str, *, is_paused: bool = True) -> RolloutStatus:
        self.asked.append(("pause" if is_paused else "resume", model))
        one = self.status(model)
        return self._kept(one, replace(one, is_paused=is_paused))

    async def roll_back(self, model: str, *, reason: str = "") -> RolloutStatus:
        self.asked.append(("roll_back", model, reason))
        return self._moved(model, "rolled_back", 0, "operator", reason or "no reason was given")

    async def explain(self, model: str, rollout: str = "") -> Mapping[str, object]:
        return {"rollout": self.status(model, rollout).id, **self.explained}

    async def examples(self, model: str, rollout: str = "") -> tuple[str, Sequence[ShadowExample]]:
        found = self.status(model, rollout).id
        return found, self.examples_kept.get(found, [])

    def step(self, model: str, state: State) -> RolloutStatus:
        """The rollout of `model` gets to `state`, with evidence."""
        one = next(one for one in self.kept if one.model == model)
        self._kept(one, replace(one, evidence=EVIDENCE, guardrails=GUARDRAILS))
        shares = {"canary": 500, "held": 500, "live": 10_000}
        why = {
            "canary": "waits for errors to show that it is no worse by 25 %, and 35 s of 60 s",
            "held": "4 of the last 40 epochs split keys in a way that chance does not explain",
            "live": "all guardrails are passed at 50 %",
            "rolled_back": "errors: log e 5.61 reached 5.52",
        }.get(state, "goes on")
        moved = self._moved(model, state, shares.get(state, 0), "policy", why)
        if state != "rolled_back":
            return moved
        verdict = NativeVerdict(
            rolls_back=True,
            cause="evidence",
            guardrail="errors",
            log_e=5.61,
            log_limit=5.52,
            wall_ms=START_MS + 95_000,
        )
        return self._kept(moved, replace(moved, evidence=replace(EVIDENCE, verdict=verdict)))

    def _moved(self, model: str, state: State, canary_bp: int, by: str, why: str) -> RolloutStatus:
        one = next((one for one in self.kept if one.model == model), None)
        if one is None or one.state not in LIVE_STATES:
            found = "none" if one is None else f"one that is {one.state}"
            raise RolloutError(
                f"{model}: wanted a rollout that goes on, found {found}.",
                code="FAILED_PRECONDITION",
            )
        wall_ms = START_MS + 60_000 * len(one.log)
        line = Transition(wall_ms=wall_ms, state=state, canary_bp=canary_bp, by=by, why=why)
        return self._kept(
            one,
            replace(
                one,
                state=state,
                canary_bp=canary_bp,
                why=why,
                ended_ms=None if state in LIVE_STATES else wall_ms,
                log=(*one.log, line),
            ),
        )

    def _kept(self, old: RolloutStatus, new: RolloutStatus) -> RolloutStatus:
        self.kept[self.kept.index(old)] = new
        return new
