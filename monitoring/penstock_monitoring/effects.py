# SPDX-License-Identifier: Apache-2.0
"""How far live rows are from reference rows, in sizes that do not grow with how many there are.

PSI = sum (p - q) log(p / q) and JS, both in nats, less their mean without any drift, which is
(K - 1)(1/n + 1/m) for PSI (Yurdakul 2018) and an eighth of that for JS; KS = the largest difference
of cumulative shares at a cut; W1 = its integral over the reference's interquartile range; TV = half
the sum of differences of shares. Intervals are closed forms, of all columns at once: see
divergences.py and differences.py.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args, overload

import numpy as np
import numpy.typing as npt

from penstock.drift import Effect, WatchedColumn
from penstock.drift.status import EffectName
from penstock_monitoring.bins import ColumnPlaces, MergedBins
from penstock_monitoring.differences import CutDifferences, total_variation
from penstock_monitoring.divergences import Divergences, Interval, Sides
from penstock_monitoring.widths import cut_widths

__all__ = [
    "ALARM",
    "Comparison",
    "Comparisons",
    "Pair",
    "WARN",
    "compare",
    "level_of",
    "smallest_psi",
]

#: What the lower end of an interval must be above: of PSI; of PSI or of W1.
WARN = 0.05
ALARM = 0.1

#: Columns that are compared at once: what is reckoned of them then stays in cache.
_CHUNK = 1024
_NAMES: tuple[EffectName, ...] = ("psi", "js", "tv", "ks", "wasserstein")
#: Of columns whose bins do not follow each other.
_UNORDERED = 3
#: Rows; fewer are none.
_LEAST = 1e-9

Floats = npt.NDArray[np.float64]
Level = Literal["ok", "warn", "alarm"]
_LEVELS = np.array(get_args(Level))


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One column's reference and live rows at its places, (places,) each.

    `dispersion`: how many times more live counts vary than those of independent rows; at least 1.
    """

    column: WatchedColumn
    reference: npt.NDArray[Any]
    live: npt.NDArray[Any]
    dispersion: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What a pair shows. `effects` is empty where there are no rows on one side.

    `bins`, `live`, `reference`: names of the merged bins, and the share of rows in each.
    `smallest_psi`: see smallest_psi().
    """

    effects: tuple[Effect, ...]
    bins: tuple[str, ...]
    live: tuple[float, ...]
    reference: tuple[float, ...]
    rows: int
    reference_rows: int
    smallest_psi: float

    def effect(self, name: EffectName) -> Effect | None:
        """The effect of that name, if there is one."""
        return next((effect for effect in self.effects if effect.name == name), None)

    def low(self, name: EffectName) -> float:
        """The lower end of an effect's interval; 0 where there is none."""
        found = self.effect(name)
        return found.low if found else 0.0


def level_of(comparison: Comparison) -> Level:
    """How much an effect is: `warn` from WARN on, `alarm` from ALARM on, by its lower end."""
    if comparison.low("psi") > ALARM or comparison.low("wasserstein") > ALARM:
        return "alarm"
    return "warn" if comparison.low("psi") > WARN else "ok"


def smallest_psi(bins: int, rows: float, reference_rows: float) -> float:
    """The least PSI that a 5 % test finds in 4 of 5 samples of that size; infinite without rows.

    n m / (n + m) PSI is about noncentral chi-square with bins - 1 degrees of freedom k: wanted is
    the noncentrality with which 80 % lie above its 95 % quantile without drift, both as normal
    approximations (Wilson & Hilferty 1931 for the quantile).
    """
    return float(_smallest_psi(np.array([bins]), np.array([rows]), np.array([reference_rows]))[0])


def _smallest_psi(bins: npt.NDArray[Any], rows: Floats, reference_rows: Floats) -> Floats:
    is_known = (np.minimum(rows, reference_rows) > 0) & (bins >= 2)
    k = np.maximum(bins - 1.0, 1.0)
    limit = k * (1 - 2 / (9 * k) + 1.6449 * (2 / (9 * k)) ** 0.5) ** 3
    # k + x - z sqrt(2 k + 4 x) = limit, solved for x; z is the 80 % quantile.
    z2 = 0.8416**2
    over = limit - k
    noncentrality = over + 2 * z2 + (4 * over * z2 + 4 * z2**2 + 2 * k * z2) ** 0.5
    n, m = np.where(is_known, rows, 1.0), np.where(is_known, reference_rows, 1.0)
    return np.where(is_known, noncentrality * (1 / n + 1 / m), np.inf)


