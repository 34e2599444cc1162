# SPDX-License-Identifier: Apache-2.0
"""TV, W1 and KS of many columns at once, and intervals of each: sums and maxima of |differences|.

A difference of shares is about normal, and its absolute value then has a known mean and variance
(folded normal), as have sums of such (by their series in Hermite polynomials, Mehler 1866) and
maxima (Clark, *The greatest of a finite set of random variables*, Operations Research 1961). Ends
are sought among sizes of the differences that were found: all of them times one factor.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from penstock_monitoring.divergences import Interval, Sides
from penstock_monitoring.inversion import size_at
from penstock_monitoring.normal import Z_OF_95, density, share_below, share_within

__all__ = ["CutDifferences", "total_variation"]

Floats = npt.NDArray[np.float64]

#: Of TV, whose many small differences are themselves mostly chance: measured, so that it covers.
_Z_OF_TV = 2.1
#: What Clark's variance of a maximum without drift lacks, and how far from it that goes: measured.
_MAXIMUM_LACKS = 0.7
_MAXIMUM_UNTIL = 1.6
_TINY = 1e-300


def total_variation(sides: Sides) -> Interval:
    """Half the sum of |p - q|, less what chance adds to it; 95 % interval."""
    n, m = sides.rows
    p, q = sides.shares
    variances = p * (1 - p) / n + q * (1 - q) / m
    deviations = variances**0.5
    inverse = _inverse(deviations)
    differences = sides.live / n - sides.reference / m
    found = np.abs(differences).sum(axis=0) / 2
    off = differences * inverse
    # The covariance of two bins is - p p' / n - q q' / m.
    live, held = p / n**0.5, q / m**0.5
    squares = (live * live * inverse, 2**0.5 * live * held * inverse, held * held * inverse)

    def moments(size: Floats) -> tuple[Floats, Floats]:
        at = off * size**0.5
        f, sign = _folded(at)
        f = f * sides.is_bin
        means = deviations * (at * sign + 2 * f)
        spread = (variances * (1 + at * at) - means * means).sum(axis=0)
        for part in (sign * live, sign * held):
            spread -= _sum_of_products(part)
        for part in squares:
            spread += 2 * _sum_of_products(f * part)
        return means.sum(axis=0) / 2, np.maximum(spread / 4, _TINY)

    low = size_at(found, moments, _Z_OF_TV) ** 0.5 * found
    high = size_at(found, moments, -_Z_OF_TV, is_normal=True) ** 0.5 * found
    # Where no difference was found there is none to multiply.
    high = np.where(found > 0, high, _Z_OF_TV * variances.sum(axis=0) ** 0.5 / 2)
    chance = moments(np.ones_like(found))[0] - found
    return np.clip(found - chance, low, high), low, np.minimum(high, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class CutDifferences:
    """Differences of cumulative shares at the cuts of d columns, (cuts, d); 0 where there is none.

    `deviations`: of each. `correlations` (cuts - 1, d): of one and the next; those farther apart
    have about the product of what is between.
    """

    differences: Floats
    deviations: Floats
    correlations: Floats

    @classmethod
    def of(cls, sides: Sides) -> "CutDifferences":
        """Of sides whose bins all follow each other."""
        n, m = sides.rows
        live, held = (np.cumsum(part, axis=0)[:-1] for part in sides.shares)
        is_cut = sides.is_bin[1:]
        variances = live * (1 - live) / n + held * (1 - held) / m
        deviations = np.where(is_cut, np.maximum(variances, 0.0), 0.0) ** 0.5
        both = live[:-1] * (1 - live[1:]) / n + held[:-1] * (1 - held[1:]) / m
        inverse = _inverse(deviations)
        found = np.cumsum(sides.live, axis=0)[:-1] / n - np.cumsum(sides.reference, axis=0)[:-1] / m
        return cls(
            differences=found * is_cut,
            deviations=deviations,
            correlations=np.clip(both * inverse[:-1] * inverse[1:], 0.0, 1.0),
        )

    def wasserstein(self, widths: Floats) -> Interval:
        """The sum of |differences| times `widths` (cuts, d), less what chance adds to it.

        For the high end differences that may be of either sign are taken to have the others' one:
        so the sum varies most.
        """
        scaled = self.deviations * widths
        off = self.differences * _inverse(self.deviations)
        found = (np.abs(self.differences) * widths).sum(axis=0)
        squares = self.correlations**2

        def moments(size: Floats) -> tuple[Floats, Floats]:
            at = off * size**0.5
            f, sign = _folded(at)
            means = at * sign + 2 * f
            spread = (scaled**2 * (1 + at * at - means * means)).sum(axis=0)
            spread += 2 * _chained(sign * scaled, self.correlations)
            spread += 4 * _chained(f * scaled, squares)
            return (means * scaled).sum(axis=0), np.maximum(spread, _TINY)

        low = size_at(found, moments, Z_OF_95) ** 0.5 * found
        sign = _folded(off)[1]
        side = np.where((self.differences * widths).sum(axis=0) < 0, -1.0, 1.0)
        leaning = (side * (1 - np.abs(sign)) + sign) * scaled
        spread = (leaning**2).sum(axis=0) + 2 * _chained(leaning, self.correlations)
        high = found + Z_OF_95 * np.maximum(spread, 0.0) ** 0.5
        chance = moments(np.ones_like(found))[0] - found
        return np.clip(found - chance, low, high), low, high

    def kolmogorov_smirnov(self) -> Interval:
        """The largest |difference|, less what chance adds to it.

        The high end is of the difference at that very cut, which the largest is not below.
        """
        deviations = self.deviations
        off = self.differences * _inverse(deviations)
        found = np.abs(self.differences).max(axis=0)
        largest = np.abs(off).max(axis=0)
        powers = [self.correlations**power for power in (1, 2, 3, 4)]

        def moments(size: Floats) -> tuple[Floats, Floats]:
            at = off * size**0.5
            f, sign = _folded(at)
            means = (at * sign + 2 * f) * deviations
            variances = np.maximum((1 + at * at) * deviations**2 - means * means, _TINY)
            terms = (
                sign * deviations,
                2**0.5 * f * deviations,
                (6**0.5 / 3) * at * f * deviations,
                (24**0.5 / 12) * (at * at - 1) * f * deviations,
            )
            with_next = sum(
                (term[:-1] * term[1:] * power for term, power in zip(terms, powers, strict=True)),
                np.zeros_like(means[:-1]),
            )
            mean, variance = _greatest(means, variances, with_next, deviations > 0)
            is_near = np.exp(-size * largest**2 / _MAXIMUM_UNTIL)
            return mean, np.maximum(variance * (1 + _MAXIMUM_LACKS * is_near), _TINY)

        low = size_at(found, moments, Z_OF_95) ** 0.5 * found
        place = np.abs(self.differences).argmax(axis=0)
        high = found + Z_OF_95 * np.take_along_axis(deviations, place[None], axis=0)[0]
        chance = moments(np.ones_like(found))[0] - found
        return np.clip(found - chance, low, high), low, np.minimum(high, 1.0)


def _greatest(
    means: Floats, variances: Floats, with_next: Floats, is_there: npt.NDArray[np.bool_]
) -> tuple[Floats, Floats]:
    """Mean and variance of the greatest of variables (cuts, d), by Clark's formulas.

    `with_next` (cuts - 1, d): covariances of one and the next. What has been greatest so far is
    taken to know of the next one only what the last one does.
    """
    mean, variance = means[0], variances[0]
    covariance = with_next[0] if len(with_next) else mean
    for cut in range(1, len(means)):
        a = np.maximum(variance + variances[cut] - 2 * covariance, _TINY) ** 0.5
        by = (mean - means[cut]) / a
        f = density(by)
        above = share_below(by, f)
        below = 1 - above
        first = mean * above + means[cut] * below + a * f
        second = (mean**2 + variance) * above + (means[cut] ** 2 + variances[cut]) * below
        second += (mean + means[cut]) * a * f
        with_last = covariance * above + variances[cut] * below
        is_one = is_there[cut]
        mean = np.where(is_one, first, mean)
        variance = np.where(is_one, np.maximum(second - first * first, _TINY), variance)
        if cut < len(with_next):
            covariance = with_last * with_next[cut] / variances[cut]
    return mean, variance


def _folded(off: Floats) -> tuple[Floats, Floats]:
    """The density at `off`, and the mean of the sign of N(off, 1)."""
    f = density(off)
    return f, np.copysign(share_within(np.abs(off), f), off)


def _chained(values: Floats, correlations: Floats) -> Floats:
    """The sum over pairs of cuts of values times correlations: of a chain, in one pass."""
    carried = np.zeros(values.shape[1])
    total = np.zeros(values.shape[1])
    for cut in range(1, len(values)):
        carried = correlations[cut - 1] * (carried + values[cut - 1])
        total += values[cut] * carried
    return total


def _sum_of_products(values: Floats) -> Floats:
    """The sum over ordered pairs of different bins of values (bins, d)."""
    return np.asarray(values.sum(axis=0) ** 2 - (values * values).sum(axis=0))


def _inverse(values: Floats) -> Floats:
    """1 over values; 0 of 0."""
    return np.divide(1.0, values, where=values > 0, out=np.zeros_like(values))
