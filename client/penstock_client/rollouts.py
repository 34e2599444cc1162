# SPDX-License-Identifier: Apache-2.0
"""What a server says of its rollouts. Values only; their fields are those of proto/admin.proto.

Moments are milliseconds since 1970, UTC. Shares are basis points: 10000 are all requests.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from penstock_client.shadows import ShadowCounts

__all__ = [
    "ArmCounts",
    "ArmLatency",
    "Epoch",
    "Evidence",
    "GuardrailStatus",
    "LatencyBucket",
    "NativeVerdict",
    "RolloutStatus",
    "ShadowCounts",
    "Transition",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardrailStatus:
    """How much speaks against a candidate, and for it.

    `log_e`: natural logarithm of the evidence that it is worse; rolled back at `log_limit`.
    `ratio_low`, `ratio_high`: 95 % confidence interval of its rate of bad events over stable's,
    valid whenever one looks; 0 and infinity while nothing is known.
    """

    name: str
    log_e: float
    log_limit: float
    ratio_low: float
    ratio_high: float
    is_passed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """A line of a rollout's log. `by`: "policy", "judge", "operator", "restart", "registry"."""

    wall_ms: int
    state: str
    canary_bp: int
    by: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmCounts:
    """Of one arm in one epoch; `bad` by kind: "error", "timeout", "non_finite", "slow"."""

    keys: int
    requests: int
    bad: Mapping[str, int]
    predictions: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Epoch:
    """A time in which all shares stayed the same; by arm: "stable", "control", "canary"."""

    number: int
    shares_bp: Mapping[str, int]
    arms: Mapping[str, ArmCounts]


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencyBucket:
    """So many answers took about so many nanoseconds."""

    ns: int
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmLatency:
    """How long an arm's answers took, in ascending buckets."""

    arm: str
    buckets: tuple[LatencyBucket, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NativeVerdict:
    """What the core decided by itself, on an event."""

    rolls_back: bool
    cause: str
    guardrail: str
    log_e: float
    log_limit: float
    wall_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Everything counted of a rollout until now."""

    epochs: tuple[Epoch, ...] = ()
    excluded: int = 0
    retried: int = 0
    canary_missing: int = 0
    seen_is_full: bool = False
    latency: tuple[ArmLatency, ...] = ()
    verdict: NativeVerdict | None = None
    shadows: tuple[ShadowCounts, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutStatus:
    """How a rollout stands. `id` names it for ever.

    `state`: "loaded", "shadow", "canary", "held", and the ends "live" and "rolled_back". `why`: why
    it stands there, and what it waits for. `ended_ms`: None while it goes on. `spec`: what it was
    started with, with the keys of rollout.toml; it can be given to another start.
    """

    id: str
    model: str
    stable: int
    candidate: int
    state: str
    canary_bp: int
    is_paused: bool
    started_ms: int
    ended_ms: int | None
    why: str
    guardrails: tuple[GuardrailStatus, ...] = ()
    evidence: Evidence = field(default_factory=Evidence)
    log: tuple[Transition, ...] = ()
    spec: Mapping[str, object] = field(default_factory=dict)
    clock_jumps: int = 0

    @property
    def is_over(self) -> bool:
        """Whether it has ended: live, or rolled back."""
        return self.ended_ms is not None
