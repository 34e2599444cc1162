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

__all__ = ["calibrated_limit", "ticks_to"]

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
    levels = np.log(ticks) - _SPAN + np.arange(_LEVELS + 1) * (_SPAN / _LEVELS)
    means = ticks_to(
        levels,
        np.frombuffer(shares),
        np.frombuffer(bets, dtype=np.float32).reshape(shape),
        tick_rows=tick_rows,
        ticks=int(np.ceil(ticks)),
        streams=streams,
        seed=seed,
    )
    # Means grow with the level but for chance, which is what accumulate takes out.
    return float(np.interp(ticks, np.maximum.accumulate(means), levels))


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

    Streams end after `ticks`: waited ticks over those that reached it, which is what the mean of a
    time without memory is estimated by.
    """
    random = np.random.default_rng(seed)
    detector = Detector([bets] * streams)
    firsts = np.full((streams, len(levels)), ticks, dtype=np.int64)
    reached = np.zeros(streams, dtype=np.int64)
    for tick in range(ticks):
        counts = random.multinomial(tick_rows, shares, size=streams)
        detector.update(counts.ravel(), 0.0)
        now = np.searchsorted(levels, detector.log_e, side="right")
        for stream in np.flatnonzero(now > reached):
            firsts[stream, reached[stream] : now[stream]] = tick + 1
            reached[stream] = now[stream]
        if reached.min() == len(levels):
            break
    ended = (reached[:, None] > np.arange(len(levels))).sum(axis=0)
    return np.asarray(firsts.sum(axis=0) / np.maximum(ended, 1), dtype=np.float64)
