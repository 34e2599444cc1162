# SPDX-License-Identifier: Apache-2.0
"""What a rollout needs of a server, as small objects whose strings a test pulls."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from penstock.errors import EngineError, RegistryError
from penstock.rollout.evidence import (
    ArmCounts,
    BadEvent,
    BadKind,
    Epoch,
    Evidence,
    Guardrail,
    NativeVerdict,
    Role,
)
from penstock.rollout.judge import Judge, JudgeOptions
from penstock.rollout.ports import TrialWish
from penstock.rollout.shadow_example import ShadowExample

__all__ = ["HandClock", "HearingChampion", "ListedVersions", "PuppetTraffic", "PuppetTrial"]


class HandClock:
    """A clock that goes on when it is told to."""

    def __init__(self) -> None:
        self.now_s = 1000.0
        self.wall_s = 1_700_000_000.0

    def monotonic_s(self) -> float:
        return self.now_s

    def wall_ms(self) -> int:
        return round(self.wall_s * 1000)

    def pass_by(self, seconds: float) -> None:
        self.now_s += seconds
        self.wall_s += seconds


class PuppetTrial:
    """A trial whose requests the test makes up; it judges as the core does."""

    def __init__(self, wish: TrialWish, wrong_route: str = "") -> None:
        self.wish = wish
        self.wrong_route = wrong_route
        self.judge = Judge(JudgeOptions.from_spec(wish.spec))
        self.shares: list[tuple[Mapping[Role, int], int, bool]] = []
        self.replayed: list[BadEvent] = []
        self.is_closed = False
        self.beyond: Evidence = Evidence()  # whatever the counts of epochs do not say
        self.pairs: list[ShadowExample] = []  # that its shadow keeps
        self._epochs: list[Epoch] = []
        self._waiting: list[BadEvent] = []
        self._keys = 0

    def replay(self, events: Sequence[BadEvent]) -> None:
        self.replayed += events
        for event in events:
            self.judge.take(event)

    def evidence(self) -> Evidence:
        verdict = self.judge.verdict or self.beyond.verdict
        return replace(self.beyond, epochs=tuple(self._epochs), verdict=verdict)

    def examples(self) -> list[ShadowExample]:
        return [*self.pairs]

    def take_events(self) -> list[BadEvent]:
        events, self._waiting = self._waiting, []
        return events

    def set_shares(self, shares_bp: Mapping[Role, int], *, epoch: int, is_mirrored: bool) -> None:
        assert sum(shares_bp.values()) == 10_000
        if self.wrong_route:
            raise EngineError(self.wrong_route, code="INVALID_ARGUMENT")
        self.shares.append((shares_bp, epoch, is_mirrored))
        self._epochs.append(Epoch(number=epoch, shares_bp=shares_bp, arms={}))

    def close(self) -> None:
        assert not self.is_closed
        self.is_closed = True

    def answer(self, requests: int, *, keys: Mapping[Role, int] | None = None) -> None:
        """So many requests are answered well, each with a key of its own, split by the shares."""
        shares = self._epochs[-1].shares_bp
        for role, share in shares.items():
            count = round(requests * share / 10_000)
            new = count if keys is None else keys.get(role, 0)
            self._add(role, ArmCounts(keys=new, requests=count))

    def fail(
        self,
        role: Role,
        *,
        key: int | None = None,
        kind: BadKind = "error",
        guardrail: Guardrail = "errors",
        good: tuple[int, int] = (1000, 1000),
    ) -> None:
        """One request of an arm is bad; by default its key is new."""
        self._keys += key is None
        shares = self._epochs[-1].shares_bp
        canary_bp = shares["canary"]
        event = BadEvent(
            wall_ms=1,
            guardrail=guardrail,
            kind=kind,
            is_canary=role == "canary",
            epoch=self._epochs[-1].number,
            canary_bp=canary_bp,
            both_bp=10_000 if guardrail == "errors" else canary_bp + shares["control"],
            key_hash=self._keys if key is None else key,
            canary_good=good[0],
            baseline_good=good[1],
        )
        self._add(role, ArmCounts(keys=1, requests=1, bad={kind: 1}))
        self._waiting.append(replace(event, counts=self.judge.take(event)))

    def _add(self, role: Role, more: ArmCounts) -> None:
        epoch = self._epochs[-1]
        had = epoch.arms.get(role, ArmCounts())
        bad = {kind: had.bad.get(kind, 0) + more.bad.get(kind, 0) for kind in {*had.bad, *more.bad}}
        sums = ArmCounts(keys=had.keys + more.keys, requests=had.requests + more.requests, bad=bad)
        self._epochs[-1] = replace(epoch, arms={**epoch.arms, role: sums})

    def decide(self, verdict: NativeVerdict) -> None:
        self.beyond = replace(self.beyond, verdict=verdict)


class PuppetTraffic:
    """Opens puppet trials, and refuses while it is told to."""

    def __init__(self) -> None:
        self.trials: list[PuppetTrial] = []
        self.abandoned: list[str] = []
        self.refusal = ""
        self.wrong_route = ""  # what is wrong with the routes of trials

    def open_trial(self, wish: TrialWish) -> PuppetTrial:
        if self.refusal:
            raise EngineError(self.refusal, code="FAILED_PRECONDITION")
        self.trials.append(PuppetTrial(wish, self.wrong_route))
        return self.trials[-1]

    def abandon(self, model: str) -> None:
        self.abandoned.append(model)


@dataclass
class ListedVersions:
    """Versions of models, as a test lists them."""

    loaded: dict[str, list[int]] = field(default_factory=lambda: {"fraud": [1, 2]})
    served_versions: dict[str, int] = field(default_factory=lambda: {"fraud": 1})
    change: str = ""
    crash_count: int = 0

    def serving(self, model: str) -> list[int]:
        return self.loaded.get(model, [])

    def served(self, model: str) -> int | None:
        return self.served_versions.get(model)

    def signature_change(self, model: str, stable: int, candidate: int) -> str:
        return self.change

    def crashes(self, model: str, version: int) -> int:
        return self.crash_count


class HearingChampion:
    """Writes down what it hears; fails while it is told to."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, str, int]] = []
        self.is_deaf = False

    async def promoted(self, model: str, version: int) -> None:
        self._hear("promoted", model, version)

    async def rolled_back(self, model: str, version: int, reason: str) -> None:
        assert reason
        self._hear("rolled_back", model, version)

    def _hear(self, what: str, model: str, version: int) -> None:
        if self.is_deaf:
            raise RegistryError("The registry does not answer.")
        self.heard.append((what, model, version))
