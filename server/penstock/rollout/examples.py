# SPDX-License-Identifier: Apache-2.0
"""Pairs of answers for a person to look at: kept once no more of them come, and forgotten in time.

How old one is goes by the wall clock, the only one that outlasts a restart. This is a promise to
people; no rollout is judged by it.
"""

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from penstock.errors import StoreError
from penstock.rollout.ports import Clock
from penstock.rollout.record import Record
from penstock.rollout.shadow_example import ShadowExample

__all__ = ["ExampleSource", "ExampleStore", "KeptExamples"]

log = logging.getLogger(__name__)

#: Seconds between two looks for examples that are too old.
FORGET_EVERY_S = 60.0


class ExampleSource(Protocol):
    """A rollout that goes on, as far as its examples go."""

    record: Record
    #: Which of the record's lives is the present process; None: it did not go on in it yet.
    life: int | None
    #: Whether they are to be kept as they are now.
    has_examples_due: bool

    def examples(self) -> Sequence[ShadowExample]:
        """Those of the present process."""


class ExampleStore(Protocol):
    """What a RolloutStore keeps of examples. Calls block, and raise StoreError."""

    def save_examples(
        self, rollout: str, life: int, examples: Sequence[ShadowExample], *, count_max: int
    ) -> None:
        """In the place of those of this life of the rollout; of all the newest `count_max` stay."""

    def examples(self, rollout: str) -> Sequence[tuple[int, ShadowExample]]:
        """Those kept of a rollout, each with its life."""

    def forget_examples(self, before_ms: Mapping[str, int]) -> None:
        """By rollout, those that are older. Nothing of them can be found in the file then."""


class KeptExamples:
    """The examples of all rollouts. Lives on the control thread; whoever calls holds its lock."""

    def __init__(self, store: ExampleStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._forgot_s = float("-inf")

    async def keep(self, course: ExampleSource) -> bool:
        """Saves what is due; False: it could not, and is due still."""
        shadow = course.record.spec.shadow
        if not course.has_examples_due or shadow is None or course.life is None:
            return True
        record = course.record
        try:
            await asyncio.to_thread(
                self._store.save_examples,
                record.id,
                course.life,
                course.examples(),
                count_max=shadow.examples,
            )
        except StoreError as error:
            log.warning(
                "rollout_examples_not_kept",
                extra={"model": record.model, "rollout": record.id, "reason": str(error)},
            )
            return False
        course.has_examples_due = False
        return True

    async def of(self, record: Record, course: ExampleSource | None) -> list[ShadowExample]:
        """All that may still be told of one rollout, newest first. Raises StoreError."""
        kept = await asyncio.to_thread(self._store.examples, record.id)
        found = [one for life, one in kept if course is None or life != course.life]
        if course is not None:
            found += course.examples()
        oldest_ms = self._oldest_ms(record)
        return sorted(
            (one for one in found if one.wall_ms >= oldest_ms),
            key=lambda one: one.wall_ms,
            reverse=True,
        )

    async def forget_old(self, records: Iterable[Record]) -> None:
        """Once a minute: what is older than its rollout's spec lets it be."""
        now = self._clock.monotonic_s()
        if now - self._forgot_s < FORGET_EVERY_S:
            return
        self._forgot_s = now
        before_ms = {one.id: self._oldest_ms(one) for one in records if _wants_examples(one)}
        if not before_ms:
            return
        try:
            await asyncio.to_thread(self._store.forget_examples, before_ms)
        except StoreError as error:
            log.warning("rollout_examples_not_forgotten", extra={"reason": str(error)})

    def _oldest_ms(self, record: Record) -> int:
        shadow = record.spec.shadow
        kept_s = shadow.examples_kept_s if shadow is not None else 0.0
        return self._clock.wall_ms() - round(kept_s * 1000)


def _wants_examples(record: Record) -> bool:
    return record.spec.shadow is not None and record.spec.shadow.examples > 0
