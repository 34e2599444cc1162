# SPDX-License-Identifier: Apache-2.0
"""The rules of data quality, minute by minute: which are broken anew, and which no longer."""

from collections.abc import Sequence
from typing import Any

import numpy.typing as npt

from penstock.drift import Layout
from penstock_monitoring.baseline import Baseline
from penstock_monitoring.episodes import Episode, Episodes
from penstock_monitoring.quality import Broken, broken_rules, is_repeating, is_silent, percent
from penstock_monitoring.windows import Window, Windows

__all__ = ["Rules"]

#: The shortest window of so many rows is looked at, or the longest.
_WINDOWS_S = (60.0, 300.0, 3600.0)
_ROWS = 200
_HOUR_S = 3600
#: Looks one after the other at which a rule must hold again.
CLEAR_LOOKS = 5
#: Rules that say no more than an alarm of evidence does that goes on for the column.
_SAME_CAUSE = ("missing", "infinite", "unseen", "range")
#: What alarms of rules are against.
OF = ("rule",)


class Rules:
    """Which rules are broken, of one version."""

    def __init__(self, layout: Layout, baselines: Sequence[Baseline], windows: Windows) -> None:
        self._layout = layout
        self._baselines = baselines
        self._windows = windows
        #: By kind and column: looks since it was broken last.
        self.held: dict[tuple[str, str], int] = {}
        #: When the last row came.
        self.row_at: float | None = None
        #: By hour since 1970, of a day: the longest time without rows that ended in it.
        self.pauses_s: dict[int, float] = {}

    def came(self, at: float) -> None:
        """Rows came, or are waited for from now on."""
        if self.row_at is not None:
            hour = int(at // _HOUR_S)
            self.pauses_s[hour] = max(self.pauses_s.get(hour, 0.0), at - self.row_at)
            self.pauses_s = {one: s for one, s in self.pauses_s.items() if one > hour - 24}
        self.row_at = at

    def look(self, episodes: Episodes, at: float, recent: npt.NDArray[Any]) -> bool:
        """Looks at the last minutes; True: an alarm was raised or cleared."""
        window = self._window(at)
        begin = max(window.begin, self._windows.first_row(at))
        broken = broken_rules(self._layout, self._baselines, window, recent)
        names = [column.name for column in self._layout.columns]
        found = {(one.kind, names[one.column]): (one, begin) for one in broken}
        if is_repeating(self._baselines, window):
            share = window.scalars["repeated_rows"] / window.rows
            said = f"{percent(share)} of rows repeat another one of the last 1024,"
            found["repeated", ""] = (Broken(column=-1, kind="repeated", said=said), begin)
        if self.row_at is not None and is_silent(
            self._hours(at), at - self.row_at, list(self.pauses_s.values())
        ):
            found["silence", ""] = (
                Broken(column=-1, kind="silence", said="no rows"),
                self.row_at,
            )
        is_changed = False
        going = episodes.going(OF)
        told = {name for _, name in episodes.going(["reference", "last week"])}
        for key, (one, since) in found.items():
            self.held[key] = 0
            if key not in going and not (key[0] in _SAME_CAUSE and key[1] in told):
                is_changed |= episodes.raise_one(_episode(one, key[1], since, at, episodes), 60.0)
        for key in going - found.keys():
            self.held[key] = self.held.get(key, 0) + 1
            if self.held[key] >= CLEAR_LOOKS:
                is_changed |= episodes.clear(key[1], at, of=OF, kind=key[0])
                del self.held[key]
        return is_changed

    def _window(self, at: float) -> Window:
        for seconds in _WINDOWS_S[:-1]:
            found = self._windows.last(seconds, at)
            if found.rows >= _ROWS:
                return found
        return self._windows.last(_WINDOWS_S[-1], at)

    def _hours(self, at: float) -> list[int]:
        """Rows of the last 23 whole hours in order, without hours before the first row."""
        ring = self._windows.rings[-2]
        newest = int(at // ring.span)
        rows = [
            int(ring.scalars[hour % len(ring.spans), 1])
            if ring.spans[hour % len(ring.spans)] == hour
            else 0
            for hour in range(newest - len(ring.spans) + 1, newest)
        ]
        first = next((place for place, count in enumerate(rows) if count), len(rows))
        return rows[first:]


def _episode(one: Broken, name: str, begin: float, at: float, episodes: Episodes) -> Episode:
    return Episode(
        id=f"{one.kind}-{episodes.count + 1}-{int(at)}",
        kind=one.kind,
        against=OF[0],
        columns=[name] if name else [],
        going=[name],
        raised_at=at,
        onset=begin,
        log_e=0.0,
        effect=None,
        said=one.said,
    )
