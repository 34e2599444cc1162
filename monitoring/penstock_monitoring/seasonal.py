# SPDX-License-Identifier: Apache-2.0
"""Tested rows by hour of the week: what the same hour of last week looked like."""

from datetime import datetime, tzinfo
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["HOURS", "ROWS_MIN", "Seasons", "hour_of_week"]

HOURS = 168
LEARNT = -2
#: An hour of fewer rows is no reference.
ROWS_MIN = 500
#: What an hour's rows are scaled down to, where there are more: they are held in 16 bits.
_ROWS_MAX = 65_535
_HOUR_S = 3600

Counts = npt.NDArray[Any]


def hour_of_week(at: float, timezone: tzinfo) -> int:
    """0 from midnight on Monday, by a clock of that timezone; `at`: seconds since 1970."""
    local = datetime.fromtimestamp(at, timezone)
    return local.weekday() * 24 + local.hour


class Seasons:
    """The last week by its hours, at all coarse places (places,) of all columns."""

    def __init__(self, places: int, timezone: tzinfo) -> None:
        self._timezone = timezone
        self.hours = np.zeros((HOURS, places), dtype=np.uint16)
        #: When each hour was counted: its beginning; -1: never; LEARNT: it is the reference's.
        self.begun = np.full(HOURS, -1, dtype=np.int64)
        #: Of the hour that goes on, and of the one before it with what that was held against.
        self.now = np.zeros(places, dtype=np.int64)
        self.before = np.zeros((2, places), dtype=np.int64)
        self.current = -1

    def learn(self, hour: int, places: slice, counts: Counts) -> None:
        """An hour of the week as the reference has it, of some places; until it was counted."""
        if self.begun[hour] in (-1, LEARNT):
            self.hours[hour, places] = _scaled(counts)
            self.begun[hour] = LEARNT

    def turn(self, at: float) -> bool:
        """Goes on to the hour of `at`. True: it is another one than before."""
        begun = int(at // _HOUR_S) * _HOUR_S
        if begun == self.current:
            return False
        if self.current >= 0:
            slot = hour_of_week(self.current, self._timezone)
            of_last_week = self.reference(self.current)
            is_next = begun == self.current + _HOUR_S
            self.before[0] = self.now if is_next and of_last_week is not None else 0
            self.before[1] = of_last_week if is_next and of_last_week is not None else 0
            self.hours[slot] = _scaled(self.now)
            self.begun[slot] = self.current
        self.now[:] = 0
        self.current = begun
        return True

    def add(self, counts: Counts) -> None:
        """Adds a tick of the hour that goes on."""
        self.now += counts

    def reference(self, at: float) -> npt.NDArray[np.int64] | None:
        """The same hour of last week, else of the reference; None: neither was counted."""
        slot = hour_of_week(at, self._timezone)
        if self.begun[slot] == LEARNT:
            return np.asarray(self.hours[slot], dtype=np.int64)
        age = at - self.begun[slot]
        # An hour more or less, where clocks are put forward or back.
        if self.begun[slot] < 0 or not (HOURS - 2) * _HOUR_S <= age <= (HOURS + 2) * _HOUR_S:
            return None
        return np.asarray(self.hours[slot], dtype=np.int64)

    @property
    def nbytes(self) -> int:
        """Of its arrays."""
        return self.hours.nbytes + self.now.nbytes + self.before.nbytes


def _scaled(counts: Counts) -> Counts:
    most = int(counts.max(initial=0))
    if most <= _ROWS_MAX:
        return counts
    return np.floor(counts * (_ROWS_MAX / most)).astype(np.int64)
