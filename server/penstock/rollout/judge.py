# SPDX-License-Identifier: Apache-2.0
"""The judge once more, dull and slow: what `cpp/judging/judge.h` decides on the same events.

With it a verdict is checked offline, and acceptance is measured with the whole policy in the loop.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from penstock.rollout.event_odds import EventCount, log_e_worse
from penstock.rollout.evidence import BadEvent, Cause, Guardrail, NativeVerdict
from penstock.rollout.findings import weights_of
from penstock.rollout.spec import RolloutSpec
from penstock.rollout.sums import Tally

__all__ = ["Judge", "JudgeOptions"]


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeOptions:
    """As `judging::JudgeOptions`. `weights`: parts of alpha; a guardrail without one never ends a
    trial by evidence.
    """

    alpha: float = 0.01
    tolerance: float = 0.0
    weights: Mapping[str, float] = field(default_factory=lambda: {"errors": 1.0})
    first_failures: int = 3
    breaks_on_non_finite: bool = True

    @staticmethod
    def from_spec(spec: RolloutSpec) -> "JudgeOptions":
        """As the core has them of a rollout."""
        return JudgeOptions(
            alpha=spec.guardrails.alpha,
            tolerance=spec.guardrails.tolerance,
            weights=weights_of(spec),
            first_failures=spec.guardrails.first_failures,
            breaks_on_non_finite=spec.guardrails.breaks_on_non_finite,
        )


class Judge:
    """Takes bad events in their order; of each key and guardrail only the first counts.

    Sets of keys have no bound here, so it never holds for that.
    """

    def __init__(self, options: JudgeOptions) -> None:
        self._options = options
        self._tally = Tally()
        self._seen: set[tuple[Guardrail, int]] = set()
        self._has_baseline_non_finite = False
        # Of the beginning, in which the canary has answered nothing well.
        self._is_beginning = True
        self._canary_keys = 0
        self._baseline_good = 0
        self._baseline_failed = 0
        self.repeats = 0
        self.verdict: NativeVerdict | None = None

    def take(self, event: BadEvent) -> bool:
        """One more event, which may bring the verdict. Whether it counts: the first of its key."""
        if self.verdict is not None:
            return False
        key = (event.guardrail, event.key_hash)
        is_new = key not in self._seen
        self._seen.add(key)
        if is_new:
            self._tally.add(replace(event, counts=True))
        else:
            self.repeats += 1
        cause = self._cause(event, is_new)
        if cause is not None:
            self.verdict = NativeVerdict(
                rolls_back=True,
                cause=cause,
                guardrail=event.guardrail,
                log_e=self.log_e(event.guardrail),
                log_limit=self.log_limit(event.guardrail),
                wall_ms=event.wall_ms,
            )
        return is_new

    def log_e(self, guardrail: Guardrail) -> float:
        """The logarithm of the evidence now."""
        return log_e_worse(self.counts(guardrail), 1.0 + self._options.tolerance)

    def log_limit(self, guardrail: Guardrail) -> float:
        """Where it rolls back; infinite for a guardrail that is not in use."""
        weight = self._options.weights.get(guardrail, 0.0)
        return -math.log(self._options.alpha * weight) if weight else math.inf

    def counts(self, guardrail: Guardrail) -> list[EventCount]:
        """What it goes by."""
        return self._tally.counts(guardrail)

    def _cause(self, event: BadEvent, is_new: bool) -> Cause | None:
        trips_on_non_finite = self._trips_on_non_finite(event)
        trips_on_first_failures = self._trips_on_first_failures(event, is_new)
        if is_new and self.log_e(event.guardrail) >= self.log_limit(event.guardrail):
            return "evidence"
        if trips_on_non_finite:
            return "non_finite"
        return "first_failures" if trips_on_first_failures else None

    def _trips_on_non_finite(self, event: BadEvent) -> bool:
        if event.kind != "non_finite":
            return False
        if not event.is_canary:
            self._has_baseline_non_finite = True
            return False
        breaks = self._options.breaks_on_non_finite
        return breaks and not self._has_baseline_non_finite and event.baseline_good > 0

    def _trips_on_first_failures(self, event: BadEvent, is_new: bool) -> bool:
        if event.canary_good > 0:
            self._is_beginning = False
        if not self._options.first_failures or not self._is_beginning:
            return False
        if event.guardrail != "errors":
            return False
        if not event.is_canary:
            self._baseline_failed += 1
            return False
        if not is_new:
            return False
        if not self._canary_keys or event.baseline_good < self._baseline_good:
            self._canary_keys = self._baseline_failed = 0
            self._baseline_good = event.baseline_good
        self._canary_keys += 1
        answered = event.baseline_good - self._baseline_good
        return (
            self._canary_keys >= self._options.first_failures and answered > self._baseline_failed
        )
