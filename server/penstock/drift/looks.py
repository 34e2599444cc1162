# SPDX-License-Identifier: Apache-2.0
"""Looks at a version: takes its counts, keeps them, has them judged, and tells of alarms.

Counts of a tick are kept once it has ended, before its monitor is given them; what a monitor knows,
now and then and with each alarm. A monitor that begins anew goes on from what is kept.
"""

import logging
from typing import Any

from penstock.drift.alarm_log import log_alarms
from penstock.drift.course import Course, learnt_course
from penstock.drift.judge import Judge
from penstock.drift.kept import KeptMonitors
from penstock.drift.learning import Learning
from penstock.drift.own_thread import OwnThread
from penstock.drift.ports import Clock, MonitorGone, Watch, Watches
from penstock.drift.tick import Tick
from penstock.drift.watched import LEARNING_ROWS, SAMPLE_ROWS, Watched
from penstock.errors import EngineError, MonitoringError, PenstockError, StoreError

__all__ = ["Looks", "log_begun", "named"]

log = logging.getLogger(__name__)

#: Ticks from one snapshot to the next.
SNAPSHOT_TICKS = 60
#: Of a monitor that fails: until it is tried again.
RETRY_MAX_S = 600.0


class Looks:
    """On the control thread. `judge` None: nothing judges."""

    def __init__(
        self,
        watches: Watches,
        kept: KeptMonitors,
        judge: Judge | None,
        clock: Clock,
        thread: OwnThread,
    ) -> None:
        self._watches = watches
        self._kept = kept
        self._judge = judge
        self._clock = clock
        self._thread = thread

    async def begun(
        self, model: str, version: int, course: Course, early: Watch | None = None
    ) -> Watched:
        """A version whose rows are counted from now on, or by `early` already, where that counts
        what the course wants. Raises EngineError or StoreError.
        """
        learning = None
        kept = await self._thread.do(self._kept.get, model, version)
        frames = kept.frames if kept is not None else ()
        if course.profile is None:
            learning = Learning(course.settings.self_reference_rows, len(course.layout.columns))
            learning.add_frames(frames)
        wants = course.layout, course.share
        if early is not None and (early.layout, early.share) == wants:
            watch, before = early, []
            watch.keep_sample(self._sample_rows(learning))
        else:
            before = [early] if early is not None else []
            watch = await self._opened(model, version, course, learning)
        tick = Tick(since=self._clock.monotonic_s())
        return Watched(
            model=model,
            version=version,
            course=course,
            watch=watch,
            before=before,
            tick=tick,
            learning=learning,
            wants_monitor=bool(frames) or (kept is not None and kept.snapshot is not None),
        )

    def _sample_rows(self, learning: Learning | None) -> int:
        if self._judge is None:
            return 0
        return SAMPLE_ROWS if learning is None else min(LEARNING_ROWS, learning.rows_left)

    async def _opened(
        self, model: str, version: int, course: Course, learning: Learning | None
    ) -> Watch:
        rows = self._sample_rows(learning)
        return await self._thread.do(
            lambda: self._watches.open(
                model,
                version,
                course.layout,
                now=self._clock.wall_ms() / 1000,
                share=course.share,
                sample_rows=rows,
            )
        )

    async def look(self, watched: Watched, *, is_last: bool = False) -> None:
        """Whatever fails is told, and tried again."""
        async with watched.lock:
            if watched.is_closed:
                return
            watched.is_closed = is_last
            try:
                await self._take(watched)
                await self._judged(watched, is_last=is_last)
            except MonitorGone:
                watched.start = 0
            except PenstockError as error:
                self._failed(watched, error)
            except Exception as error:
                log.debug("monitoring_failed", exc_info=True)
                self._failed(watched, error)

    async def leave(self, watched: Watched) -> None:
        """Keeps what was counted last of a version whose monitor does not answer."""
        watched.is_closed = True
        if self._judge is not None:
            self._judge.leave(watched)
        async with watched.lock:
            await self._take(watched)
            if self._judge is not None and watched.recent:
                await self._keep(watched)

    async def _take(self, watched: Watched) -> None:
        """What was taken before is kept and judged also where nothing more can be."""
        now, wall_s = self._clock.monotonic_s(), self._clock.wall_ms() / 1000
        try:
            await self._thread.do(watched.look, now, wall_s)
        except EngineError as error:
            if error.code != "UNAVAILABLE":  # the engine has ended
                log.warning("monitor_failed", extra={**named(watched), "reason": str(error)})

    def _failed(self, watched: Watched, error: Exception) -> None:
        """Its monitor begins anew from what is kept, after a while that grows."""
        watched.start = 0
        watched.failures += 1
        watched.retry_s = self._clock.monotonic_s() + min(
            RETRY_MAX_S, 2.0 ** min(watched.failures, 10)
        )
        reason = str(error) or type(error).__name__
        log.warning("monitor_failed", extra={**named(watched), "reason": reason})

    async def _judged(self, watched: Watched, *, is_last: bool) -> None:
        has_ended, watched.has_ended_tick = watched.has_ended_tick, False
        if self._judge is None:
            watched.queue, watched.recent = [], []
            return
        if watched.recent and (has_ended or is_last):
            await self._keep(watched)
        if watched.retry_s > self._clock.monotonic_s():
            return
        if watched.learning is not None and watched.learning.is_full and not is_last:
            await self._learn(watched, self._judge, watched.learning)
            has_ended = False
        if watched.learning is None and watched.wants_monitor:
            await self._give(watched, self._judge, has_ended=has_ended, is_last=is_last)

    async def _keep(self, watched: Watched) -> None:
        now_ms = self._clock.wall_ms()

        def keep() -> None:
            # In one go: whoever waits for it may be cancelled, and nothing is kept twice.
            frames = list(watched.recent)
            self._kept.add(watched.model, watched.version, frames, now_ms)
            del watched.recent[: len(frames)]

        try:
            await self._thread.do(keep)
        except StoreError as error:
            if not watched.is_unkept:  # once, until it is again
                log.warning("drift_not_kept", extra={**named(watched), "reason": str(error)})
            watched.is_unkept = True
        else:
            watched.is_unkept = False

    async def _give(
        self, watched: Watched, judge: Judge, *, has_ended: bool, is_last: bool
    ) -> None:
        start = await judge.started()
        if watched.start != start:
            await self._reopen(watched, judge)
            watched.start = start
        frames, watched.queue = watched.queue, []
        try:
            has_changed = bool(frames) and await judge.take(watched, frames)
        except MonitorGone:
            raise
        except MonitoringError:
            watched.recent = []  # it would fail at them again
            raise
        watched.failures = 0
        if has_changed or has_ended:
            log_alarms(watched, watched.told(await judge.short_status(watched)))
        watched.ticks_unsaved += has_ended
        if has_changed and watched.recent:
            await self._keep(watched)
        # An alarm that was told is there after a restart, whatever counts alone would lead to.
        is_due = has_changed or is_last or watched.ticks_unsaved >= SNAPSHOT_TICKS
        if is_due and not watched.recent:
            await self._save(watched, judge)

    async def _reopen(self, watched: Watched, judge: Judge) -> None:
        """The monitor goes on from what is kept, and is given what is not."""
        kept = await self._thread.do(self._kept.get, watched.model, watched.version)
        lost = await judge.open(watched, kept)
        if lost:
            log.warning("drift_counts_lost", extra={**named(watched), "spans": lost})
        log_alarms(watched, watched.told(await judge.short_status(watched)))
        watched.queue = list(watched.recent)

    async def _save(self, watched: Watched, judge: Judge) -> None:
        snapshot = await judge.save(watched)
        await self._thread.do(
            self._kept.save, watched.model, watched.version, snapshot, self._clock.wall_ms()
        )
        watched.ticks_unsaved = 0

    async def _learn(self, watched: Watched, judge: Judge, learning: Learning) -> None:
        """Its first rows are its reference from now on."""
        await judge.started()
        profile = await judge.self_reference(watched, learning.samples, watched.course)
        course = learnt_course(watched.course, profile)
        await self._thread.do(
            lambda: self._kept.begin(
                watched.model,
                watched.version,
                course.identity,
                self._clock.wall_ms(),
                profile=profile.model_dump_json(),
            )
        )
        watch = await self._opened(watched.model, watched.version, course, None)
        watched.before.append(watched.watch)
        watched.watch = watch
        watched.tick = Tick(since=self._clock.monotonic_s())
        watched.course, watched.learning = course, None
        watched.recent, watched.queue = [], []
        log_begun(watched, can_judge=True)


def named(watched: Watched) -> dict[str, Any]:
    """The fields of an event that say of which version it is."""
    return {"model": watched.model, "version": watched.version}


def log_begun(watched: Watched, *, can_judge: bool) -> None:
    """Tells what a version is held against, and what is not watched of it."""
    course = watched.course
    reference = "none yet"
    if course.profile is not None:
        reference = "first live rows" if course.is_self_reference else "profile.json"
    columns = len(course.layout.columns)
    told = {**named(watched), "reference": reference, "columns": columns, "is_judged": can_judge}
    log.info("monitoring_began", extra=told)
    for warning in course.warnings:
        log.warning("monitoring_note", extra={**named(watched), "note": warning})
    for note in course.notes:
        log.info("monitoring_note", extra={**named(watched), "note": note})
