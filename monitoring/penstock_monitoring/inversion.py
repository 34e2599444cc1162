# SPDX-License-Identifier: Apache-2.0
"""Ends of intervals: the sizes at which what was found would be a rare one.

What is found of a size u has a mean and a variance that depend on u, and never is below zero. It is
taken to be as gamma is of that mean and variance, whose cube root is nearly normal (Wilson &
Hilferty, *The distribution of chi-square*, PNAS 1931): so also what noncentral chi-square is
approximated by (Patnaik, *Biometrika* 1949).
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

__all__ = ["Moments", "size_at"]

Floats = npt.NDArray[np.float64]
#: From sizes (d,) to means and variances (d,) of what is found.
Moments = Callable[[Floats], tuple[Floats, Floats]]

#: Of the regula falsi, and of doublings before it: ends are then within a thousandth.
_STEPS = 9
_WIDENINGS = 8
#: Keeps divisions by nothing finite; its square is above 0.
_TINY = 1e-150


def size_at(found: Floats, moments: Moments, score: float, *, is_normal: bool = False) -> Floats:
    """The size u (d,) of which what was found is `score` deviations above; at least 0.

    Means must grow with u; the first guess is that u is below 1. By the Illinois algorithm
    (Dowell & Jarratt, *BIT* 1971). `is_normal`: what is found is as if normal.
    """
    seen = found if is_normal else np.cbrt(found)

    def off(size: Floats) -> Floats:
        means, variances = moments(size)
        if is_normal:
            return np.asarray(seen - means - score * variances**0.5)
        spread = variances / (9 * np.maximum(means, _TINY) ** 2)
        return np.asarray(seen - np.cbrt(means) * (1 - spread + score * spread**0.5))

    low, high = np.zeros_like(found), np.ones_like(found)
    off_low, off_high = off(low), off(high)
    for _ in range(_WIDENINGS):
        if not (is_beyond := off_high > 0).any():
            break
        high = np.where(is_beyond, 4 * high, high)
        off_high = np.where(is_beyond, off(high), off_high)
    is_none = off_low <= 0
    side = np.zeros_like(found)
    for _ in range(_STEPS):
        middle = _between(low, high, off_low, off_high)
        off_middle = off(middle)
        is_up = off_middle > 0
        kept_low = np.where(side == -1, off_low / 2, off_low)
        kept_high = np.where(side == 1, off_high / 2, off_high)
        off_low, off_high = (
            np.where(is_up, off_middle, kept_low),
            np.where(is_up, kept_high, off_middle),
        )
        low, high = np.where(is_up, middle, low), np.where(is_up, high, middle)
        side = np.where(is_up, 1.0, -1.0)
    return np.where(is_none, 0.0, _between(low, high, off_low, off_high))


def _between(low: Floats, high: Floats, off_low: Floats, off_high: Floats) -> Floats:
    fall = np.minimum(off_high - off_low, -_TINY)
    return np.clip(low - off_low * (high - low) / fall, low, high)
