# SPDX-License-Identifier: Apache-2.0
"""PSI and JS of many columns at once, and intervals of both.

What is found of a divergence T is about s times noncentral chi-square: its mean is T and what
chance adds, its variance 4 s T and what there is without drift. s follows from the variance of the
linearization (the delta method: derivatives by all shares), which is 4 T (1/n + 1/m) where live
rows are hardly off. Shares have half a row more in each bin, so that a bin that one side lacks is
taken to have that half row: what intervals are of has it too.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from penstock_monitoring.inversion import size_at
from penstock_monitoring.normal import Z_OF_95

__all__ = ["Divergences", "Interval", "Sides"]

Floats = npt.NDArray[np.float64]
#: Value, low end and high end, (d,) each.
Interval = tuple[Floats, Floats, Floats]

#: Keeps the logarithm of an empty bin finite.
_HALF_ROW = 0.5
#: Added to a share, in rows, where that divides: derivatives at next to no rows are far too steep.
_FEW_ROWS = 0.2
#: Of what the second order adds to the mean of PSI beyond what it is without drift: it is reckoned
#: from shares with half a row more, and too large where bins are nearly empty.
_SECOND_ORDER = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Sides:
    """Counts of d columns in as many bins each, (bins, d): live ones as of independent rows.

    `is_bin` (bins, d): which of those there are.
    """

    live: Floats
    reference: Floats
    is_bin: npt.NDArray[np.bool_]

    @property
    def bins(self) -> Floats:
        """How many each column has (d,)."""
        return np.asarray(self.is_bin.sum(axis=0, dtype=np.float64))

    @property
    def rows(self) -> tuple[Floats, Floats]:
        """Live and reference rows (d,); never nothing."""
        return np.maximum(self.live.sum(axis=0), _HALF_ROW), np.maximum(
            self.reference.sum(axis=0), _HALF_ROW
        )

    @property
    def shares(self) -> tuple[Floats, Floats]:
        """Live and reference shares (bins, d), with half a row more in each bin; 0 of no bin."""
        return self._shares(self.live), self._shares(self.reference)

    def _shares(self, counts: Floats) -> Floats:
        more = counts + _HALF_ROW * self.is_bin
        return np.asarray(more / np.maximum(more.sum(axis=0), _HALF_ROW))


class Divergences:
    """PSI and JS of sides, with 95 % intervals."""

    def __init__(self, sides: Sides) -> None:
        self._is_bin = sides.is_bin
        self._bins = sides.bins
        self._n, self._m = sides.rows
        p, q = sides.shares
        self._p, self._q = p, q
        # 1 where there is no bin: neither logarithms nor divisions fail there.
        self._at_p, self._at_q = np.where(sides.is_bin, p, 1.0), np.where(sides.is_bin, q, 1.0)

    def debiased_psi(self) -> Floats:
        """The value of psi() alone; below 0 where there is less than chance makes."""
        ratio = np.log(self._at_p / self._at_q)
        chance = np.maximum(self._bins - 1, 0) * (1 / self._n + 1 / self._m)
        return np.asarray(((self._p - self._q) * ratio).sum(axis=0) - chance)

    def psi(self) -> Interval:
        """PSI less its mean without drift (K - 1)(1/n + 1/m), Yurdakul 2018."""
        p, q, n, m = self._at_p, self._at_q, self._n, self._m
        ratio = np.log(p / q)
        few_p, few_q = _FEW_ROWS / (n + self._bins / 2), _FEW_ROWS / (m + self._bins / 2)
        found = ((self._p - self._q) * ratio).sum(axis=0)
        spread = _variance(ratio + 1 - q / (p + few_p), self._p) / n
        spread += _variance(1 - ratio - p / (q + few_q), self._q) / m
        unit = 1 / n + 1 / m
        chance = np.maximum(self._bins - 1, 0) * unit
        live = np.where(self._is_bin, (1 + q / (p + 2 * few_p)) * (1 - p), 0.0).sum(axis=0)
        held = np.where(self._is_bin, (1 + p / (q + 2 * few_q)) * (1 - q), 0.0).sum(axis=0)
        second = (live / n + held / m) / 2
        more = chance + _SECOND_ORDER * np.maximum(second - chance, 0.0)
        return self._interval(found, spread, unit, chance, more, np.inf)

    def jensen_shannon(self) -> Interval:
        """JS in nats, less an eighth of what is taken off PSI; at most ln 2."""
        p, q, n, m = self._at_p, self._at_q, self._n, self._m
        middle = (p + q) / 2
        by_p, by_q = np.log(p / middle) / 2, np.log(q / middle) / 2
        found = (self._p * by_p + self._q * by_q).sum(axis=0)
        spread = _variance(by_p, self._p) / n + _variance(by_q, self._q) / m
        unit = (1 / n + 1 / m) / 8
        chance = np.maximum(self._bins - 1, 0) * unit
        return self._interval(found, spread, unit, chance, chance, np.log(2))

    def _interval(
        self,
        found: Floats,
        spread: Floats,
        unit: Floats,
        chance: Floats,
        more: Floats,
        most: float,
    ) -> Interval:
        """`spread`: the variance of the linearization. `more`: what chance adds at this size."""
        scale = (spread / 4 + unit * unit) / (found + unit)
        idle = 2 * chance**2 / np.maximum(self._bins - 1, 1)
        guess = 2 * found + 20 * (scale + chance)

        def moments(size: Floats) -> tuple[Floats, Floats]:
            divergence = size * guess
            return divergence + more, 4 * scale * divergence + idle

        has_two = self._bins > 1
        low = np.where(has_two, size_at(found, moments, Z_OF_95) * guess, 0.0)
        high = np.where(has_two, size_at(found, moments, -Z_OF_95) * guess, 0.0)
        # The root of noncentral chi-square is nearly normal too, and next to zero nearer to it.
        by_root = (found**0.5 + Z_OF_95 * scale**0.5) ** 2 - (self._bins - 2) * scale
        high = np.where(has_two, np.maximum(high, by_root), 0.0)
        value = np.clip(found - chance, low, high)
        return np.minimum(value, most), np.minimum(low, most), np.minimum(high, most)


def _variance(values: Floats, shares: Floats) -> Floats:
    """Of values (bins, d) that are drawn by shares; those of no bin have none."""
    mean = (values * shares).sum(axis=0)
    return np.asarray(np.maximum((values * values * shares).sum(axis=0) - mean * mean, 0.0))
