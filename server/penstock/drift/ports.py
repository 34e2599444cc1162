# SPDX-License-Identifier: Apache-2.0
"""What monitoring needs of the server around it."""

from collections.abc import Sequence
from typing import Any, Protocol

from penstock.drift.layout import Layout
from penstock.drift.taken import Taken
from penstock.errors import MonitoringError

__all__ = ["Clock", "MonitorGone", "Process", "Unserved", "Watch", "Watches"]


class MonitorGone(MonitoringError):
    """The process of the monitors is not there now; it is started again."""

    def __init__(self, message: str) -> None:
        super().__init__(message, code="UNAVAILABLE")


class Clock(Protocol):
    """Seconds that nobody sets, and milliseconds since 1970, UTC, that somebody may."""

    def monotonic_s(self) -> float:
        """Never goes backwards."""

    def wall_ms(self) -> int:
        """The wall clock's."""


class Watch(Protocol):
    """The rows of a loaded version, being counted. Calls block for moments."""

    layout: Layout
    share: float

    def take(self, now: float, *, ends_tick: bool, forgets_keys: bool = False) -> Taken:
        """What was counted since the last time. Raises EngineError once the engine has ended.

        `forgets_keys`: each sticky key may bring rows again, as after the end of a tick.
        """

    def keep_sample(self, rows: int) -> None:
        """At most so many rows of each span from now on; 0: none."""

    @property
    def memory_bytes(self) -> int:
        """Of its counts."""


class Unserved(Protocol):
    """A version that is loaded, and that no request reaches yet: the core's."""

    def open_watch(self, columns: Sequence[Any], share: float, sample_rows: int) -> Any:
        """For `Watches.open`."""


class Watches(Protocol):
    """The core's."""

    def open(
        self,
        model: str,
        version: int,
        layout: Layout,
        *,
        now: float,
        share: float,
        sample_rows: int,
        unserved: Unserved | None = None,
    ) -> Watch:
        """Counts the rows of a loaded version from `now` on, in seconds since 1970; of one that is
        `unserved`, from its first request on. Raises EngineError.
        """

    @property
    def ring_bytes(self) -> int:
        """Memory that all watches share."""


class Process(Protocol):
    """Where monitors are: see worker_main.py. Used on one event loop."""

    restarts: int

    @property
    def memory_bytes(self) -> int:
        """What it has in memory; 0: it is not there."""

    async def started(self) -> int:
        """Which start of the process is running, from 1 on. Raises MonitorGone."""

    async def ask(
        self, do: str, blobs: Sequence[bytes] = (), **asked: Any
    ) -> tuple[Any, Sequence[bytes]]:
        """An answer. Raises MonitorGone, or MonitoringError with what a monitor says."""

    def leave(self, key: str) -> None:
        """Closes a monitor, whenever the process gets to it. What was asked of it before raises
        MonitorGone.
        """

    async def stop(self) -> None:
        """Ends the process."""
