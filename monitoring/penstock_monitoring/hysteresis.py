# SPDX-License-Identifier: Apache-2.0
"""How a column stands: OK, then WARN by its effect, ALARM by evidence and effect, and OK again.

An alarm ends after CLEAR_STREAK windows one after the other in each of which the effect is surely
below the level of a warning. A window is closed when it has lasted CLEAR_WINDOW_S and has the rows
that this takes.
"""

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from penstock.drift import WatchedColumn
from penstock_monitoring.effects import ALARM, WARN, Pair, compare

__all__ = ["CLEAR_STREAK", "CLEAR_WINDOW_S", "Clearing", "Standing", "clear_rows", "psi_limit"]

CLEAR_STREAK = 3
CLEAR_WINDOW_S = 300.0
#: smallest_psi() of 20 bins, over (1 / rows + 1 / reference rows).
_PSI_UNIT = 21.0
#: W1 of rows without drift is rarely more, over the root of (1 / rows + 1 / reference rows).
_W1_UNIT = 2.5

Counts = npt.NDArray[Any]
State = Literal["ok", "warn", "alarm"]


def psi_limit(reference_rows: int) -> float:
    """What PSI must surely be below: WARN, or what so few reference rows can show."""
    return max(WARN, 2 * _PSI_UNIT / max(1, reference_rows))


def clear_rows(reference_rows: int) -> int:
    """Rows with which PSI without drift is mostly surely below its limit."""
    floor = _PSI_UNIT / max(1, reference_rows)
    return int(np.ceil(_PSI_UNIT / (psi_limit(reference_rows) / 1.6 - floor)))


@dataclass(slots=True)
class Clearing:
    """The windows since an alarm was raised: live rows (places,), and how many were clear."""

    begin: float
    live: npt.NDArray[np.int64]
    streak: int = 0

    def add(self, live: Counts) -> None:
        """Adds a tick's rows."""
        self.live += live

    def disturb(self, at: float) -> None:
        """Begins anew: there is evidence again."""
        self.begin, self.streak = at, 0
        self.live[:] = 0

    def is_over(self, pair: Pair, at: float, *, rate: int | None, tolerance: float) -> bool:
        """Closes the window if it may be; True: that was the last one that it took.

        `pair`: the window's live rows beside the reference's. `rate`: the place whose rate was off,
        and by how much it may be.
        """
        rows, m = float(pair.live.sum()) / max(1.0, pair.dispersion), int(pair.reference.sum())
        wanted = clear_rows(m)
        if rate is not None and m:
            share = float(pair.reference[rate]) / m
            wanted = max(
                wanted, min(4 * m, int(4 * share * (1 - share) / max(tolerance, 1e-3) ** 2))
            )
        if at - self.begin < CLEAR_WINDOW_S or rows < wanted:
            return False
        is_clear = _is_small(pair, rows, m) and (
            rate is None or _is_near(pair, rows, m, rate, tolerance)
        )
        streak = self.streak + 1 if is_clear else 0
        self.disturb(at)
        self.streak = streak
        return streak >= CLEAR_STREAK


def _is_small(pair: Pair, rows: float, m: int) -> bool:
    found = compare([pair])[0]
    psi, w1 = found.effect("psi"), found.effect("wasserstein")
    w1_limit = max(ALARM, _W1_UNIT * (1 / rows + 1 / max(1, m)) ** 0.5)
    return (psi is None or psi.high < psi_limit(m)) and (w1 is None or w1.high < w1_limit)


def _is_near(pair: Pair, rows: float, m: int, place: int, tolerance: float) -> bool:
    live, held = float(pair.live[place]) / float(pair.live.sum()), float(pair.reference[place]) / m
    pooled = (live * rows + held * m) / (rows + m)
    error = (pooled * (1 - pooled) * (1 / rows + 1 / m)) ** 0.5
    return bool(abs(live - held) <= tolerance + 2 * error)


@dataclass(slots=True)
class Standing:
    """One column's. `clearing` is there in ALARM alone."""

    column: WatchedColumn
    state: State = "ok"
    against: Literal["reference", "last week"] = "reference"
    clearing: Clearing | None = None
    #: Of the alarm: as Alarm's.
    kind: str = "drift"
    #: When what had evidence, but not the effect, is looked at again.
    again_at: float = field(default=float("-inf"))

    def raise_alarm(
        self, at: float, places: int, against: Literal["reference", "last week"], kind: str
    ) -> None:
        """OK or WARN -> ALARM."""
        self.state, self.against, self.kind = "alarm", against, kind
        self.clearing = Clearing(begin=at, live=np.zeros(places, dtype=np.int64))

    def clear(self) -> None:
        """ALARM -> OK."""
        self.state, self.against, self.clearing = "ok", "reference", None

    @property
    def rate(self) -> int | None:
        """The place whose rate was off, counted from the end; None: it was more than a rate."""
        if self.kind == "drift":
            return None
        is_last = self.kind == "infinite" or (
            self.kind == "missing" and self.column.reading in ("category", "present")
        )
        return -1 if is_last else -2

    def warn(self, is_warning: bool) -> None:
        """OK <-> WARN; an alarm stays one."""
        if self.state != "alarm":
            self.state = "warn" if is_warning else "ok"
