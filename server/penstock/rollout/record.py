# SPDX-License-Identifier: Apache-2.0
"""Everything that is kept of one rollout but its bad events, which are many."""

from dataclasses import dataclass, replace

from penstock.rollout.evidence import Evidence
from penstock.rollout.spec import RolloutSpec
from penstock.rollout.status import (
    LIVE_STATES,
    GuardrailStatus,
    RolloutStatus,
    State,
    Transition,
)
from penstock.rollout.sums import merged

__all__ = ["Record"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One rollout, as it stands.

    `number`: among those of this pair of versions. `lives`: what was counted, by process that it
    went on in, the present one last. `epoch`: number of the last time of constant shares, -1 before
    the first. `is_told`: the champion heard how it ended. `guardrails`: as they were last found.
    """

    id: str
    model: str
    stable: int
    candidate: int
    number: int
    salt: int
    spec: RolloutSpec
    state: State
    canary_bp: int
    started_ms: int
    why: str
    is_paused: bool = False
    ended_ms: int | None = None
    elapsed_s: float = 0.0
    epoch: int = -1
    clock_jumps: int = 0
    is_told: bool = False
    log: tuple[Transition, ...] = ()
    lives: tuple[Evidence, ...] = ()
    guardrails: tuple[GuardrailStatus, ...] = ()

    @property
    def goes_on(self) -> bool:
        """Whether it is neither live nor rolled back."""
        return self.state in LIVE_STATES

    @property
    def holds_model(self) -> bool:
        """Whether the model can have no other rollout: this one goes on, or its champion has not
        heard that it is live, so that the rollout's shares are what serves it.
        """
        return self.goes_on or (self.state == "live" and not self.is_told)

    def counted(self, evidence: Evidence) -> "Record":
        """With this as what the present process counted."""
        return replace(self, lives=(*self.lives[:-1], evidence))

    def moved(self, wall_ms: int, *, state: State, canary_bp: int, by: str, why: str) -> "Record":
        """With one more line in its log."""
        line = Transition(wall_ms=wall_ms, state=state, canary_bp=canary_bp, by=by, why=why)
        ended = None if state in LIVE_STATES else self.ended_ms or wall_ms
        return replace(
            self, state=state, canary_bp=canary_bp, why=why, ended_ms=ended, log=(*self.log, line)
        )

    @property
    def evidence(self) -> Evidence:
        """What all processes counted together."""
        return merged(self.lives) if self.lives else Evidence()

    def status(self, *, is_short: bool = False) -> RolloutStatus:
        """As it is told; a short one has no evidence and no log."""
        short = RolloutStatus(
            id=self.id,
            model=self.model,
            stable=self.stable,
            candidate=self.candidate,
            state=self.state,
            canary_bp=self.canary_bp,
            is_paused=self.is_paused,
            started_ms=self.started_ms,
            ended_ms=self.ended_ms,
            why=self.why,
            guardrails=self.guardrails,
            clock_jumps=self.clock_jumps,
            spec=self.spec.model_dump(mode="json"),
        )
        return short if is_short else replace(short, evidence=self.evidence, log=self.log)
