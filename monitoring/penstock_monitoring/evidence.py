# SPDX-License-Identifier: Apache-2.0
"""All evidence of a version: against its reference, and against the same hours of last week."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from penstock.drift import Layout
from penstock_monitoring.baseline import Baseline
from penstock_monitoring.coarse import coarse_column, coarse_starts
from penstock_monitoring.detector import Detector
from penstock_monitoring.multiplicity import ed_bh, log_limit
from penstock_monitoring.scores import BETS, RATES, bets_of, scores_of
from penstock_monitoring.seasonal import ROWS_MIN, Seasons

__all__ = ["Against", "Evidence", "Finding"]

Against = Literal["reference", "last week"]
Counts = npt.NDArray[Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A column that there is enough evidence of. `kind`: "drift", or the rate that is off."""

    column: int
    against: Against
    kind: str
    onset: float
    log_e: float


class Evidence:
    """The e-detectors of all columns of a layout."""

    def __init__(
        self,
        layout: Layout,
        baselines: Sequence[Baseline],
        *,
        tolerance: float,
        alpha: float,
        timezone: tzinfo | None,
    ) -> None:
        """`alpha`: false alarms per tick. `timezone`: of the hours of the week; None: nothing is
        held against last week.
        """
        self._alpha = alpha
        self._tolerance = tolerance
        starts = [
            coarse_starts(baseline.counts, column.reading)
            for column, baseline in zip(layout.columns, baselines, strict=True)
        ]
        offsets = layout.offsets[: len(starts)]
        shifted = [offset + start for offset, start in zip(offsets, starts, strict=True)]
        self._starts = np.concatenate(shifted) if shifted else np.zeros(0, dtype=np.int64)
        self.columns = [
            coarse_column(column, start)
            for column, start in zip(layout.columns, starts, strict=True)
        ]
        self._places = np.cumsum([0, *(len(start) for start in starts)])
        self._names: list[tuple[str, ...]] = []
        #: Of each column reference rows at the places that are bet on.
        self.references: list[npt.NDArray[np.int64]] = []
        bets = []
        for place, (column, baseline) in enumerate(zip(layout.columns, baselines, strict=True)):
            counts = np.add.reduceat(baseline.counts, starts[place])
            self.references.append(counts)
            scores = scores_of(counts, column.reading, tolerance)
            self._names.append(scores.names)
            bets.append(bets_of(scores, baseline.dispersion))
        self.detector = Detector(bets)
        self.seasons: Seasons | None = None
        self._season_detector: Detector | None = None
        self._is_known = np.zeros(len(bets), dtype=bool)
        #: Whether another hour began with the last tick.
        self.has_turned = False
        if timezone is not None:
            self.seasons = Seasons(int(self._places[-1]), timezone)

    def learn_hours(self, by_hour: Sequence[Sequence[Sequence[int]] | None]) -> None:
        """Reference counts by hour of the week, of each column, or None: until the first week."""
        if self.seasons is None:
            return
        for place, hours in enumerate(by_hour):
            mine = slice(self._places[place], self._places[place + 1])
            starts = self._starts[mine] - self._starts[mine][0]
            for hour, counts in enumerate(hours or ()):
                if counts:
                    self.seasons.learn(hour, mine, np.add.reduceat(np.asarray(counts), starts))

    @property
    def log_limit(self) -> float:
        """The evidence that one column needs by itself."""
        return log_limit(len(self.columns) + int(self._is_known.sum()), self._alpha)

    def is_known(self, column: int) -> bool:
        """Whether the hour that goes on is held against last week."""
        return bool(self._is_known[column])

    def log_e(self, column: int, against: Against = "reference") -> float:
        """The evidence of a column."""
        return float(self._bank(against).log_e[column])

    def onset(self, column: int, against: Against = "reference") -> float | None:
        """When what a column's evidence speaks of began."""
        return self._bank(against).onset(column)

    def coarse(self, counts: Counts) -> npt.NDArray[np.int64]:
        """Counts at all places of the layout, joined to those that are bet on."""
        if len(self._starts) == 0:
            return np.zeros(0, dtype=np.int64)
        return np.asarray(np.add.reduceat(counts.astype(np.int64), self._starts))

    def of(self, column: int, coarse: Counts) -> Counts:
        """One column's part of coarse counts."""
        return coarse[self._places[column] : self._places[column + 1]]

    def places(self, column: int) -> int:
        """How many places of a column are bet on."""
        return int(self._places[column + 1] - self._places[column])

    def tick(self, tested: Counts, begin: float) -> list[Finding]:
        """Adds a tick that began at `begin`; gives the columns that there is enough evidence of."""
        coarse = self.coarse(tested)
        self.detector.update(coarse, begin)
        self.has_turned = False
        found = self.detector.log_e
        if self.seasons is not None:
            self.has_turned = self.seasons.turn(begin)
            if self.has_turned:
                self._turn(begin)
            self.seasons.add(coarse)
            if self._season_detector is not None:
                self._season_detector.update(coarse, begin)
                found = np.concatenate([found, self._season_detector.log_e[self._is_known]])
        chosen = np.flatnonzero(ed_bh(found, self._alpha))
        known = np.flatnonzero(self._is_known)
        d = len(self.columns)
        return [
            self._finding(int(one), "reference")
            if one < d
            else self._finding(int(known[one - d]), "last week")
            for one in chosen
        ]

    def restart(self, column: int, against: Against) -> None:
        """Begins a column's bets anew."""
        self._bank(against).restart([column])

    def last_week(self, column: int) -> tuple[Counts, Counts]:
        """Live rows of this hour and the one before it, and last week's, at coarse places."""
        assert self.seasons is not None
        reference = self.seasons.reference(self.seasons.current)
        live, held = self.seasons.now, self.seasons.now * 0 if reference is None else reference
        live, held = live + self.seasons.before[0], held + self.seasons.before[1]
        return self.of(column, live), self.of(column, held)

    def _bank(self, against: Against) -> Detector:
        if against == "last week" and self._season_detector is not None:
            return self._season_detector
        return self.detector

    def _finding(self, column: int, against: Against) -> Finding:
        bank = self._bank(against)
        name = self._names[column][int(bank.leaders[column]) // BETS]
        return Finding(
            column=column,
            against=against,
            kind=RATES.get(name, "drift"),
            onset=bank.onset(column) or 0.0,
            log_e=float(bank.log_e[column]),
        )

    def _turn(self, at: float) -> None:
        """Bets on what the same hour of last week looked like, of the columns that were counted."""
        assert self.seasons is not None
        reference = self.seasons.reference(at)
        if reference is None and not self._is_known.any():
            return
        if self._season_detector is None:
            self._season_detector = Detector(
                [
                    np.zeros((len(names) * BETS, self.places(place)), np.float32)
                    for place, names in enumerate(self._names)
                ]
            )
        for place, (column, names) in enumerate(zip(self.columns, self._names, strict=True)):
            counts = None if reference is None else self.of(place, reference)
            self._is_known[place] = counts is not None and int(counts.sum()) >= ROWS_MIN
            shape = (len(names) * BETS, self.places(place))
            bets = np.zeros(shape, dtype=np.float32)
            if counts is not None and self._is_known[place]:
                scores = scores_of(counts, column.reading, self._tolerance, names=names)
                bets = bets_of(scores)
            self._season_detector.replace(place, bets)

    @property
    def nbytes(self) -> int:
        """Of its arrays."""
        parts = (self.detector, self._season_detector, self.seasons)
        return sum(part.nbytes for part in parts if part is not None)

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """What restore() goes on with."""
        found: dict[str, npt.NDArray[Any]] = _of_bank(self.detector, "reference")
        if self.seasons is not None:
            found |= {
                "seasons.hours": self.seasons.hours,
                "seasons.begun": self.seasons.begun,
                "seasons.now": self.seasons.now,
                "seasons.before": self.seasons.before,
                "seasons.current": np.array([self.seasons.current]),
            }
            if self._season_detector is not None:
                found |= _of_bank(self._season_detector, "last week")
        return found

    def restore(self, arrays: dict[str, npt.NDArray[Any]]) -> None:
        """Goes on from what arrays() gave; what is not there begins anew. Raises ValueError."""
        _restore_bank(self.detector, "reference", arrays)
        if self.seasons is None or "seasons.hours" not in arrays:
            return
        for name in ("hours", "begun", "now", "before"):
            put(getattr(self.seasons, name), arrays[f"seasons.{name}"])
        self.seasons.current = int(arrays["seasons.current"][0])
        if "last week.sums" in arrays:
            self._is_known[:] = True
            self._turn(float(self.seasons.current))
            assert self._season_detector is not None
            _restore_bank(self._season_detector, "last week", arrays)


def put(target: npt.NDArray[Any], source: npt.NDArray[Any]) -> None:
    """Copies an array into one of the same shape. Raises ValueError where it has another."""
    if target.shape != source.shape:
        raise ValueError(f"wanted an array {target.shape}, found {source.shape}")
    target[...] = source


def _of_bank(bank: Detector, name: str) -> dict[str, npt.NDArray[Any]]:
    return {
        f"{name}.sums": bank.sums,
        f"{name}.onsets": bank.onsets,
        f"{name}.log_e": bank.log_e,
        f"{name}.leaders": bank.leaders,
    }


def _restore_bank(bank: Detector, name: str, arrays: dict[str, npt.NDArray[Any]]) -> None:
    for part, target in _of_bank(bank, name).items():
        put(target, arrays[part])
