# SPDX-License-Identifier: Apache-2.0
"""Rollouts in Prometheus' text format: of each model the one that goes on, or the last one.

Counters begin at nothing with each rollout, as those of a version do with each load.
"""

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Protocol, get_args

from penstock.rollout.metric_families import (
    COUNTER,
    GAUGE,
    SHADOW_FAMILIES,
    Labels,
    Sample,
    family_text,
    shadow_samples,
)
from penstock.rollout.metric_page import ControlPage
from penstock.rollout.status import RolloutStatus, State

__all__ = ["RolloutMetrics", "metrics_text"]

#: Family -> its type and its help. All of them are told, with or without samples.
FAMILIES: Mapping[str, tuple[str, str]] = {
    "state": (GAUGE, "1 for the state that the rollout is in, 0 for the others."),
    "paused": (GAUGE, "1 while an operator has paused it."),
    "stable_version": (GAUGE, "The version that is compared with."),
    "candidate_version": (GAUGE, "The version that is rolled out."),
    "started_timestamp_seconds": (GAUGE, "When it began, in seconds since 1970."),
    "ended_timestamp_seconds": (GAUGE, "When it went live or was rolled back; 0: it goes on."),
    "canary_share_ratio": (GAUGE, "Part of the keys that the candidate answers, 0 to 1."),
    "log_e": (GAUGE, "Natural logarithm of the evidence against the candidate."),
    "log_limit": (GAUGE, "Where that evidence ends the rollout, or holds it for the split."),
    "rate_ratio_low": (GAUGE, "Lower bound of its rate of bad events over stable's."),
    "rate_ratio_high": (GAUGE, "Upper bound of its rate of bad events over stable's."),
    "gate_passed": (GAUGE, "1 once it has shown what promotion wants."),
    "keys_total": (COUNTER, "Different keys of requests, each at its first sight."),
    "requests_total": (COUNTER, "Requests answered, well or badly."),
    "bad_total": (COUNTER, "Requests answered badly, repeats of a key included."),
    "excluded_total": (COUNTER, "Requests without a part in the evidence."),
    "retried_total": (COUNTER, "Requests that the canary failed and stable answered."),
    "canary_missing_total": (COUNTER, "The canary's requests that stable answered: not loaded."),
    "keys_full": (GAUGE, "1 once more keys came than can be told apart."),
    "clock_jumps_total": (COUNTER, "How often the wall clock was set."),
    **SHADOW_FAMILIES,
}


class Statuses(Protocol):
    """What is asked of a RolloutControl, on its own event loop."""

    def status(self, model: str, rollout: str = "") -> RolloutStatus:
        """Of the rollout that goes on or was last."""

    def statuses(self, *, model: str = "", ongoing_only: bool = False) -> Sequence[RolloutStatus]:
        """All that are kept, newest first."""


class RolloutMetrics:
    """Made on the control thread, whose loop is asked; `text` is for any other thread."""

    def __init__(self, control: Statuses, loop: asyncio.AbstractEventLoop) -> None:
        self._control = control
        self._page = ControlPage(self._look, loop, empty=metrics_text(()))

    def text(self) -> str:
        """All families. While the control thread is busy or has ended, those told before."""
        return self._page.text()

    def _look(self) -> str:
        models = dict.fromkeys(one.model for one in self._control.statuses())
        return metrics_text([self._control.status(model) for model in models])


def metrics_text(rollouts: Iterable[RolloutStatus]) -> str:
    """All families, of one rollout for each model."""
    samples: dict[str, list[Sample]] = {name: [] for name in FAMILIES}
    for status in rollouts:
        for name, labels, value in _samples(status):
            samples[name].append(((("model", status.model), *labels), value))
    return "".join(
        family_text(f"penstock_rollout_{name}", *FAMILIES[name], samples[name]) for name in FAMILIES
    )


def _samples(status: RolloutStatus) -> Iterator[tuple[str, Labels, float]]:
    for state in get_args(State):
        yield "state", (("state", state),), state == status.state
    yield "paused", (), status.is_paused
    yield "stable_version", (), status.stable
    yield "candidate_version", (), status.candidate
    yield "started_timestamp_seconds", (), status.started_ms / 1000
    yield "ended_timestamp_seconds", (), (status.ended_ms or 0) / 1000
    yield "canary_share_ratio", (), status.canary_bp / 10_000
    for one in status.guardrails:
        guardrail = (("guardrail", one.name),)
        yield "log_e", guardrail, one.log_e
        yield "log_limit", guardrail, one.log_limit
        yield "rate_ratio_low", guardrail, one.ratio_low
        yield "rate_ratio_high", guardrail, one.ratio_high
        yield "gate_passed", guardrail, one.is_passed
    yield from _arm_samples(status)
    evidence = status.evidence
    yield "excluded_total", (), evidence.excluded
    yield "retried_total", (), evidence.retried
    yield "canary_missing_total", (), evidence.canary_missing
    yield "keys_full", (), evidence.seen_is_full
    yield "clock_jumps_total", (), status.clock_jumps
    for shadow in evidence.shadows:
        yield from shadow_samples(shadow)


def _arm_samples(status: RolloutStatus) -> Iterator[tuple[str, Labels, float]]:
    """Of all epochs together."""
    counted: dict[tuple[str, Labels], float] = {}
    for epoch in status.evidence.epochs:
        for role, counts in epoch.arms.items():
            arm = ("arm", str(role))
            found: list[tuple[str, Labels, int]] = [
                ("keys_total", (arm,), counts.keys),
                ("requests_total", (arm,), counts.requests),
                *(("bad_total", (arm, ("kind", kind)), n) for kind, n in counts.bad.items()),
            ]
            for name, labels, count in found:
                counted[name, labels] = counted.get((name, labels), 0) + count
    for (name, labels), value in counted.items():
        yield name, labels, value
