# SPDX-License-Identifier: Apache-2.0
"""One version being watched, as the server keeps it. No clock, no I/O but the watch's."""

import asyncio
from dataclasses import dataclass, field, replace
from typing import Literal

from penstock.drift.course import Course
from penstock.drift.learning import Learning
from penstock.drift.ports import Watch
from penstock.drift.status import Alarm, DriftStatus
from penstock.drift.taken import Taken
from penstock.drift.taken_bytes import taken_bytes
from penstock.drift.tick import Tick
from penstock.drift.totals import Totals

__all__ = ["IDLE_S_MAX", "Told", "Watched"]

#: Without requests a version is looked at ever more rarely, down to once in so many seconds.
IDLE_S_MAX = 10.0
#: Rows of each span that a monitor is shown, for quantiles and for names of new categories.
SAMPLE_ROWS = 32
#: And of each span while a reference is gathered.
LEARNING_ROWS = 1000
#: Counts that wait to be kept, while they cannot be.
FRAMES_MAX = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """Alarms that were raised, cleared, and told of again since they were told last."""

    raised: tuple[Alarm, ...] = ()
    cleared: tuple[Alarm, ...] = ()
    reminded: tuple[Alarm, ...] = ()


@dataclass(slots=True, kw_only=True)
class Watched:
    """Whoever changes it holds `lock`.

    `before` are watches by other columns, of which the rest is to be taken: it is in the totals
    alone. `queue` are counts that its monitor was not given yet, `recent` those that are not kept
    yet; of a restarted monitor the latter are what is lost. `start` is the start of the process
    that has its monitor; 0: none has.
    """

    model: str
    version: int
    course: Course
    watch: Watch
    tick: Tick
    before: list[Watch] = field(default_factory=list)
    learning: Learning | None = None
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    totals: Totals = field(default_factory=Totals)
    queue: list[bytes] = field(default_factory=list)
    recent: list[bytes] = field(default_factory=list)
    has_ended_tick: bool = False
    start: int = 0
    failures: int = 0
    retry_s: float = 0.0
    ticks_unsaved: int = 0
    status: DriftStatus | None = None
    alarms: dict[str, Alarm] = field(default_factory=dict)
    alarms_raised: dict[str, int] = field(default_factory=dict)
    looked_s: float = 0.0
    pause_s: float = 0.0
    since: float | None = None
    is_closed: bool = False
    is_unkept: bool = False
    #: Whether its monitor is needed: rows came, or are kept, or somebody has asked.
    wants_monitor: bool = False

    @property
    def key(self) -> str:
        """Its name for the process."""
        return f"{self.model}/{self.version}"

    @property
    def reference(self) -> Literal["profile", "self", "learning"]:
        """What its rows are held against."""
        if self.learning is not None or self.course.profile is None:
            return "learning"
        return "self" if self.course.is_self_reference else "profile"

    @property
    def sample_rows(self) -> int:
        """Rows of each span that are wanted."""
        if self.learning is None:
            return SAMPLE_ROWS
        return min(LEARNING_ROWS, self.learning.rows_left)

    def is_due(self, now: float, interval_s: float) -> bool:
        """Whether it is to be looked at again."""
        return now - self.looked_s >= max(self.pause_s, interval_s) - interval_s / 2

    def look(self, now: float, wall_s: float) -> None:
        """Takes what was counted since the last look. Blocks for moments; any thread."""
        while self.before:
            self.totals.add(self.before[0].take(wall_s, ends_tick=False))
            del self.before[0]
        tick_s = self.course.settings.tick_s
        ends = self.tick.ends(now, tick_s)
        forgets = self.tick.forgets_keys(now, tick_s)
        taken = self.watch.take(wall_s, ends_tick=ends, forgets_keys=forgets)
        self.tick = self.tick.after(taken.tested_rows, now, has_ended=ends, has_forgotten=forgets)
        self.totals.add(taken)
        self.wants_monitor |= taken.rows > 0
        has_rows = taken.requests or taken.dropped_rows or taken.unsampled_rows
        is_quiet = not (has_rows or ends)
        self.pause_s = min(IDLE_S_MAX, 2 * self.pause_s + 1.0) if is_quiet else 0.0
        is_first = self.looked_s == 0.0
        self.looked_s = now
        if is_quiet and not is_first and self.pause_s < IDLE_S_MAX:
            self.since = taken.since if self.since is None else self.since
            return
        if self.since is not None:
            taken = replace(taken, since=min(self.since, taken.since))
            self.since = None
        self._put(taken)

    def _put(self, taken: Taken) -> None:
        if self.learning is not None:
            if taken.sample is not None and self.learning.rows_left:
                self.learning.add(taken.sample)
                self.watch.keep_sample(self.sample_rows)
                self.recent.append(taken_bytes(taken))
        else:
            frame = taken_bytes(replace(taken, sample=None))
            if taken.rows or taken.ends_tick:
                self.recent.append(frame)
            self.queue.append(frame if taken.sample is None else taken_bytes(taken))
        del self.recent[:-FRAMES_MAX], self.queue[:-FRAMES_MAX]
        self.has_ended_tick |= taken.ends_tick

    def with_notes(self, status: DriftStatus) -> DriftStatus:
        """A monitor's status, with what the server knows besides."""
        notes = (*self.course.warnings, *self.course.notes, *status.notes, *self.totals.notes())
        return replace(status, notes=notes)

    def told(self, status: DriftStatus) -> Told:
        """How it stands now; what has become of alarms since it was told last."""
        before = self.alarms
        is_first = self.status is None
        self.status = self.with_notes(status)
        self.alarms = {one.id: one for one in status.alarms}
        if is_first:
            return Told()
        known = [(one, before[one.id]) for one in status.alarms if one.id in before]
        found = Told(
            raised=tuple(one for one in status.alarms if one.id not in before),
            cleared=tuple(
                one for one, old in known if one.cleared_at is not None and old.cleared_at is None
            ),
            reminded=tuple(
                one
                for one, old in known
                if one.cleared_at is None and one.reminders > old.reminders
            ),
        )
        for one in found.raised:
            self.alarms_raised[one.kind] = self.alarms_raised.get(one.kind, 0) + 1
        return found
