# SPDX-License-Identifier: Apache-2.0
"""What was counted of a rollout, added up: over restarts, over epochs, over events."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import zip_longest
from typing import TypeVar

from penstock.rollout.event_odds import EventCount
from penstock.rollout.evidence import (
    BadEvent,
    BadKind,
    Epoch,
    Evidence,
    Guardrail,
    Role,
    ShadowCounts,
)

__all__ = ["BAD_KINDS", "Needed", "Tally", "bad_of", "merged", "requests_of"]

K = TypeVar("K")

#: What counts as bad for each guardrail, and which roles it holds the canary against.
BAD_KINDS: Mapping[Guardrail, tuple[BadKind, ...]] = {
    "errors": ("error", "timeout", "non_finite"),
    "latency": ("slow",),
}


class Tally:
    """Bad events that count, by guardrail and share: all that the tests need of them."""

    def __init__(self, events: Iterable[BadEvent] = ()) -> None:
        self._counts: dict[Guardrail, dict[tuple[int, int], list[int]]] = {}
        for event in events:
            self.add(event)

    def add(self, event: BadEvent) -> None:
        """One more. Repeats are nothing; nor are events while the canary had all or nothing."""
        if event.counts and 0 < event.canary_bp < event.both_bp:
            shares = self._counts.setdefault(event.guardrail, {})
            counts = shares.setdefault((event.canary_bp, event.both_bp), [0, 0])
            counts[0 if event.is_canary else 1] += 1

    def counts(self, guardrail: Guardrail) -> list[EventCount]:
        """Of one guardrail, by share."""
        return [
            EventCount(share=canary_bp / both_bp, canary=canary, baseline=baseline)
            for (canary_bp, both_bp), (canary, baseline) in sorted(
                self._counts.get(guardrail, {}).items()
            )
        ]


class Needed:
    """Which bad events a judge must be told again to come where it is: all that count, and of the
    repeats those that its breakers look at. A storm of repeats is not kept.
    """

    def __init__(self) -> None:
        self._non_finite: set[bool] = set()

    def needs(self, event: BadEvent) -> bool:
        """Of each event, in their order."""
        is_first = event.kind == "non_finite" and event.is_canary not in self._non_finite
        if is_first:
            self._non_finite.add(event.is_canary)
        return event.counts or is_first or event.canary_good == 0


def requests_of(epochs: Iterable[Epoch], roles: Sequence[Role]) -> int:
    """Requests that these roles answered, well or badly."""
    return sum(
        epoch.arms[role].requests for epoch in epochs for role in roles if role in epoch.arms
    )


def bad_of(epochs: Iterable[Epoch], roles: Sequence[Role], guardrail: Guardrail) -> int:
    """Requests of these roles that were bad for the guardrail, repeats included."""
    return sum(
        epoch.arms[role].bad.get(kind, 0)
        for epoch in epochs
        for role in roles
        if role in epoch.arms
        for kind in BAD_KINDS[guardrail]
    )


def merged(lives: Sequence[Evidence]) -> Evidence:
    """The evidence of one rollout over all processes that it went on in, oldest first.

    Epochs stay apart, for a key that is seen again after a restart is counted again.
    """
    if len(lives) == 1:
        return lives[0]
    verdicts = [life.verdict for life in lives if life.verdict is not None]
    roles: dict[Role, Counter[int]] = {}
    for life in lives:
        for role, buckets in life.latency_ns.items():
            roles.setdefault(role, Counter()).update(dict(buckets))
    return Evidence(
        epochs=tuple(epoch for life in lives for epoch in life.epochs),
        excluded=sum(life.excluded for life in lives),
        retried=sum(life.retried for life in lives),
        canary_missing=sum(life.canary_missing for life in lives),
        seen_is_full=any(life.seen_is_full for life in lives),
        latency_ns={role: tuple(sorted(counts.items())) for role, counts in roles.items()},
        verdict=verdicts[-1] if verdicts else None,
        shadows=_merged_shadows(lives),
    )


def _merged_shadows(lives: Sequence[Evidence]) -> tuple[ShadowCounts, ...]:
    by_name: dict[str, list[ShadowCounts]] = {}
    for life in lives:
        for shadow in life.shadows:
            by_name.setdefault(shadow.name, []).append(shadow)
    return tuple(
        ShadowCounts(
            name=name,
            offered=sum(one.offered for one in counts),
            dropped=_added([one.dropped for one in counts]),
            compared=sum(one.compared for one in counts),
            agreed=sum(one.agreed for one in counts),
            mismatched=_added([one.mismatched for one in counts]),
            discordant_shadow=sum(one.discordant_shadow for one in counts),
            discordant_primary=sum(one.discordant_primary for one in counts),
            both_failed=sum(one.both_failed for one in counts),
            latency_ratio=tuple(
                sum(bucket)
                for bucket in zip_longest(*(c.latency_ratio for c in counts), fillvalue=0)
            ),
            outputs=counts[-1].outputs,
            worst=counts[-1].worst,
        )
        for name, counts in by_name.items()
    )


def _added(counts: Iterable[Mapping[K, int]]) -> dict[K, int]:
    total: Counter[K] = Counter()
    for one in counts:
        total.update(one)
    return dict(total)
