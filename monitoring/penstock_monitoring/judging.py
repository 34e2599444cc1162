# SPDX-License-Identifier: Apache-2.0
"""What evidence and effects together make of columns: warnings, alarms, and their end."""

from collections.abc import Sequence
from typing import Any

import numpy.typing as npt

from penstock.drift import Effect, Layout
from penstock_monitoring.baseline import Baseline
from penstock_monitoring.effects import (
    ALARM,
    Comparison,
    Comparisons,
    Pair,
    compare,
    level_of,
)
from penstock_monitoring.episodes import Episode, Episodes
from penstock_monitoring.evidence import Evidence, Finding
from penstock_monitoring.hysteresis import Standing
from penstock_monitoring.scores import RATE_PART
from penstock_monitoring.windows import Window, Windows

__all__ = ["Judge", "judged_window"]

#: The window that columns are judged by is the shortest that has so many rows, or the longest.
JUDGED_S = (600.0, 3600.0, 86_400.0, 28 * 86_400.0)
JUDGED_ROWS = 1000
_WEEK_S = 7 * 86_400.0
#: How long what has evidence but too small an effect is left alone.
_AGAIN_S = 60.0
#: Columns whose evidence began within so many ticks of each other began together.
_TOGETHER_TICKS = 2

Counts = npt.NDArray[Any]


def judged_window(windows: Windows, now: float) -> Window:
    """The window that columns are judged by."""
    for seconds in JUDGED_S[:-1]:
        found = windows.last(seconds, now)
        if found.rows >= JUDGED_ROWS:
            return found
    return windows.last(JUDGED_S[-1], now)


