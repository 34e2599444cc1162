# SPDX-License-Identifier: Apache-2.0
"""Counts of the last seconds, minutes, hours and days: any window is a sum of slots.

All columns' places lie behind each other, as in a Layout; each slot has a vector of them. Slots are
of UTC's seconds, minutes, hours and days, so a window begins at one's beginning.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from penstock.drift import Taken

__all__ = ["SCALARS", "Ring", "Window", "Windows"]

Counts = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]

#: Seconds of a slot, and how many slots there are of it.
SPANS = ((1, 60), (60, 60), (3600, 24), (86_400, 28))
_SLOTS_MAX = 60
#: Beyond, no seconds are kept: they are a third of what all slots take.
COLUMNS_WITH_SECONDS = 1000
#: What is counted of all columns together.
SCALARS = ("requests", "rows", "tested_rows", "dropped_rows", "repeated_rows", "capped_rows")
_WIDER: dict[np.dtype[Any], np.dtype[Any]] = {
    np.dtype(np.uint16): np.dtype(np.uint32),
    np.dtype(np.uint32): np.dtype(np.uint64),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """What was seen from `begin` to `end`, seconds since 1970. Arrays as in Taken."""

    begin: float
    end: float
    counts: npt.NDArray[np.int64]
    outside: npt.NDArray[np.int64]
    moments: Floats
    #: By SCALARS.
    scalars: Mapping[str, int]

    @property
    def rows(self) -> int:
        """All that were shown."""
        return self.scalars["rows"]

    @property
    def alike(self) -> float:
        """Rows for each one that was tested: of one request, or of one key, they may be alike."""
        return max(1.0, self.rows / max(1, self.scalars["tested_rows"]))


class Ring:
    """The last `slots` spans of time of `span` seconds."""

    def __init__(self, span: int, slots: int, places: int, columns: int) -> None:
        self.span = span
        #: Which span each slot has; -1: none.
        self.spans = np.full(slots, -1, dtype=np.int64)
        #: As narrow as they can be: they are most of what a monitor holds.
        self.counts: Counts = np.zeros((slots, places), dtype=np.uint16)
        self.outside = np.zeros((slots, columns, 2), dtype=np.uint32)
        self.moments = np.zeros((slots, columns, 4), dtype=np.float64)
        self.scalars = np.zeros((slots, len(SCALARS)), dtype=np.int64)

    @property
    def seconds(self) -> int:
        """How far back it goes."""
        return self.span * len(self.spans)

    def add(self, at: float, taken: Taken, most: int) -> None:
        """Adds counts of which `most` is the largest."""
        number = int(at // self.span)
        slot = number % len(self.spans)
        if self.spans[slot] != number:
            self.spans[slot] = number
            self.counts[slot] = 0
            self.outside[slot] = 0
            self.scalars[slot] = 0
            self.moments[slot] = (0.0, 0.0, np.inf, -np.inf)
        while (
            self.counts.dtype in _WIDER
            and int(self.counts[slot].max(initial=0)) + most > np.iinfo(self.counts.dtype).max
        ):
            self.counts = self.counts.astype(_WIDER[self.counts.dtype])
        np.add(self.counts[slot], taken.shown, out=self.counts[slot], casting="unsafe")
        self.outside[slot] += taken.outside
        self.scalars[slot] += [getattr(taken, name) for name in SCALARS]
        mine = self.moments[slot]
        mine[:, :2] += taken.moments[:, :2]
        np.minimum(mine[:, 2], taken.moments[:, 2], out=mine[:, 2])
        np.maximum(mine[:, 3], taken.moments[:, 3], out=mine[:, 3])

    #: Of its arrays.
    names = ("spans", "counts", "outside", "moments", "scalars")

    def restore(self, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        """Goes on with other arrays by `names`. Raises ValueError where they do not fit."""
        for name in self.names:
            mine, other = getattr(self, name), arrays[name]
            may_be = {mine.dtype, *_WIDER.values()} if name == "counts" else {mine.dtype}
            if mine.shape != other.shape or other.dtype not in may_be:
                raise ValueError(f"{name} {other.shape} {other.dtype}: wanted {mine.shape}")
            setattr(self, name, np.array(other))

    def window(self, slots: npt.NDArray[Any], begin: float, end: float) -> Window:
        """The sum of some slots."""
        moments = self.moments[slots]
        return Window(
            begin=begin,
            end=end,
            counts=self.counts[slots].sum(axis=0, dtype=np.int64),
            outside=self.outside[slots].sum(axis=0, dtype=np.int64),
            moments=np.concatenate(
                [
                    moments[:, :, :2].sum(axis=0),
                    moments[:, :, 2:3].min(axis=0, initial=np.inf),
                    moments[:, :, 3:].max(axis=0, initial=-np.inf),
                ],
                axis=1,
            ),
            scalars=dict(zip(SCALARS, self.scalars[slots].sum(axis=0).tolist(), strict=True)),
        )

    def last(self, seconds: float, now: float) -> Window:
        """The last `seconds`, from the beginning of the slot that they began in."""
        newest = int(now // self.span)
        oldest = max(int((now - seconds) // self.span), newest - len(self.spans)) + 1
        oldest = min(oldest, newest)
        slots = np.flatnonzero((self.spans >= oldest) & (self.spans <= newest))
        return self.window(slots, float(oldest * self.span), now)

    def each(self, now: float, most: int = _SLOTS_MAX) -> Iterator[Window]:
        """Each slot that has rows, the oldest first; of more than `most` the latest."""
        newest = int(now // self.span)
        is_recent = (self.spans > newest - len(self.spans)) & (self.scalars[:, 1] > 0)
        slots = sorted(np.flatnonzero(is_recent).tolist(), key=self.spans.__getitem__)
        for slot in slots[-most:]:
            begin = float(self.spans[slot] * self.span)
            yield self.window(np.array([slot]), begin, min(now, begin + self.span))


class Windows:
    """The rings of one version. `at` never goes backwards: see Monitor.take."""

    def __init__(self, places: int, columns: int) -> None:
        self.rings = [
            Ring(span, slots, places, columns)
            for span, slots in SPANS
            if span > 1 or columns <= COLUMNS_WITH_SECONDS
        ]

    def add(self, at: float, taken: Taken) -> None:
        """Adds what was taken."""
        most = int(taken.shown.max(initial=0))
        for ring in self.rings:
            ring.add(at, taken, most)

    def last(self, seconds: float, now: float) -> Window:
        """The last `seconds`, by the finest slots that go back so far."""
        ring = next((ring for ring in self.rings if ring.seconds >= seconds), self.rings[-1])
        return ring.last(seconds, now)

    @property
    def nothing(self) -> Window:
        """A window without rows."""
        return self.rings[-1].window(np.zeros(0, dtype=np.int64), 0.0, 0.0)

    def is_whole(self, seconds: float, now: float) -> bool:
        """Whether rows were seen as long ago as that."""
        days = self.rings[-1]
        seen = days.spans[(days.spans >= 0) & (days.scalars[:, 1] > 0)]
        return bool(len(seen)) and float(seen.min()) * days.span <= now - seconds

    def began(self, now: float) -> float:
        """Since when there are rows, by the finest slots that go back so far; `now`: never."""
        begin = now
        for ring in reversed(self.rings):
            first = next(ring.each(now), None)
            if first is not None and (ring is self.rings[-1] or now - ring.seconds <= begin):
                begin = first.begin
        return begin

    def first_row(self, now: float) -> float:
        """When the first row of the last hour came, to the minute; `now`: there is none."""
        minutes = self.rings[-3]
        is_recent = minutes.spans > int(now // minutes.span) - len(minutes.spans)
        seen = minutes.spans[is_recent & (minutes.scalars[:, 1] > 0)]
        return float(seen.min() * minutes.span) if len(seen) else now

    def history(self, now: float, most: int = _SLOTS_MAX) -> Iterator[Window]:
        """Hours with rows, the oldest first; minutes as long as there are fewer than three.

        Of more than `most` the latest.
        """
        minutes, hours = self.rings[-3], self.rings[-2]
        return (hours if int((hours.scalars[:, 1] > 0).sum()) > 2 else minutes).each(now, most)

    @property
    def nbytes(self) -> int:
        """Of their arrays."""
        return sum(
            array.nbytes
            for ring in self.rings
            for array in (getattr(ring, name) for name in ring.names)
        )
