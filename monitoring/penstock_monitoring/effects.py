# SPDX-License-Identifier: Apache-2.0
"""How far live rows are from reference rows, in sizes that do not grow with how many there are.

PSI = sum (p - q) log(p / q) and JS, both in nats, less their mean without any drift, which is
(K - 1)(1/n + 1/m) for PSI (Yurdakul 2018) and an eighth of that for JS; KS = the largest difference
of cumulative shares at a cut; W1 = its integral over the reference's interquartile range; TV = half
the sum of differences of shares. Intervals are basic (pivotal) bootstrap intervals (Efron &
Tibshirani 1993, ch. 13) of Poisson draws of the counts: a plain bootstrap would add the bias of
PSI once more.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from penstock.drift import Effect, WatchedColumn
from penstock.drift.status import EffectName
from penstock_monitoring.bins import BINS_MAX, Bins, bins_of_rows

__all__ = [
    "ALARM",
    "Comparison",
    "DRAWS",
    "Pair",
    "WARN",
    "compare",
    "debiased_psi",
    "level_of",
    "smallest_psi",
]

#: What the lower end of an interval must be above: of PSI; of PSI or of W1.
WARN = 0.05
ALARM = 0.1

#: Of each bootstrap.
DRAWS = 200
#: Columns whose draws are held in memory at once.
_CHUNK = 64
_EDGES_OF_95 = (0.025, 0.975)
#: Keeps the logarithm of an empty bin finite.
_HALF_ROW = 0.5

Floats = npt.NDArray[np.float64]


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


def level_of(comparison: Comparison) -> Literal["ok", "warn", "alarm"]:
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
    if min(rows, reference_rows) <= 0 or bins < 2:
        return float("inf")
    k = bins - 1
    limit = k * (1 - 2 / (9 * k) + 1.6449 * (2 / (9 * k)) ** 0.5) ** 3
    # k + x - z sqrt(2 k + 4 x) = limit, solved for x; z is the 80 % quantile.
    z2 = 0.8416**2
    over = limit - k
    noncentrality = over + 2 * z2 + (4 * over * z2 + 4 * z2**2 + 2 * k * z2) ** 0.5
    return float(noncentrality * (1 / rows + 1 / reference_rows))


def debiased_psi(reference: Floats, live: Floats, *, dispersion: float = 1.0) -> Floats:
    """PSI of counts (..., bins) less its mean without drift; bins that both lack must not be."""
    n, m = live.sum(axis=-1), reference.sum(axis=-1)
    p, q = _shares(live, np.ones_like(live)), _shares(reference, np.ones_like(reference))
    bias = (live.shape[-1] - 1) * (dispersion / n + 1 / m)
    return np.asarray(((p - q) * np.log(p / q)).sum(axis=-1) - bias)


def compare(pairs: Sequence[Pair], *, draws: int = DRAWS, seed: int = 0) -> list[Comparison]:
    """What each pair shows; the same draws for the same seed. `draws`: of each bootstrap."""
    random = np.random.default_rng(seed)
    found: list[Comparison] = []
    for first in range(0, len(pairs), _CHUNK):
        found += _compared(pairs[first : first + _CHUNK], draws, random)
    return found


def _compared(
    pairs: Sequence[Pair], draws: int, random: np.random.Generator
) -> Iterator[Comparison]:
    merged = [bins_of_rows(pair.column, pair.reference, pair.live) for pair in pairs]
    table = _Table.of(pairs, merged)
    seen = table.sizes(table.live, table.reference)
    spread = table.dispersion[:, None]
    drawn = table.sizes(
        random.poisson(table.live / spread, size=(draws, *table.live.shape)) * spread,
        random.poisson(table.reference, size=(draws, *table.reference.shape)).astype(np.float64),
    )
    effects: dict[EffectName, tuple[Floats, Floats, Floats]] = {}
    for name, value in seen.items():
        low, high = np.quantile(drawn[name], _EDGES_OF_95, axis=0)
        of_chance = drawn[name].mean(axis=0) - value
        if name in ("psi", "js"):
            of_chance = table.bias / (1 if name == "psi" else 8)
        at_least_none = np.maximum(value - of_chance, 0.0)
        effects[name] = (
            at_least_none,
            np.clip(2 * value - high, 0.0, at_least_none),
            np.maximum(2 * value - low, at_least_none),
        )
    for place, (pair, bins) in enumerate(zip(pairs, merged, strict=True)):
        n, m = float(pair.live.sum()), float(pair.reference.sum())
        names: list[EffectName] = ["psi", "js", "tv"]
        names += ["ks", "wasserstein"] if bins.ordered else []
        yield Comparison(
            effects=tuple(
                Effect(name=name, value=float(v[place]), low=float(a[place]), high=float(b[place]))
                for name, (v, a, b) in ((name, effects[name]) for name in names)
            )
            if n and m
            else (),
            bins=bins.names,
            live=tuple((bins.sums(pair.live) / max(n, 1.0)).tolist()),
            reference=tuple((bins.sums(pair.reference) / max(m, 1.0)).tolist()),
            rows=int(n),
            reference_rows=int(m),
            smallest_psi=smallest_psi(len(bins.names), n / max(1.0, pair.dispersion), m),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Table:
    """Counts of d pairs in as many bins each, (d, BINS_MAX), and which of those there are."""

    live: Floats
    reference: Floats
    is_bin: npt.NDArray[np.bool_]
    is_ordered: npt.NDArray[np.bool_]
    #: Of the difference at each cut, in W1; 0 where there is no cut.
    widths: Floats
    dispersion: Floats
    #: Of PSI.
    bias: Floats

    @classmethod
    def of(cls, pairs: Sequence[Pair], merged: Sequence[Bins]) -> "_Table":
        shape = (len(pairs), BINS_MAX)
        live, reference, widths = np.zeros(shape), np.zeros(shape), np.zeros(shape)
        kinds = np.array([[len(bins.names), bins.ordered] for bins in merged])
        for place, (pair, bins) in enumerate(zip(pairs, merged, strict=True)):
            live[place, : kinds[place, 0]] = bins.sums(pair.live)
            reference[place, : kinds[place, 0]] = bins.sums(pair.reference)
            if bins.cuts:
                widths[place, : len(bins.cuts)] = _widths(pair, bins)
        dispersion = np.array([max(1.0, pair.dispersion) for pair in pairs])
        n, m = np.maximum(live.sum(axis=1), 1), np.maximum(reference.sum(axis=1), 1)
        return cls(
            live=live,
            reference=reference,
            is_bin=np.arange(BINS_MAX) < kinds[:, :1],
            is_ordered=np.arange(BINS_MAX) < kinds[:, 1:],
            widths=widths,
            dispersion=dispersion,
            bias=(kinds[:, 0] - 1) * (dispersion / n + 1 / m),
        )

    def sizes(self, live: Floats, reference: Floats) -> dict[EffectName, Floats]:
        """The effects (..., d), with their biases, of counts (..., d, BINS_MAX)."""
        p, q = _shares(live, self.is_bin), _shares(reference, self.is_bin)
        log_p, log_q, log_middle = _log(p), _log(q), _log((p + q) / 2)
        below = np.abs(_cumulative(live, self.is_ordered) - _cumulative(reference, self.is_ordered))
        return {
            "psi": ((p - q) * (log_p - log_q)).sum(axis=-1),
            "js": (p * (log_p - log_middle) + q * (log_q - log_middle)).sum(axis=-1) / 2,
            "tv": np.abs(p - q).sum(axis=-1) / 2,
            "ks": below.max(axis=-1),
            "wasserstein": (below * self.widths).sum(axis=-1),
        }


def _log(shares: Floats) -> Floats:
    """Logarithms; 0 of 0, which only what is no bin has."""
    return np.log(shares, where=shares > 0, out=np.zeros_like(shares))


def _shares(counts: Floats, is_bin: npt.NDArray[Any]) -> Floats:
    """Shares (..., bins) with half a row more in each bin."""
    more = counts + _HALF_ROW * is_bin
    return np.asarray(more / np.maximum(more.sum(axis=-1, keepdims=True), _HALF_ROW))


def _cumulative(counts: Floats, is_ordered: npt.NDArray[np.bool_]) -> Floats:
    summed = np.cumsum(counts * is_ordered, axis=-1)
    return np.asarray(summed / np.maximum(summed[..., -1:], 1.0))


def _widths(pair: Pair, bins: Bins) -> Floats:
    """What the difference at each cut counts in W1 (cuts,): how far its neighbours are apart.

    Over the interquartile range; over the whole range where that is nothing. Beyond the outer cuts
    the difference is taken to go to zero as the reference's own share does, which is over the mean
    distance of its rows there.
    """
    edges = np.asarray(pair.column.edges)
    least, most = pair.column.minimum, pair.column.maximum
    low = edges[0] if least is None else min(least, edges[0])
    high = edges[-1] if most is None else max(most, edges[-1])
    around = np.concatenate([[low], edges, [high]])
    middles = (around[:-1] + around[1:]) / 2
    regular = pair.reference[: len(middles)]
    of_place = bins.of_place[: len(middles)]
    cuts = np.asarray(bins.cuts)
    first = _mean(middles, regular * (of_place == 0), cuts[0])
    last = _mean(middles, regular * (of_place == bins.ordered - 1), cuts[-1])
    points = np.concatenate([[2 * first - cuts[0]], cuts, [2 * last - cuts[-1]]])
    shares = np.concatenate([[0.0], np.cumsum(regular)])
    if shares[-1] <= 0 or high <= low:
        return np.zeros(len(cuts))
    lower, upper = np.interp([0.25, 0.75], shares / shares[-1], around)
    scale = upper - lower if upper > lower else high - low
    return np.asarray((points[2:] - points[:-2]) / 2 / scale)


def _mean(values: Floats, weights: npt.NDArray[Any], otherwise: float) -> float:
    total = float(weights.sum())
    return float((values * weights).sum()) / total if total else otherwise
