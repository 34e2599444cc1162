# SPDX-License-Identifier: Apache-2.0
"""Where evidence would have to lie for a wanted time between false alarms, by simulation.

For displays and for benchmarks, never for alarms: it is exact for rows that are drawn independently
from the very reference, and for no others. Alarms go by the bound of multiplicity.py, which holds
for every rows within the tolerance and is several times farther away.
"""

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from penstock_monitoring.detector import Detector

__all__ = ["Passages", "calibrated_limit", "levels_below", "ticks_to"]

Floats = npt.NDArray[np.float64]

#: Simulated at once.
_STREAMS = 4000
#: Thresholds that are tried, below the one that the bound gives.
_LEVELS = 240
_SPAN = 12.0


def calibrated_limit(
    shares: Floats,
    bets: npt.NDArray[np.float32],
    *,
    tick_rows: int,
    ticks: float,
    streams: int = _STREAMS,
    seed: int = 0,
) -> float:
    """The evidence, a logarithm, that rows without drift reach once in `ticks` on average.

    `shares`: of rows at each place of one column (places,). `bets`: what bets_of() gives
    (bets, places). Each tick has `tick_rows` rows. The same arguments are not simulated again.
    """
    return _limit(
        np.asarray(shares, dtype=np.float64).tobytes(),
        bets.tobytes(),
        bets.shape,
        tick_rows,
        float(ticks),
        streams,
        seed,
    )


@lru_cache(maxsize=1024)
def _limit(
    shares: bytes,
    bets: bytes,
    shape: tuple[int, int],
    tick_rows: int,
    ticks: float,
    streams: int,
    seed: int,
) -> float:
    passages = Passages(
        levels_below(ticks),
        np.frombuffer(shares),
        np.frombuffer(bets, dtype=np.float32).reshape(shape),
        tick_rows=tick_rows,
        streams=streams,
        seed=seed,
    )
    passages.run(int(np.ceil(ticks)))
    return passages.level_at(ticks)


def levels_below(ticks: float) -> Floats:
    """Thresholds that are tried for `ticks` between false alarms: below the bound's (levels,)."""
    return np.asarray(np.log(ticks) - _SPAN + np.arange(_LEVELS + 1) * (_SPAN / _LEVELS))


def ticks_to(
    levels: Floats,
    shares: Floats,
    bets: npt.NDArray[np.float32],
    *,
    tick_rows: int,
    ticks: int,
    streams: int,
    seed: int,
) -> Floats:
    """The mean number of ticks until evidence first reaches each of ascending `levels` (levels,).

    See Passages.
    """
    passages = Passages(levels, shares, bets, tick_rows=tick_rows, streams=streams, seed=seed)
    passages.run(ticks)
    return passages.means


class Passages:
    """When the evidence of many streams first reaches each of ascending `levels` (levels,).

    `shares` (places,), or (streams, places) where each stream has its own; `bets` (bets, places).
    """

    def __init__(
        self,
        levels: Floats,
        shares: Floats,
        bets: npt.NDArray[np.float32],
        *,
        tick_rows: int,
        streams: int,
        seed: int,
    ) -> None:
        self._levels, self._shares, self._tick_rows = levels, shares, tick_rows
        self._random = np.random.default_rng(seed)
        self._detector = Detector([bets] * streams)
        self._waited = np.zeros(len(levels), dtype=np.int64)
        self._reached = np.zeros(streams, dtype=np.int64)
        #: That were simulated.
        self.ticks = 0

    def run(self, ticks: int) -> None:
        """Goes on by so many ticks, or until all streams have reached all levels."""
        streams = len(self._reached)
        for _ in range(ticks):
            if self._reached.min() == len(self._levels):
                return
            self._waited += streams - self._ended
            counts = self._random.multinomial(self._tick_rows, self._shares, size=streams)
            self._detector.update(counts.ravel(), 0.0)
            now = np.searchsorted(self._levels, self._detector.log_e, side="right")
            self._reached = np.maximum(self._reached, now)
            self.ticks += 1

    @property
    def _ended(self) -> npt.NDArray[np.int64]:
        """How many streams have reached each level (levels,)."""
        few = np.bincount(self._reached, minlength=len(self._levels) + 1)
        return len(self._reached) - np.cumsum(few)[:-1]

    @property
    def means(self) -> Floats:
        """The mean number of ticks until each level is reached (levels,).

        Waited ticks over streams that reached it, which is what the mean of a time without memory
        is estimated by.
        """
        return np.asarray(self._waited / np.maximum(self._ended, 1), dtype=np.float64)

    def level_at(self, ticks: float) -> float:
        """What is reached once in `ticks` on average."""
        # Means grow with the level but for chance, which is what accumulate takes out.
        return float(np.interp(ticks, np.maximum.accumulate(self.means), self._levels))