class Judge:
    """How all columns of a version stand."""

    def __init__(
        self,
        layout: Layout,
        baselines: Sequence[Baseline],
        evidence: Evidence,
        windows: Windows,
        *,
        tolerance: float,
    ) -> None:
        self._layout = layout
        self._baselines = baselines
        self._evidence = evidence
        self._windows = windows
        self._tolerance = tolerance * RATE_PART
        self.standings = [Standing(column=column) for column in layout.columns]
        self.episodes = Episodes()

    def tick(self, tested: Counts, begin: float, at: float) -> bool:
        """Adds a tick; True: an alarm was raised or cleared."""
        is_changed = self._clear(tested, at)
        waiting = []
        for finding in self._evidence.tick(tested, begin):
            standing = self.standings[finding.column]
            if standing.clearing is not None:
                standing.clearing.disturb(at)
                self._evidence.restart(finding.column, finding.against)
            elif finding.kind != "drift":
                is_changed |= self._raise(finding, None, begin, at)
            elif at >= standing.again_at:
                waiting.append(finding)
        is_changed |= self._clear_swings(at)
        if waiting:
            for finding, effect in zip(waiting, self._effects(waiting, at), strict=True):
                if effect is None:
                    self.standings[finding.column].again_at = at + _AGAIN_S
                else:
                    is_changed |= self._raise(finding, effect, begin, at)
        return is_changed

    def look(self, comparisons: Comparisons) -> None:
        """Warns by what the window that columns are judged by shows."""
        for standing, level in zip(self.standings, comparisons.levels(), strict=True):
            standing.warn(level != "ok")

    def pair(self, column: int, window: Window) -> Pair:
        """A column's rows in a window beside what it is held against."""
        standing, baseline = self.standings[column], self._baselines[column]
        if standing.against == "last week":
            return self._seasonal_pair(column)
        begin, end = self._layout.offsets[column], self._layout.offsets[column + 1]
        return Pair(
            column=standing.column,
            reference=baseline.counts,
            live=window.counts[begin:end],
            dispersion=max(baseline.dispersion, window.alike),
        )

    def _seasonal_pair(self, column: int) -> Pair:
        live, reference = self._evidence.last_week(column)
        return Pair(column=self._evidence.columns[column], reference=reference, live=live)

    def _effects(self, findings: Sequence[Finding], at: float) -> list[Effect | None]:
        """Of each finding the effect that makes it an alarm; None: none does.

        Of rows since the onset, or of the window that columns are judged by. Where the hours of
        the week are known, days swing as they do: against the reference only a whole week counts.
        """
        recent = judged_window(self._windows, at)
        week = self._windows.last(_WEEK_S, at) if self._has_week(at) else None
        pairs = []
        for finding in findings:
            if finding.against == "last week":
                pairs += [self._seasonal_pair(finding.column)] * 2
            elif self._evidence.is_known(finding.column):
                pairs += [self.pair(finding.column, week or self._windows.nothing)] * 2
            else:
                since = self._windows.last(max(1.0, at - finding.onset), at)
                pairs += [self.pair(finding.column, since), self.pair(finding.column, recent)]
        found = [_alarming(comparison) for comparison in compare(pairs)]
        return [first or second for first, second in zip(found[::2], found[1::2], strict=True)]

    def _has_week(self, at: float) -> bool:
        return self._windows.is_whole(_WEEK_S, at)

    def _raise(self, finding: Finding, effect: Effect | None, begin: float, at: float) -> bool:
        column = self._layout.columns[finding.column]
        self._evidence.restart(finding.column, finding.against)
        if any(name == column.name for _, name in self.episodes.going(["rule"])):
            return False  # that is told of already, and says more
        places = column.places
        if finding.against == "last week":
            places = self._evidence.places(finding.column)
        standing = self.standings[finding.column]
        standing.raise_alarm(at, places, finding.against, finding.kind)
        said = {
            "drift": f"other values than in {_named(finding.against)}",
            "missing": f"another share of missing values than in {_named(finding.against)}",
            "infinite": f"another share of infinite values than in {_named(finding.against)}",
            "unseen": f"another share of unseen categories than in {_named(finding.against)}",
        }[finding.kind]
        return self.episodes.raise_one(
            Episode(
                id=f"{finding.kind}-{self.episodes.count + 1}-{int(at)}",
                kind=finding.kind,
                against=finding.against,
                columns=[column.name],
                going=[column.name],
                raised_at=at,
                onset=finding.onset,
                log_e=finding.log_e,
                effect=effect,
                said=said,
            ),
            together_s=_TOGETHER_TICKS * max(1.0, at - begin),
        )

    def _clear_swings(self, at: float) -> bool:
        """Ends, once an hour, alarms against the reference that were no more than days as they are.

        Those of columns whose hours are known meanwhile, and that do not differ over a whole week.
        """
        if not (self._evidence.has_turned and self._has_week(at)):
            return False
        swinging = [
            place
            for place, standing in enumerate(self.standings)
            if standing.clearing is not None
            and standing.against == "reference"
            and standing.kind == "drift"
            and self._evidence.is_known(place)
        ]
        week = self._windows.last(_WEEK_S, at)
        is_changed = False
        for place, found in zip(
            swinging, compare([self.pair(place, week) for place in swinging]), strict=True
        ):
            if level_of(found) != "alarm":
                self.standings[place].clear()
                name = self._layout.columns[place].name
                is_changed |= self.episodes.clear(name, at, of=["reference"])
        return is_changed

    def _clear(self, tested: Counts, at: float) -> bool:
        """Adds a tick to the windows of alarms, and ends those that are over."""
        is_changed = False
        coarse: Counts | None = None
        for place, standing in enumerate(self.standings):
            if standing.clearing is None:
                continue
            if standing.against == "last week":
                coarse = self._evidence.coarse(tested) if coarse is None else coarse
                standing.clearing.add(self._evidence.of(place, coarse))
                held = self._evidence.last_week(place)[1]
                column, dispersion = self._evidence.columns[place], 1.0
            else:
                begin, end = self._layout.offsets[place], self._layout.offsets[place + 1]
                standing.clearing.add(tested[begin:end])
                baseline = self._baselines[place]
                held, column, dispersion = baseline.counts, standing.column, baseline.dispersion
            pair = Pair(
                column=column, reference=held, live=standing.clearing.live, dispersion=dispersion
            )
            if standing.clearing.is_over(pair, at, rate=standing.rate, tolerance=self._tolerance):
                against = standing.against
                standing.clear()
                is_changed |= self.episodes.clear(standing.column.name, at, of=[against])
        return is_changed


def _alarming(comparison: Comparison) -> Effect | None:
    if level_of(comparison) != "alarm":
        return None
    psi, w1 = comparison.effect("psi"), comparison.effect("wasserstein")
    return psi if psi is not None and psi.low > ALARM else w1


def _named(against: str) -> str:
    # Until the first week is over, the hours are those of the reference, where it has them.
    return "the reference" if against == "reference" else "the same hours of the week"