class Comparisons(Sequence[Comparison]):
    """What each pair shows. Comparisons are made when they are asked for: names take time."""

    def __init__(self, pairs: Sequence[Pair]) -> None:
        self._chunks = [
            _Chunk(pairs[first : first + _CHUNK]) for first in range(0, len(pairs), _CHUNK)
        ]
        self._size = len(pairs)

    @overload
    def __getitem__(self, index: int) -> Comparison: ...

    @overload
    def __getitem__(self, index: slice) -> list[Comparison]: ...

    def __getitem__(self, index: int | slice) -> Comparison | list[Comparison]:
        if isinstance(index, slice):
            return [self[place] for place in range(*index.indices(self._size))]
        place = range(self._size)[index]
        return self._chunks[place // _CHUNK].comparison(place % _CHUNK, is_short=False)

    def __len__(self) -> int:
        return self._size

    def short(self, place: int) -> Comparison:
        """One without bins and the shares in them."""
        return self._chunks[place // _CHUNK].comparison(place % _CHUNK, is_short=True)

    def levels(self) -> list[Level]:
        """level_of() of each."""
        return [level for chunk in self._chunks for level in chunk.levels()]


def compare(pairs: Sequence[Pair]) -> Comparisons:
    """What each pair shows."""
    return Comparisons(pairs)


class _Chunk:
    """Pairs that are compared at once."""

    def __init__(self, pairs: Sequence[Pair]) -> None:
        places = ColumnPlaces([pair.column for pair in pairs])
        live = places.rows_of([pair.live for pair in pairs])
        reference = places.rows_of([pair.reference for pair in pairs])
        self._rows = live.sum(axis=1).astype(np.int64).tolist()
        self._reference_rows = reference.sum(axis=1).astype(np.int64).tolist()
        # Of so many times more variance as many rows less are worth as much as independent ones.
        live /= np.array([max(1.0, pair.dispersion) for pair in pairs])[:, None]
        self._merged = merged = MergedBins(places, reference, live)
        sides = Sides(
            live=merged.sums(live).T,
            reference=merged.sums(reference).T,
            is_bin=merged.is_bin,
        )
        self._live, self._reference = sides.live, sides.reference
        n, m = live.sum(axis=1), reference.sum(axis=1)
        self._smallest_psi = _smallest_psi(merged.bins, n, m).tolist()
        self._is_known = ((n > 0) & (m > 0)).tolist()
        self._is_ordered = (merged.ordered > 0).tolist()
        found = _intervals(sides, places, merged, reference)
        self._psi_low, self._w1_low = found[0, 1], found[4, 1]
        #: By pair, effect: value, low end, high end.
        self._found = found.transpose(2, 0, 1).tolist()

    def levels(self) -> list[Level]:
        is_known = np.array(self._is_known)
        is_warn = is_known & (self._psi_low > WARN)
        is_alarm = is_known & ((self._psi_low > ALARM) | (self._w1_low > ALARM))
        found: list[Level] = _LEVELS[np.where(is_alarm, 2, is_warn)].tolist()
        return found

    def comparison(self, place: int, *, is_short: bool) -> Comparison:
        effects: tuple[Effect, ...] = ()
        if self._is_known[place]:
            names = _NAMES if self._is_ordered[place] else _NAMES[:_UNORDERED]
            effects = tuple(
                Effect(name=name, value=value, low=low, high=high)
                for name, (value, low, high) in zip(names, self._found[place], strict=False)
            )
        bins: tuple[str, ...] = ()
        if not is_short:
            bins = self._merged.one(place).names
        return Comparison(
            effects=effects,
            bins=bins,
            live=_parts(self._live[: len(bins), place]),
            reference=_parts(self._reference[: len(bins), place]),
            rows=self._rows[place],
            reference_rows=self._reference_rows[place],
            smallest_psi=self._smallest_psi[place],
        )


def _intervals(sides: Sides, places: ColumnPlaces, merged: MergedBins, reference: Floats) -> Floats:
    """(effects, 3, pairs) by _NAMES; 0 of those that a pair has not."""
    found = np.zeros((len(_NAMES), 3, len(merged.bins)))
    divergences = Divergences(sides)
    every: tuple[Interval, ...] = (
        divergences.psi(),
        divergences.jensen_shannon(),
        total_variation(sides),
    )
    for place, interval in enumerate(every):
        found[place] = interval
    mine = np.flatnonzero(merged.ordered > 1)
    if len(mine):
        follows = merged.follows[:, mine]
        ordered = Sides(
            live=sides.live[:, mine] * follows,
            reference=sides.reference[:, mine] * follows,
            is_bin=follows,
        )
        cuts = CutDifferences.of(ordered)
        found[3][:, mine] = cuts.kolmogorov_smirnov()
        found[4][:, mine] = cuts.wasserstein(cut_widths(places, merged, reference).T[:, mine])
    return found


def _parts(counts: Floats) -> tuple[float, ...]:
    return tuple((counts / max(float(counts.sum()), _LEAST)).tolist())
