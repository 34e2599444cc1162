# SPDX-License-Identifier: Apache-2.0
"""A rollout in simulated traffic, with the whole policy in the loop: it looks at each tick, and the
judge at each event."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from penstock.rollout.event_odds import WORSE_RATIOS
from penstock.rollout.evidence import (
    ArmCounts,
    BadEvent,
    Epoch,
    Evidence,
    NativeVerdict,
    Role,
)
from penstock.rollout.findings import find, weights_of
from penstock.rollout.policy import Standing, decide
from penstock.rollout.shares import shares_of
from penstock.rollout.spec import RolloutSpec
from penstock.rollout.status import State
from penstock.rollout.sums import Tally


@dataclass(kw_only=True)
class End:
    """How it ended, after so many seconds and requests; of the canary, `canary_requests`."""

    state: State
    why: str
    seconds: float
    requests: int
    canary_requests: int
    steps: list[int] = field(default_factory=list)


class EventJudge:
    """`penstock.rollout.judge` without keys and breakers, one event after another and fast."""

    def __init__(self, spec: RolloutSpec) -> None:
        self._limit = -math.log(spec.guardrails.alpha * weights_of(spec)["errors"])
        self._logs = [0.0] * len(WORSE_RATIOS)
        self._steps: dict[tuple[float, bool], list[float]] = {}

    def take(self, is_canary: bool, share: float) -> NativeVerdict | None:
        key = (share, is_canary)
        if key not in self._steps:
            self._steps[key] = [
                (math.log(ratio) if is_canary else 0.0) - math.log(1 - share + share * ratio)
                for ratio in WORSE_RATIOS
            ]
        self._logs = [log + step for log, step in zip(self._logs, self._steps[key], strict=True)]
        log_e = math.log(sum(map(math.exp, self._logs)) / len(self._logs))
        if log_e < self._limit:
            return None
        return NativeVerdict(
            rolls_back=True, cause="evidence", guardrail="errors", log_e=log_e,
            log_limit=self._limit, wall_ms=0,
        )  # fmt: skip


class Simulation:
    """`rate`: of bad answers of stable, by second; the canary's is `ratio` times that, at most 1.

    `shared`: a rate of both from its second on, for an outage.
    """

    def __init__(
        self,
        spec: RolloutSpec,
        *,
        seed: int,
        rps: float,
        rate: Callable[[float], float],
        ratio: float = 1.0,
        canary_rate: float | None = None,
        tick_s: float = 1.0,
        seconds_max: float = 3600.0,
    ) -> None:
        self._spec = spec
        self._random = np.random.default_rng(seed)
        self._rps, self._rate, self._ratio = rps, rate, ratio
        self._canary_rate = canary_rate
        self._tick_s, self._seconds_max = tick_s, seconds_max
        self._judge = EventJudge(spec)
        self._tally = Tally()
        self._epochs: list[Epoch] = []
        self._verdict: NativeVerdict | None = None

    def run(self) -> End:
        """Until it is live, rolled back or held, or `seconds_max` are over."""
        end = End(state="loaded", why="", seconds=0.0, requests=0, canary_requests=0)
        canary_bp, stepped = 0, 0.0
        while end.seconds < self._seconds_max:
            evidence = Evidence(epochs=tuple(self._epochs), verdict=self._verdict)
            canary = self._epochs[-1].arms["canary"].requests if self._epochs else 0
            standing = Standing(
                state=end.state,
                canary_bp=canary_bp,
                is_paused=False,
                elapsed_s=end.seconds,
                dwelt_s=end.seconds - stepped,
                requests=canary,
                epochs=len(self._epochs),
            )
            decision = decide(
                self._spec, standing, evidence, find(self._spec, [evidence], self._tally)
            )
            end.why = decision.why
            if decision.state not in ("loaded", "shadow", "canary"):
                end.state = decision.state
                return end
            if decision.canary_bp != canary_bp:
                end.state, canary_bp, stepped = decision.state, decision.canary_bp, end.seconds
                end.steps.append(canary_bp)
                self._epochs.append(
                    Epoch(
                        number=len(self._epochs),
                        shares_bp=shares_of(canary_bp),
                        arms={role: ArmCounts() for role in ("stable", "control", "canary")},
                    )
                )
            self._pass_by(end)
        return end

    def _pass_by(self, end: End) -> None:
        """A tick of traffic; after a verdict the canary gets no more of it."""
        epoch = self._epochs[-1]
        requests = self._random.poisson(self._rps * self._tick_s)
        roles: list[Role] = ["stable", "control", "canary"]
        parts = self._random.multinomial(
            requests, [epoch.shares_bp[role] / 10_000 for role in roles]
        )
        rate = self._rate(end.seconds)
        own = min(1.0, self._ratio * rate) if self._canary_rate is None else self._canary_rate
        rates = {"stable": rate, "control": rate, "canary": own}
        arms: dict[Role, ArmCounts] = {}
        bad: list[bool] = []
        for role, count in zip(roles, parts.tolist(), strict=True):
            failed = int(self._random.binomial(count, rates[role]))
            bad += [role == "canary"] * failed
            had = epoch.arms[role]
            arms[role] = ArmCounts(
                keys=had.keys + count,
                requests=had.requests + count,
                bad={"error": had.bad.get("error", 0) + failed},
            )
        self._epochs[-1] = Epoch(number=epoch.number, shares_bp=epoch.shares_bp, arms=arms)
        end.seconds += self._tick_s
        end.requests += requests
        end.canary_requests += int(parts[2])
        self._random.shuffle(bad)
        bp = epoch.shares_bp["canary"]
        for is_canary in bad:
            self._tally.add(
                BadEvent(
                    wall_ms=0,
                    guardrail="errors",
                    kind="error",
                    is_canary=is_canary,
                    epoch=0,
                    canary_bp=bp,
                    both_bp=10_000,
                    key_hash=0,
                    canary_good=1,
                    baseline_good=1,
                )
            )
            self._verdict = self._judge.take(is_canary, bp / 10_000)
            if self._verdict is not None:
                return
