# SPDX-License-Identifier: Apache-2.0
"""What the core has counted of a rollout, as values: the input of every decision.

Counts are of requests that were assigned by their key; forced, labelled, overridden and held-out
ones are in none of them but `excluded`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

__all__ = [
    "ArmCounts",
    "BadEvent",
    "BadKind",
    "Cause",
    "Epoch",
    "Evidence",
    "Guardrail",
    "NativeVerdict",
    "Role",
    "ShadowCounts",
    "ShadowOutput",
    "ShadowSlice",
]

Role = Literal["stable", "control", "canary"]
Guardrail = Literal["errors", "latency"]
BadKind = Literal["error", "timeout", "non_finite", "slow"]
Cause = Literal["evidence", "non_finite", "first_failures", "keys_full", "events_full"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BadEvent:
    """One request that went wrong: `judging::BadEvent` and whether it counted.

    `share` is rho: the canary's part of `canary_bp` in `both_bp`, in the epoch of the assignment.
    """

    wall_ms: int
    guardrail: Guardrail
    kind: BadKind
    is_canary: bool
    epoch: int
    canary_bp: int
    both_bp: int
    key_hash: int
    canary_good: int
    baseline_good: int
    #: False: a later failure of a key that had failed before.
    counts: bool = True

    @property
    def share(self) -> float:
        """The chance that the event is the canary's while both arms are alike; in (0, 1)."""
        return self.canary_bp / self.both_bp


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmCounts:
    """Of one arm in one epoch.

    `keys`: different keys at their first sight in the rollout. `requests`: answered, well or
    badly. `bad`: by kind, repeats included. `predictions`: first answers of different keys, by bin
    of the watched output; empty if none is watched.
    """

    keys: int = 0
    requests: int = 0
    bad: Mapping[BadKind, int] = field(default_factory=dict)
    predictions: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Epoch:
    """A time in which all shares stayed the same. `shares_bp` sum to 10000."""

    number: int
    shares_bp: Mapping[Role, int]
    arms: Mapping[Role, ArmCounts]


@dataclass(frozen=True, slots=True, kw_only=True)
class NativeVerdict:
    """What the core decided by itself, on an event."""

    rolls_back: bool
    cause: Cause
    guardrail: Guardrail
    log_e: float
    log_limit: float
    wall_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ShadowOutput:
    """How one output of a shadow differs from the primary's, over all pairs.

    `absolute`, `relative`: elements by powers of two of the difference: 64 counts, of which the
    first is none, and count k is [2^(k-42), 2^(k-41)). `ulps`: by units in the last place: count k
    is [2^(k-1), 2^k). `flips[a][b]`: rows of which the primary says class a and the shadow b.
    `total_variation`, `jensen_shannon`: means over `probability_rows`, the second in nats.
    """

    name: str
    pairs: int = 0
    agreed: int = 0
    elements: int = 0
    identical: int = 0
    within: int = 0
    mismatched: Mapping[str, int] = field(default_factory=dict)
    absolute: tuple[int, ...] = ()
    relative: tuple[int, ...] = ()
    ulps: tuple[int, ...] = ()
    argmax_rows: int = 0
    argmax_agreed: int = 0
    flips: tuple[tuple[int, ...], ...] = ()
    probability_rows: int = 0
    total_variation: float = 0.0
    jensen_shannon: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ShadowSlice:
    """Rows whose column lies in [low, high), or is missing; the bounds are None where they are
    infinite, or may not be told. The rate of disagreement is at least `disagreement_min`.
    """

    column: str
    is_missing: bool
    low: float | None
    high: float | None
    rows: int
    agreed: int
    disagreement_min: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ShadowCounts:
    """What came of the copies that one shadow was sent.

    `compared`: pairs of answers that could be compared; `agreed`: of these, within the tolerance
    in every output. `discordant_shadow` and `discordant_primary`: pairs in which only that one
    failed. `dropped`: copies that were never executed, by reason.
    """

    name: str
    offered: int = 0
    dropped: Mapping[str, int] = field(default_factory=dict)
    compared: int = 0
    agreed: int = 0
    mismatched: Mapping[str, int] = field(default_factory=dict)  # "nan", "shape", "datatype"
    discordant_shadow: int = 0
    discordant_primary: int = 0
    both_failed: int = 0
    #: Pairs by the shadow's time over the primary's: count k is [2^((k-32)/4), 2^((k-31)/4)).
    latency_ratio: tuple[int, ...] = ()
    #: Of the present process alone.
    outputs: tuple[ShadowOutput, ...] = ()
    #: The slices that disagree most for sure, worst first; of the present process alone.
    worst: tuple[ShadowSlice, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Everything counted of a trial until now.

    `latency_ns`: of answers, by role: how many took at most so many nanoseconds (the middle of a
    bucket that is 1/32 wide). `seen_is_full`: more keys came than can be told apart, so `keys` and
    `predictions` grow no more.
    """

    epochs: tuple[Epoch, ...] = ()
    excluded: int = 0
    #: Requests that the canary failed and stable answered in its place.
    retried: int = 0
    #: Requests assigned to the canary while it was not loaded; stable answered.
    canary_missing: int = 0
    seen_is_full: bool = False
    latency_ns: Mapping[Role, tuple[tuple[int, int], ...]] = field(default_factory=dict)
    verdict: NativeVerdict | None = None
    shadows: tuple[ShadowCounts, ...] = ()
