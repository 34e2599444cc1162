# SPDX-License-Identifier: Apache-2.0
"""The rollouts of a server: RolloutControl, a look at each once a second, and their store.

Lives on the control thread. The store's calls run in a worker thread: a commit waits for no disk
as a rule, but a full or a slow one must not stop the loop that answers control calls and takes
the judge's verdicts. Whatever changes a rollout holds one lock, so looks and calls do not mingle.

What is made more of a candidate (a larger share, live) is kept before it is done; what takes it
out of traffic is done before it is kept, and kept again until that succeeds. So a process that is
killed in between starts with the smaller share, or takes a candidate out twice.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

from penstock.errors import PenstockError, RolloutError, StoreError
from penstock.rollout.clock_jumps import ClockJumps
from penstock.rollout.course import Course
from penstock.rollout.examples import KeptExamples
from penstock.rollout.explain import explain
from penstock.rollout.pair import checked_stable
from penstock.rollout.policy import Decision, verdict_told
from penstock.rollout.ports import Champion, Clock, Traffic, Versions
from penstock.rollout.record import Record
from penstock.rollout.shadow_example import ShadowExample
from penstock.rollout.shares import salt_of
from penstock.rollout.spec import RolloutSpec
from penstock.rollout.status import RolloutStatus, State
from penstock.rollout.store import RolloutStore

__all__ = ["RolloutController"]

log = logging.getLogger(__name__)

TICK_S = 1.0
#: Ended rollouts that are kept of each model.
ENDED_MAX = 20
#: How long a restart tries to put a candidate on trial again before it is rolled back.
REOPEN_S = 60.0
#: Longest time between two attempts to tell the champion.
RETRY_MAX_S = 60.0


class RolloutController:
    """Made by `app`, which awaits `remember()` before anybody can ask for a rollout and `restore()`
    once models are loaded; runs `run()` as a task, calls `wake()` when the core has a verdict, and
    awaits `close()` at the end.

    `spec_of`: what stands in rollout.toml next to a model; None: nothing. It may raise a
    PenstockError, and runs in a worker thread.
    """

    def __init__(
        self,
        *,
        traffic: Traffic,
        versions: Versions,
        champion: Champion,
        store: RolloutStore,
        clock: Clock,
        spec_of: Callable[[str], RolloutSpec | None] = lambda model: None,
    ) -> None:
        self._traffic = traffic
        self._versions = versions
        self._champion = champion
        self._store = store
        self._clock = clock
        self._examples = KeptExamples(store, clock)
        self._spec_of = spec_of
        self._lock = asyncio.Lock()
        self._woken = asyncio.Event()
        self._courses: dict[str, Course] = {}  # by id: those that are looked at
        self._records: dict[str, Record] = {}  # by id, oldest first: all
        self._jumps = ClockJumps(clock)

    # --- the life of the server ---

    async def remember(self) -> None:
        """Learns what the store keeps: a model whose rollout goes on is given no other one
        meanwhile. Raises StoreError.
        """
        async with self._lock:
            for record in await asyncio.to_thread(self._store.records):
                self._records[record.id] = record
                if record.goes_on or not record.is_told:
                    self._course(record)

    async def restore(self) -> None:
        """Goes on with what is remembered, as far as its versions are loaded; `run` tries again."""
        async with self._lock:
            for course in list(self._courses.values()):
                is_waiting = course.record.goes_on or course.record.state == "live"
                if is_waiting and not course.is_on_trial:
                    await self._reopen(course)

    async def run(self) -> None:
        """Looks at all rollouts once a second, and at once after wake(), until cancelled."""
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._woken.wait(), TICK_S)
            self._woken.clear()
            try:
                await self.tick()
            except Exception:
                log.exception("rollout_tick_failed")

    def wake(self) -> None:
        """The core has decided something, or has events that should not wait."""
        self._woken.set()

    async def tick(self) -> None:
        """One look at each rollout."""
        async with self._lock:
            self._watch_clock()
            for course in list(self._courses.values()):
                try:
                    await (self._look if course.record.goes_on else self._end)(course)
                    await self._examples.keep(course)
                except Exception:  # of one rollout; the others are looked at
                    log.exception("rollout_tick_failed", extra={"rollout": course.record.id})
            await self._examples.forget_old(self._records.values())

    async def idle(self) -> None:
        """Returns when no champion is being told anything."""
        while tasks := [one.telling for one in self._courses.values() if one.is_telling]:
            await asyncio.wait([task for task in tasks if task])

    async def close(self) -> None:
        """Keeps what was counted, ends the trials and closes the store; rollouts go on after a
        restart. Of a champion that is being told now it is told again then.
        """
        for course in self._courses.values():
            if course.telling:
                course.telling.cancel()
        await self.idle()
        async with self._lock:
            for course in self._courses.values():
                course.gather()
                await self._keep(course)
                course.close()
                await self._examples.keep(course)
            await asyncio.to_thread(self._store.close)

    # --- RolloutControl ---

    async def start(
        self,
        model: str,
        candidate: int,
        spec: RolloutSpec | None = None,
        *,
        stable: int | None = None,
        allows_signature_change: bool = False,
    ) -> RolloutStatus:
        """See RolloutControl."""
        async with self._lock:
            holding = self._holding(model)
            stable = checked_stable(
                self._versions, model, stable, candidate, holding.record if holding else None
            )
            change = self._versions.signature_change(model, stable, candidate)
            if change and not allows_signature_change:
                raise RolloutError(
                    f"Version {candidate} of {model!r} has another signature than {stable}: "
                    f"{change}. Allow the change if clients stand it.",
                    code="FAILED_PRECONDITION",
                )
            if spec is None:
                spec = await asyncio.to_thread(self._spec_of, model) or RolloutSpec()
            number, of_pair = await asyncio.to_thread(
                self._store.next_numbers, model, stable, candidate
            )
            record = Record(
                id=f"{model}-{number}",
                model=model,
                stable=stable,
                candidate=candidate,
                number=of_pair,
                salt=salt_of(model, stable, candidate, of_pair),
                spec=spec,
                state="loaded",
                canary_bp=0,
                started_ms=self._clock.wall_ms(),
                why="The candidate is loaded.",
            )
            course = self._course(record)
            try:
                course.open(())
                await self._move(course, "loaded", 0, by="operator", why=record.why)
                await self._look(course)  # and with it what only a route tells to be wrong
            except PenstockError:
                await self._abandon(course)
                raise
            await self._forget_oldest(model)
            return course.record.status()

    async def _abandon(self, course: Course) -> None:
        """Leaves nothing of a rollout that could not begin."""
        record = course.record
        course.close()
        self._traffic.abandon(record.model)
        del self._courses[record.id], self._records[record.id]
        with suppress(StoreError):
            await asyncio.to_thread(self._store.forget, record.id)

    def status(self, model: str, rollout: str = "") -> RolloutStatus:
        """See RolloutControl."""
        return self._record(model, rollout).status()

    def statuses(self, *, model: str = "", ongoing_only: bool = False) -> list[RolloutStatus]:
        """See RolloutControl."""
        return [
            record.status(is_short=True)
            for record in reversed(self._records.values())
            if model in ("", record.model) and (record.goes_on or not ongoing_only)
        ]

    async def promote(self, model: str, *, by: str = "operator", why: str = "") -> RolloutStatus:
        """See RolloutControl. `why`: one sentence of others than operators."""
        async with self._lock:
            course = self._ongoing(model)
            version = course.record.candidate
            if not course.is_on_trial or version not in self._versions.serving(model):
                raise RolloutError(
                    f"Version {version} of {model!r} is not loaded, so it cannot be made live.",
                    code="FAILED_PRECONDITION",
                )
            if course.verdict_against() is not None:
                self.wake()
                raise RolloutError(
                    f"The judge has just taken version {version} of {model!r} out of traffic.",
                    code="FAILED_PRECONDITION",
                )
            await self._move(course, "live", 10_000, by=by, why=why or "Promoted by hand.")
            return course.record.status()

    async def pause(self, model: str, *, is_paused: bool = True) -> RolloutStatus:
        """See RolloutControl."""
        async with self._lock:
            course = self._ongoing(model)
            if course.record.state == "held":
                raise RolloutError(
                    f"The rollout of {model!r} is held, so it stays where it is. Promote it or "
                    "roll it back.",
                    code="FAILED_PRECONDITION",
                )
            if course.record.is_paused != is_paused:
                course.gather()
                before = course.record
                course.record = replace(before, is_paused=is_paused)
                why = "Paused by hand." if is_paused else "Goes on by hand."
                try:
                    await self._move(course, before.state, before.canary_bp, by="operator", why=why)
                except StoreError:
                    course.record = replace(course.record, is_paused=not is_paused)
                    raise
            return course.record.status()

    async def roll_back(
        self, model: str, *, reason: str = "", by: str = "operator"
    ) -> RolloutStatus:
        """See RolloutControl. Of others than operators `reason` is the whole sentence."""
        async with self._lock:
            course = self._ongoing(model)
            course.gather()
            by_hand = f"Rolled back by hand{f': {reason}' if reason else '.'}"
            reason = by_hand if by == "operator" else reason
            await self._move(course, "rolled_back", 0, by=by, why=reason)
            return course.record.status()

    async def explain(self, model: str, rollout: str = "") -> Mapping[str, object]:
        """See RolloutControl."""
        async with self._lock:
            record = self._record(model, rollout)
            course = self._courses.get(record.id)
            kept = await asyncio.to_thread(self._store.events, record.id)
            events = [*kept, *(course.unsaved if course else ())]
        # There may be a million of them.
        return await asyncio.to_thread(explain, record, events)

    async def examples(self, model: str, rollout: str = "") -> tuple[str, Sequence[ShadowExample]]:
        """See RolloutControl."""
        async with self._lock:
            record = self._record(model, rollout)
            return record.id, await self._examples.of(record, self._courses.get(record.id))

    def unsettled(self, model: str) -> Record | None:
        """The rollout that goes on, or whose end the champion has not heard of."""
        told = (one.record for one in self._courses.values() if one.record.model == model)
        return next((one for one in told if one.goes_on or not one.is_told), None)

    def _record(self, model: str, rollout: str) -> Record:
        for record in reversed(self._records.values()):
            if record.model == model and rollout in ("", record.id):
                return record
        which = f"no rollout {rollout!r}" if rollout else "no rollout"
        raise RolloutError(f"{model!r} has {which}.", code="NOT_FOUND")

    def _holding(self, model: str) -> Course | None:
        courses = self._courses.values()
        return next(
            (one for one in courses if one.record.model == model and one.record.holds_model), None
        )

    def _ongoing(self, model: str) -> Course:
        course = self._holding(model)
        if course is not None and course.record.goes_on:
            return course
        last = self._record(model, "")  # or NOT_FOUND
        raise RolloutError(
            f"The rollout {last.id} of {model!r} has ended: it is {last.state}.",
            code="FAILED_PRECONDITION",
        )

    # --- one rollout ---

    def _course(self, record: Record) -> Course:
        course = Course(record, traffic=self._traffic, versions=self._versions, clock=self._clock)
        self._courses[record.id] = course
        self._records[record.id] = record
        return course

    async def _look(self, course: Course) -> None:
        if not course.is_on_trial:
            await self._reopen(course)
            return
        decision = course.look()
        self._records[course.record.id] = course.record
        if (decision.state, decision.canary_bp) == (course.record.state, course.record.canary_bp):
            course.record = replace(course.record, why=decision.why)
            await self._keep(course)
            return
        await self._follow(course, decision)

    async def _follow(self, course: Course, decision: Decision) -> None:
        try:
            await self._move(
                course, decision.state, decision.canary_bp, by=decision.by, why=decision.why
            )
        except StoreError:  # told by _keep; the next look tries again
            course.record = replace(
                course.record, why="Stays, for the next step cannot be written down."
            )
            self._records[course.record.id] = course.record

    async def _move(
        self, course: Course, state: State, canary_bp: int, *, by: str, why: str
    ) -> None:
        """Raises StoreError, with nothing done, for whatever gives the candidate more."""
        before = course.record
        is_shared_anew = state not in ("loaded", "rolled_back") and (
            by == "restart"
            or canary_bp != before.canary_bp
            or (state == "shadow" and before.state != "shadow")
        )
        now = self._clock.wall_ms()
        after = course.with_next_epoch() if is_shared_anew else before
        course.record = after.moved(now, state=state, canary_bp=canary_bp, by=by, why=why)
        if state == "rolled_back":
            course.close()
            await self._keep(course)
        else:
            try:
                await self._save(course)
            except StoreError:
                course.record = before
                raise
            if is_shared_anew:
                course.share_out()
        self._records[before.id] = course.record
        log.info(
            "rollout_moved",
            extra={
                "model": before.model,
                "rollout": before.id,
                "version": before.candidate,
                "state": state,
                "canary_bp": canary_bp,
                "by": by,
                "reason": why,
            },
        )
        if state == "live" and (decided := course.verdict_against()) is not None:
            # While it was written down; nobody has been told yet that it is live.
            await self._move(course, "rolled_back", 0, by="judge", why=verdict_told(decided))
        elif not course.record.goes_on:
            await self._end(course)

    async def _reopen(self, course: Course) -> None:
        """After a restart: the judge is where it was, and the step begins anew."""
        record = course.record
        try:
            course.open(await asyncio.to_thread(self._store.events, record.id))
        except PenstockError as error:
            now = self._clock.monotonic_s()
            if course.refused_s is None:
                course.refused_s = now
                log.warning(
                    "rollout_not_reopened",
                    extra={"model": record.model, "rollout": record.id, "reason": str(error)},
                )
            is_late = now - course.refused_s >= REOPEN_S
            if is_late and record.goes_on:
                why = f"It could not be put on trial again after a restart: {error}"
                await self._move(course, "rolled_back", 0, by="restart", why=why)
            return
        why = "The server was started again; the judge is where it was, the step begins anew."
        try:
            await self._move(course, record.state, record.canary_bp, by="restart", why=why)
        except PenstockError:
            course.close()
            course.record = record

    async def _end(self, course: Course) -> None:
        """What comes after the last state: the champion hears it, then nothing holds the model."""
        if course.record.is_told:
            if await self._keep(course) and await self._examples.keep(course):
                del self._courses[course.record.id]
        elif not course.is_telling and self._clock.monotonic_s() >= course.retry_at_s:
            course.telling = asyncio.create_task(self._tell(course))

    async def _tell(self, course: Course) -> None:
        record = course.record
        try:
            if record.state == "live":
                await self._champion.promoted(record.model, record.candidate)
            else:
                await self._champion.rolled_back(record.model, record.candidate, record.why)
        except Exception as error:
            course.told_failures += 1
            wait_s = min(RETRY_MAX_S, 2.0**course.told_failures)
            course.retry_at_s = self._clock.monotonic_s() + wait_s
            log.warning(
                "rollout_champion_not_told",
                extra={"model": record.model, "rollout": record.id, "reason": str(error)},
            )
        else:
            async with self._lock:
                course.gather()
                course.close()
                course.record = replace(course.record, is_told=True)
                self._records[record.id] = course.record
                await self._end(course)

    # --- the store and the clock ---

    async def _save(self, course: Course) -> None:
        events = tuple(course.unsaved)
        # Whoever is cancelled meanwhile leaves the lock once it is known what is kept.
        saving = asyncio.ensure_future(asyncio.to_thread(self._store.save, course.record, events))
        try:
            await asyncio.shield(saving)
        except asyncio.CancelledError:
            with suppress(StoreError):
                await saving
                del course.unsaved[: len(events)]
            raise
        except StoreError as error:
            record = course.record
            log.warning(
                "rollout_not_kept",
                extra={"model": record.model, "rollout": record.id, "reason": str(error)},
            )
            raise
        del course.unsaved[: len(events)]
        self._records[course.record.id] = course.record

    async def _keep(self, course: Course) -> bool:
        """Saves; False: it could not, and a later look does."""
        try:
            await self._save(course)
        except StoreError:
            self._records[course.record.id] = course.record
            return False
        return True

    async def _forget_oldest(self, model: str) -> None:
        ended = [
            record.id
            for record in self._records.values()
            if record.model == model and record.id not in self._courses
        ]
        for rollout in ended[:-ENDED_MAX]:
            with suppress(StoreError):
                await asyncio.to_thread(self._store.forget, rollout)
                del self._records[rollout]

    def _watch_clock(self) -> None:
        if not (jumped_s := self._jumps.look()):
            return
        for course in self._courses.values():
            record = course.record
            course.record = replace(record, clock_jumps=record.clock_jumps + 1)
            log.warning(
                "rollout_clock_jumped",
                extra={"model": record.model, "rollout": record.id, "seconds": round(jumped_s, 1)},
            )
