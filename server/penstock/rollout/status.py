# SPDX-License-Identifier: Apache-2.0
"""A rollout as it is told to people and machines: the same for gRPC, REST and the command."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from penstock.rollout.evidence import Evidence

__all__ = ["LIVE_STATES", "GuardrailStatus", "RolloutStatus", "State", "Transition"]

#: `loaded`: accepted, with no traffic yet. `shadow`: gets copies. `canary`: has a share. `held`:
#: stays where it is until a person decides. `live` and `rolled_back` absorb.
State = Literal["loaded", "shadow", "canary", "held", "live", "rolled_back"]
#: States of rollouts that go on.
LIVE_STATES: tuple[State, ...] = ("loaded", "shadow", "canary", "held")


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """One line of a rollout's log. `wall_ms` since 1970, UTC."""

    wall_ms: int
    state: State
    canary_bp: int
    #: What decided: "policy", "judge", "operator", "restart", "registry".
    by: str
    #: One sentence.
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardrailStatus:
    """How much speaks against a candidate, and for it.

    `log_e`: natural logarithm of the evidence that it is worse; rolled back at `log_limit`. By the
    name "split" it is evidence that keys do not fall into the arms by their shares, and held.
    `ratio_low`, `ratio_high`: 95 % confidence interval of its rate of bad events over stable's,
    valid whenever one looks; 0 and infinity while nothing is known. `is_passed`: its promotion
    gate.
    """

    name: str
    log_e: float
    log_limit: float
    ratio_low: float
    ratio_high: float
    is_passed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutStatus:
    """`id` names a rollout for ever; a model has one at a time that goes on.

    `clock_jumps`: times that the wall clock was set while it went on; nothing is reckoned by it.
    """

    id: str
    model: str
    stable: int
    candidate: int
    state: State
    canary_bp: int
    is_paused: bool
    started_ms: int
    #: When it went live or was rolled back; None: it goes on.
    ended_ms: int | None
    #: Why it stands where it stands, and what it waits for: one sentence.
    why: str
    guardrails: tuple[GuardrailStatus, ...] = ()
    evidence: Evidence = field(default_factory=Evidence)
    log: tuple[Transition, ...] = ()
    clock_jumps: int = 0
    spec: Mapping[str, object] = field(default_factory=dict)
