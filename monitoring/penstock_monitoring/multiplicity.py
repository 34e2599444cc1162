# SPDX-License-Identifier: Apache-2.0
"""Which of many columns may be told of, so that all of them together keep one bound.

e-BH (Wang & Ramdas 2022) at each tick (Dandapanthula & Ramdas 2025): whatever depends on what, the
share of false ones among those told of stays below alpha times the ticks waited for them.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["alpha_of", "ed_bh", "log_limit"]

_30_DAYS_S = 30 * 86_400


def alpha_of(false_alarms_per_30_days: float, tick_s: float = 10.0) -> float:
    """False alarms of a whole model per tick: of `tick_s`, 30 days have 259,200 at most."""
    return false_alarms_per_30_days * tick_s / _30_DAYS_S


def log_limit(columns: int, alpha: float) -> float:
    """The evidence, as a logarithm, that one of so many columns needs by itself."""
    return float(np.log(max(1, columns) / alpha))


def ed_bh(log_e: npt.NDArray[np.float64], alpha: float) -> npt.NDArray[np.bool_]:
    """Which of d columns (d,) have enough evidence: the k largest, for the most k that do.

    k* = max k with E_(k) >= d / (k alpha); `log_e` has logarithms.
    """
    d = len(log_e)
    if d == 0:
        return np.zeros(0, dtype=bool)
    ranked = np.sort(log_e)[::-1]
    limits: npt.NDArray[Any] = np.log(d / (alpha * np.arange(1, d + 1)))
    enough = np.flatnonzero(ranked >= limits)
    if len(enough) == 0:
        return np.zeros(d, dtype=bool)
    return np.asarray(log_e >= limits[enough[-1]])
