# SPDX-License-Identifier: Apache-2.0
"""The monitors of all versions, in a process of their own, as the controller asks them."""

import json
from collections.abc import Sequence

from penstock.drift.codec import layout_told, status_of
from penstock.drift.course import Course
from penstock.drift.kept import Kept
from penstock.drift.ports import Process
from penstock.drift.status import DriftStatus
from penstock.drift.taken import Sample
from penstock.drift.taken_bytes import sample_bytes
from penstock.drift.watched import Watched
from penstock.errors import MonitoringError, ProfileError
from penstock.profile import ReferenceProfile, profile_of

__all__ = ["Judge"]


class Judge:
    """Raises MonitorGone while the process is not there, MonitoringError of a monitor's failure."""

    def __init__(self, process: Process) -> None:
        self._process = process

    @property
    def restarts(self) -> int:
        """How often the process was started again."""
        return self._process.restarts

    @property
    def memory_bytes(self) -> int:
        """What the process has in memory."""
        return self._process.memory_bytes

    async def started(self) -> int:
        """Which start of the process is running."""
        return await self._process.started()

    async def open(self, watched: Watched, kept: Kept | None) -> int:
        """Begins with what is kept; counts that could not be read are lost, so many."""
        course = watched.course
        assert course.profile is not None
        snapshot = kept.snapshot if kept is not None else None
        frames = kept.frames if kept is not None else ()
        told, _ = await self._process.ask(
            "open",
            [*([] if snapshot is None else [snapshot]), *frames],
            key=watched.key,
            model=watched.model,
            version=watched.version,
            layout=layout_told(course.layout),
            profile=course.profile.model_dump(mode="json"),
            is_self_reference=course.is_self_reference,
            settings=course.settings.model_dump_json(),
            has_snapshot=snapshot is not None,
        )
        return int(told["lost"])

    async def take(self, watched: Watched, frames: Sequence[bytes]) -> bool:
        """Gives counts; whether an alarm was raised or cleared."""
        told, _ = await self._process.ask("take", frames, key=watched.key)
        return bool(told)

    async def status(self, watched: Watched, *, window_s: float | None = None) -> DriftStatus:
        """How it stands."""
        return await self._status(watched, window_s, is_short=False)

    async def short_status(self, watched: Watched) -> DriftStatus:
        """The same without bins, quantiles and history, which are most of it."""
        return await self._status(watched, None, is_short=True)

    async def _status(
        self, watched: Watched, window_s: float | None, *, is_short: bool
    ) -> DriftStatus:
        _, (content,) = await self._process.ask(
            "status", key=watched.key, window_s=window_s, is_short=is_short
        )
        return status_of(content)

    async def save(self, watched: Watched) -> bytes:
        """What its monitor knows."""
        _, (snapshot,) = await self._process.ask("save", key=watched.key)
        return snapshot

    async def close(self, watched: Watched) -> None:
        """Forgets it."""
        await self._process.ask("close", key=watched.key)

    def leave(self, watched: Watched) -> None:
        """Whoever waits for its monitor is told that it has gone; it is forgotten later."""
        self._process.leave(watched.key)

    async def self_reference(
        self, watched: Watched, samples: Sequence[Sample], course: Course
    ) -> ReferenceProfile:
        """A profile of the first live rows."""
        sensitive = [one.name for one in course.layout.columns if one.is_sensitive]
        told, _ = await self._process.ask(
            "self_reference",
            [sample_bytes(one) for one in samples],
            model=watched.model,
            layout=layout_told(course.layout),
            sensitive=sensitive,
        )
        try:
            return profile_of(json.loads(json.dumps(told)))
        except ProfileError as error:
            raise MonitoringError(str(error), code="INTERNAL") from None

    async def stop(self) -> None:
        """Ends the process."""
        await self._process.stop()
