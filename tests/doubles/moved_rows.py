# SPDX-License-Identifier: Apache-2.0
"""Counts of reference rows and of live ones that have moved, many times over, and what is true.

Rows are not drawn: edges of a reference are its own quantiles, whose joint distribution is known
(order statistics of uniform numbers), and counts of live rows are multinomial.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from benchmarks.drift.streams import Change
from scipy import stats

from penstock.drift import WatchedColumn
from penstock.drift.status import EffectName
from penstock_monitoring.bins import ColumnPlaces, MergedBins
from penstock_monitoring.edges import bins_of
from penstock_monitoring.effects import Pair, compare
from penstock_monitoring.widths import cut_widths

__all__ = ["Kind", "Moved", "moved"]

Floats = npt.NDArray[np.float64]
#: Normal, exponential (nothing below its least value), 2 or 50 categories by Zipf's law.
Kind = Literal["normal", "exponential", "2 categories", "50 categories"]


@dataclass(frozen=True)
class Moved:
    """`pairs` of counts, and the true shares at their places, (places,) each."""

    pairs: list[Pair]
    live_shares: list[Floats]
    reference_shares: list[Floats]

    @cached_property
    def truth(self) -> Mapping[EffectName, Floats]:
        """What effects (pairs,) are of true shares, in the bins that the counts were joined to.

        An empty bin has half a row, in PSI and JS, and the unit of W1 is the interquartile range of
        the reference's rows: both as in what is found.
        """
        places = ColumnPlaces([pair.column for pair in self.pairs])
        live = places.rows_of([pair.live / pair.dispersion for pair in self.pairs])
        reference = places.rows_of([pair.reference for pair in self.pairs])
        merged = MergedBins(places, reference, live)
        p, q = (
            merged.sums(places.rows_of(self.live_shares)),
            merged.sums(places.rows_of(self.reference_shares)),
        )
        is_bin = np.arange(p.shape[1]) < merged.bins[:, None]
        n, m = live.sum(axis=1, keepdims=True), reference.sum(axis=1, keepdims=True)
        half = merged.bins[:, None] / 2
        a = np.where(is_bin, (n * p + 0.5) / (n + half), 1.0)
        b = np.where(is_bin, (m * q + 0.5) / (m + half), 1.0)
        middle = (a + b) / 2
        is_ordered = np.arange(p.shape[1]) < merged.ordered[:, None]
        f, g = (np.cumsum(part * is_ordered, axis=1) for part in (p, q))
        with np.errstate(invalid="ignore"):
            off = np.abs(f / f[:, -1:] - g / g[:, -1:])[:, :-1]
        return {
            "psi": ((a - b) * np.log(a / b)).sum(axis=1),
            "js": (a * np.log(a / middle) + b * np.log(b / middle)).sum(axis=1) / 2,
            "tv": np.abs(p - q).sum(axis=1) / 2,
            "ks": off.max(axis=1),
            "wasserstein": (off * cut_widths(places, merged, reference)).sum(axis=1),
        }

    def misses(self) -> dict[EffectName, tuple[float, float]]:
        """Of each effect the part of intervals above what is true, and the part below."""
        compared = compare(self.pairs)
        found: dict[EffectName, tuple[float, float]] = {}
        for name in compared[0].effects:
            ends = [effect for one in compared if (effect := one.effect(name.name))]
            low, high = np.array([[one.low, one.high] for one in ends]).T
            true = self.truth[name.name]
            room = 1e-9 * (1 + true)
            found[name.name] = (
                float(np.mean(low > true + room)),
                float(np.mean(high < true - room)),
            )
        return found


def moved(
    kind: Kind, change: Change, *, n: int, m: int, repeats: int, dispersion: int = 1, seed: int = 0
) -> Moved:
    """Counts of m reference rows and of n live ones that come `dispersion` times each.

    Of categories a shift s tilts shares by exp(s z) with z of unit variance, and a scale c takes
    their c-th root.
    """
    random = np.random.default_rng(seed)
    draw: Any = _numbers if kind in ("normal", "exponential") else _categories
    drawn = [draw(kind, change, m, random) for _ in range(repeats)]
    pairs = [
        Pair(
            column=column,
            reference=reference,
            live=random.multinomial(n // dispersion, p) * dispersion,
            dispersion=dispersion,
        )
        for column, reference, p, _ in drawn
    ]
    return Moved(pairs, [one[2] for one in drawn], [one[3] for one in drawn])


Drawn = tuple[WatchedColumn, npt.NDArray[np.int64], Floats, Floats]


def _numbers(kind: Kind, change: Change, m: int, random: np.random.Generator) -> Drawn:
    bins = bins_of(m)
    ranks = np.arange(1, bins) * m // bins
    gaps = random.standard_gamma(
        np.concatenate([[1, ranks[0]], np.diff(ranks), [m - ranks[-1] - 1, 1]])
    )
    below = np.cumsum(gaps)[:-1] / gaps.sum()
    base = stats.norm() if kind == "normal" else stats.expon()
    values = base.ppf(below)
    middle = base.median()
    then = base.cdf((values[1:-1] - middle - change.shift) / change.scale + middle)
    column = WatchedColumn(
        name="x",
        tensor="x",
        reading="number",
        edges=tuple(values[1:-1].tolist()),
        minimum=float(values[0]),
        maximum=float(values[-1]),
    )
    counts = np.diff(ranks, prepend=0, append=m)
    return (
        column,
        np.append(counts, [0, 0]),
        np.append(np.diff(then, prepend=0, append=1), [0, 0]),
        np.append(np.diff(below[1:-1], prepend=0, append=1), [0, 0]),
    )


def _categories(kind: Kind, change: Change, m: int, random: np.random.Generator) -> Drawn:
    size = int(kind.split()[0])
    q = 1 / np.arange(1, size + 1)
    q /= q.sum()
    z = random.normal(size=size)
    z -= q @ z
    z /= (q @ (z * z)) ** 0.5
    p = (q * np.exp(change.shift * z)) ** (1 / change.scale)
    # None is unseen, and one in a hundred missing.
    p, q = (np.append(one / one.sum() * 0.99, [0, 0.01]) for one in (p, q))
    column = WatchedColumn(
        name="x", tensor="x", reading="category", categories=tuple(map(str, range(size)))
    )
    return column, random.multinomial(m, q), p, q
