# SPDX-License-Identifier: Apache-2.0
"""What a rollout needs of the server around it: `app` gives the real ones, tests small ones."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from penstock.rollout.evidence import BadEvent, Evidence, Role
from penstock.rollout.shadow_example import ShadowExample
from penstock.rollout.spec import RolloutSpec

__all__ = ["Champion", "Clock", "Traffic", "Trial", "TrialWish", "Versions"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialWish:
    """What the core must know to watch a candidate.

    `weights`: parts of alpha by guardrail, summing to 1 over all in use, the tick's among them.
    """

    rollout: str
    model: str
    stable: int
    candidate: int
    salt: int
    spec: RolloutSpec
    weights: Mapping[str, float]


class Clock(Protocol):
    """The times that a rollout reckons with, and the one that it tells people."""

    def monotonic_s(self) -> float:
        """Seconds since some moment; never goes back, whatever is done to the wall clock."""

    def wall_ms(self) -> int:
        """Milliseconds since 1970, UTC."""


class Trial(Protocol):
    """One rollout as the core watches it. Calls are quick and block nothing."""

    def replay(self, events: Sequence[BadEvent]) -> None:
        """Brings the judge where these events, in order, bring it. Before any traffic."""

    def evidence(self) -> Evidence:
        """Everything counted since this trial was opened."""

    def examples(self) -> Sequence[ShadowExample]:
        """Pairs that its shadow keeps for a person to look at; none unless the spec wants some."""

    def take_events(self) -> Sequence[BadEvent]:
        """The bad events since the last call, oldest first; each is given once."""

    def set_shares(self, shares_bp: Mapping[Role, int], *, epoch: int, is_mirrored: bool) -> None:
        """From now on keys are assigned by these shares; they sum to 10000.

        With no canary share, and `is_mirrored`, the candidate is a shadow. Returns once every
        request that comes later is assigned so.
        """

    def close(self) -> None:
        """Ends the trial: its route goes, and the model is served as without it."""


class Traffic(Protocol):
    """Opens trials. One per model."""

    def open_trial(self, wish: TrialWish) -> Trial:
        """Raises EngineError for what the core refuses, such as another trial of the model."""

    def abandon(self, model: str) -> None:
        """The trial that was opened, or could not be, has begun no rollout."""


class Versions(Protocol):
    """The versions that the server has."""

    def serving(self, model: str) -> Sequence[int]:
        """The loaded versions of a model, ascending; empty: it has no such model."""

    def served(self, model: str) -> int | None:
        """The version that answers requests which name none; None: it has no such model."""

    def signature_change(self, model: str, stable: int, candidate: int) -> str:
        """In what the candidate's signature differs for clients; empty: in nothing."""

    def crashes(self, model: str, version: int) -> int:
        """Times that a process of this version died and was started again."""


class Champion(Protocol):
    """What a rollout's end is told to: the registry's alias, or nothing. May block; may raise
    RegistryError, and is asked again then.
    """

    async def promoted(self, model: str, version: int) -> None:
        """The candidate is live: it is the champion, and what serves without a rollout."""

    async def rolled_back(self, model: str, version: int, reason: str) -> None:
        """The candidate was rolled back for `reason`, one sentence."""
