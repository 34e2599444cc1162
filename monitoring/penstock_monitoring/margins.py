# SPDX-License-Identifier: Apache-2.0
"""How far evidence without drift stays below the bound of false alarms: for displays alone.

The bound holds for any rows within the tolerance. Those that are drawn from the very reference
reach it far more rarely, and a limit that is lower by the column's margin as rarely as the bound
promises. The margin is simulated, a little with each tick, of columns one after the other.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from penstock_monitoring.calibration import Passages, levels_below
from penstock_monitoring.scores import bets_of, scores_of

__all__ = ["Margins", "Simulated", "margin_of"]

#: The fewest rows that a tick has: more rows in each have the wider margins.
TICK_ROWS = 32
#: Ticks between false alarms at which the margin is simulated. At more it is hardly smaller or
#: larger: evidence grows x times with a chance of 1/x at most, as the bound does.
TICKS_BETWEEN = 2000
_STREAMS = 400
_TICKS = 300
#: Of a simulation, with each tick that is watched: about 60 ms of CPU.
_STEP = 60
#: Columns whose shares are alike to this part of all rows have one margin.
_ALIKE = 0.005
_KEPT_MAX = 4096
_SEED = 0

Key = tuple[Any, ...]
#: Margins that were simulated, by what they depend on.
Simulated = dict[Key, float]


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A column's margin: reference counts of places that are bet on, and how."""

    counts: npt.NDArray[np.int64]
    reading: str
    tolerance: float

    @property
    def key(self) -> Key:
        rows = int(self.counts.sum())
        shares = np.round(self.counts / rows / _ALIKE).astype(int)
        about = round(rows, -max(0, len(str(rows)) - 2))
        has_special = tuple((self.counts[-2:] > 0).tolist())
        return self.reading, self.tolerance, about, has_special, tuple(shares.tolist())

    def begun(self) -> Passages:
        bets = bets_of(scores_of(self.counts, self.reading, self.tolerance))
        random = np.random.default_rng(_SEED)
        # Live rows are of what the reference was drawn from, which its own counts are off a little.
        shares = random.dirichlet(np.maximum(self.counts, 1e-9), size=_STREAMS)
        return Passages(
            levels_below(TICKS_BETWEEN),
            shares,
            bets,
            tick_rows=TICK_ROWS,
            streams=_STREAMS,
            seed=_SEED + 1,
        )


class Margins:
    """Of all columns, in their order; None: not simulated yet, or there is no reference."""

    def __init__(
        self,
        counts: Sequence[npt.NDArray[np.int64]],
        readings: Sequence[str],
        tolerance: float,
        simulated: Simulated,
    ) -> None:
        """`counts`: of each column's reference, at the places that are bet on. `simulated`: what
        others know already, and may know from this one.
        """
        self._simulated = simulated
        self._keys: list[Key | None] = []
        self._waiting: dict[Key, _Wanted] = {}
        for of_column, reading in zip(counts, readings, strict=True):
            if not of_column.sum():
                self._keys.append(None)
                continue
            wanted = _Wanted(of_column, reading, tolerance)
            self._keys.append(wanted.key)
            self._waiting[wanted.key] = wanted
        self._now: tuple[Key, Passages] | None = None

    def of(self, column: int) -> float | None:
        """A column's, a difference of logarithms."""
        key = self._keys[column]
        found = math.nan if key is None else self._simulated.get(key, math.nan)
        return None if math.isnan(found) else found

    def step(self) -> None:
        """Simulates a little more."""
        while self._now is None and self._waiting:
            key, wanted = self._waiting.popitem()
            if key not in self._simulated:
                self._now = key, wanted.begun()
        if self._now is None:
            return
        key, passages = self._now
        passages.run(_STEP)
        if passages.ticks >= _TICKS:
            if len(self._simulated) >= _KEPT_MAX:
                self._simulated.pop(next(iter(self._simulated)))
            self._simulated[key] = _margin(passages)
            self._now = None

    def known(self) -> npt.NDArray[np.float64]:
        """What learn() takes (columns,)."""
        found = [self.of(column) for column in range(len(self._keys))]
        return np.array([math.nan if one is None else one for one in found])

    def learn(self, known: npt.NDArray[np.float64]) -> None:
        """Takes what known() of the same columns and tolerance gave."""
        for key, margin in zip(self._keys, known.tolist(), strict=True):
            if key is not None and not math.isnan(margin):
                self._simulated.setdefault(key, margin)


def margin_of(counts: npt.NDArray[np.int64], reading: str, tolerance: float) -> float:
    """One column's at once: its reference counts at the places that are bet on (places,).

    NaN where there is none.
    """
    passages = _Wanted(counts, reading, tolerance).begun()
    passages.run(_TICKS)
    return _margin(passages)


def _margin(passages: Passages) -> float:
    """NaN where so little ever moves that no level is reached."""
    if passages.means[0] > TICKS_BETWEEN:
        return math.nan
    return max(0.0, math.log(TICKS_BETWEEN) - passages.level_at(TICKS_BETWEEN))
