# SPDX-License-Identifier: Apache-2.0
"""Watches the versions that are served, and says how their rows stand.

Lives on the control thread. Nothing here fails a load or a request, or delays one for long: what
cannot be watched is served all the same, and the log says why.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from typing import Any
from weakref import WeakValueDictionary

from penstock.drift.course import Course
from penstock.drift.early import EarlyWatches, course_of_version
from penstock.drift.files import read_version_files
from penstock.drift.judge import Judge
from penstock.drift.kept import KeptMonitors
from penstock.drift.learning_status import learning_status
from penstock.drift.looks import Looks, log_begun
from penstock.drift.own_thread import OwnThread
from penstock.drift.ports import Clock, Unserved, Watches
from penstock.drift.served import EarlyWatch, ServedVersion
from penstock.drift.status import DriftStatus
from penstock.drift.watched import Watched
from penstock.errors import EngineError, MonitoringError, PenstockError, StoreError

__all__ = ["DriftController"]

log = logging.getLogger(__name__)

#: Between two looks at a version that has requests.
LOOK_S = 1.0
#: The least between two looks, however often somebody asks.
LOOK_S_MIN = 0.1
#: Between two looks at what nobody watches any more.
FORGET_S = 86_400.0
#: Until a version is tried again that nothing could be kept of.
RETRY_S = 60.0
#: Models that a refusal names.
NAMES_MAX = 10
#: For everything to be kept when the server ends.
CLOSE_SECONDS = 5.0
#: For a monitor to take the last counts of a version that goes. Beyond, they are but kept.
DROP_SECONDS = 5.0
#: For one to say how a version stands.
STATUS_SECONDS = 60.0


class DriftController:
    """A `ServedListener` and a `DriftControl`. `judge` None: nothing judges."""

    def __init__(
        self,
        watches: Watches,
        kept: KeptMonitors,
        judge: Judge | None,
        clock: Clock,
        *,
        drop_s: float = DROP_SECONDS,
        status_s: float = STATUS_SECONDS,
    ) -> None:
        self._watches = watches
        self._kept = kept
        self._judge = judge
        self._clock = clock
        self._thread = OwnThread()
        self._looks = Looks(watches, kept, judge, clock, self._thread)
        self._early = EarlyWatches(
            watches, kept, clock, self._thread, takes_samples=judge is not None
        )
        self._watched: dict[tuple[str, int], Watched] = {}
        self._refused: dict[tuple[str, int], str] = {}
        #: Of these, by when they are tried again.
        self._later: dict[tuple[str, int], tuple[float, ServedVersion, EarlyWatch | None]] = {}
        self._drop_s, self._status_s = drop_s, status_s
        #: By version, for its loads and unloads come one after the other.
        self._changing: WeakValueDictionary[tuple[str, int], asyncio.Lock] = WeakValueDictionary()
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_closed = False

    # --- ServedListener ---

    def coming(self, version: ServedVersion, unserved: Unserved) -> EarlyWatch | None:
        """Counts its rows from the first on, where it is known soon which. On a thread that loads,
        while it may be served in another form, and watched.
        """
        return self._early.open(version, unserved)

    def served(self, version: ServedVersion, early: EarlyWatch | None = None) -> None:
        """Begins to watch a version that was loaded; also one that was loaded again."""
        self._spawn(self._begin(version, early))

    def unserved(self, model: str, version: int) -> None:
        """A version was unloaded, or sleeps."""
        self._spawn(self._end(model, version))

    # --- DriftControl ---

    async def status(
        self, model: str, version: int | None = None, *, window_s: float | None = None
    ) -> DriftStatus:
        """See `control.parts.DriftControl`."""
        watched = self._find(model, version)
        try:
            async with asyncio.timeout(self._status_s):
                return await self._status(watched, window_s)
        except TimeoutError:
            raise MonitoringError(
                f"{model}: how it stands is not known now: its monitor has not answered within "
                f"{self._status_s:g} s.",
                code="UNAVAILABLE",
            ) from None

    async def _status(self, watched: Watched, window_s: float | None) -> DriftStatus:
        is_new, watched.wants_monitor = not watched.wants_monitor, True
        if is_new or self._clock.monotonic_s() - watched.looked_s >= LOOK_S_MIN:
            await self._looks.look(watched)
        if watched.learning is not None or self._judge is None:
            return self._learning_status(watched)
        if not watched.start or watched.status is None:
            raise MonitoringError(
                f"{watched.model}: how it stands is not known now: its monitor is being started.",
                code="UNAVAILABLE",
            )
        try:
            return watched.with_notes(await self._judge.status(watched, window_s=window_s))
        except MonitoringError:
            if not watched.is_closed:
                raise
            raise MonitoringError(
                f"{watched.model}: version {watched.version} was unloaded just now, or loaded "
                "again: ask once more.",
                code="UNAVAILABLE",
            ) from None

    def statuses(self) -> Sequence[DriftStatus]:
        """See `control.parts.DriftControl`."""
        return [one.status or self._learning_status(one) for one in self.watched]

    def _learning_status(self, watched: Watched) -> DriftStatus:
        wall_s = self._clock.wall_ms() / 1000
        return learning_status(watched, wall_s, can_judge=self._judge is not None)

    def _find(self, model: str, version: int | None) -> Watched:
        numbers = [number for name, number in self._watched if name == model]
        wanted = max(numbers, default=0) if version is None else version
        if wanted in numbers:
            return self._watched[model, wanted]
        reasons = [
            why
            for (name, number), why in sorted(self._refused.items())
            if name == model and version in (None, number)
        ]
        which = f" version {version}" if version is not None else ""
        why = reasons[-1] if reasons else self._wanted(numbers)
        raise MonitoringError(f"{model}{which} is not watched: {why}", code="NOT_FOUND")

    def _wanted(self, numbers: Sequence[int]) -> str:
        if numbers:
            return f"watched are versions {', '.join(map(str, sorted(numbers)))}."
        names = sorted({name for name, _ in self._watched})
        told = ", ".join(names[:NAMES_MAX]) + (", ..." if len(names) > NAMES_MAX else "")
        watched = f"; watched are {told}" if names else ""
        return f"wanted a version that is loaded{watched}."

    # --- what metrics tell ---

    @property
    def watched(self) -> Sequence[Watched]:
        """All versions by model and number, to be read on the control thread."""
        return [self._watched[key] for key in sorted(self._watched)]

    @property
    def judge(self) -> Judge | None:
        """The process of the monitors, if anything judges."""
        return self._judge

    @property
    def ring_bytes(self) -> int:
        """Memory of the core's rings."""
        return self._watches.ring_bytes

    # --- the life of the server ---

    async def run(
        self, pause: Callable[[float], Coroutine[Any, Any, None]] = asyncio.sleep
    ) -> None:
        """Looks at all versions, for ever. `pause` waits for so many seconds."""
        forget_s = self._clock.monotonic_s()
        while True:
            watched = list(self._watched.values())
            now = self._clock.monotonic_s()
            if now >= forget_s:
                forget_s = now + FORGET_S
                with suppress(StoreError):
                    await self._thread.do(self._kept.forget_old, self._clock.wall_ms())
            self._try_again(now)
            due = [one for one in watched if one.is_due(now, _interval(one))]
            await asyncio.gather(*map(self._looks.look, due))
            await pause(min([LOOK_S, *map(_interval, watched)]))

    async def close(self) -> None:
        """Keeps what is known, and ends the process. Nothing is watched any more."""
        self._is_closed = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                lasts = [self._looks.look(one, is_last=True) for one in self.watched]
                await asyncio.gather(*lasts)
        if self._judge is not None:
            await self._judge.stop()
        await self._thread.do(self._kept.close)
        self._thread.shut()

    # --- versions that come and go ---

    def _try_again(self, now: float) -> None:
        for at, version, early in list(self._later.values()):
            if now >= at:
                del self._later[version.model, version.version]
                self._spawn(self._begin(version, early))

    async def _begin(self, version: ServedVersion, early: EarlyWatch | None) -> None:
        key = version.model, version.version
        async with self._order(key):
            self._later.pop(key, None)
            await self._drop(key)
            try:
                course = await self._thread.do(self._course, version, early)
                if course.settings.mode == "off":
                    self._refused[key] = "its monitoring.toml says mode off."
                    return
                watched = await self._looks.begun(*key, course, early.watch if early else None)
            except EngineError as error:
                if error.code != "NOT_FOUND":  # it is gone already
                    self._refuse(key, str(error))
            except StoreError as error:  # a disk that is full will have room again
                self._refuse(key, str(error))
                self._later[key] = self._clock.monotonic_s() + RETRY_S, version, early
            except (PenstockError, OSError) as error:
                self._refuse(key, str(error))
            except Exception as error:
                log.debug("monitoring_failed", exc_info=True)
                self._refuse(key, f"{type(error).__name__}: {error}.")
            else:
                self._refused.pop(key, None)
                self._watched[key] = watched
                log_begun(watched, can_judge=self._judge is not None)

    def _refuse(self, key: tuple[str, int], reason: str) -> None:
        self._refused[key] = reason
        told = {"model": key[0], "version": key[1], "reason": reason}
        log.warning("monitoring_refused", extra=told)

    def _course(self, version: ServedVersion, early: EarlyWatch | None) -> Course:
        files = early.files if early else read_version_files(version.folder, version.files)
        kept = self._kept.get(version.model, version.version)
        if early is not None and not early.course.depends_on_kept:
            course = early.course
        else:  # what is kept may have changed since
            course = course_of_version(version, files, kept)
        if kept is None or kept.identity != course.identity:
            now_ms = self._clock.wall_ms()
            self._kept.begin(version.model, version.version, course.identity, now_ms)
        return course

    def _order(self, key: tuple[str, int]) -> asyncio.Lock:
        return self._changing.setdefault(key, asyncio.Lock())

    async def _end(self, model: str, version: int) -> None:
        async with self._order((model, version)):
            self._refused.pop((model, version), None)
            self._later.pop((model, version), None)
            await self._drop((model, version))

    async def _drop(self, key: tuple[str, int]) -> None:
        """What was counted of it before it went is kept."""
        if (watched := self._watched.get(key)) is None:
            return
        try:
            async with asyncio.timeout(self._drop_s):
                await self._looks.look(watched, is_last=True)
                if self._judge is not None and watched.start:
                    with suppress(MonitoringError):
                        await self._judge.close(watched)
        except TimeoutError:  # what holds up its monitor holds up no other version
            await self._looks.leave(watched)
        del self._watched[key]

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        if self._is_closed:
            work.close()
            return
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _interval(watched: Watched) -> float:
    return min(LOOK_S, watched.course.settings.tick_s)
