# SPDX-License-Identifier: Apache-2.0
"""How rows that come one after the other depend on each other, by blocks of rows in time order.

Sums of blocks of rows are held against those of independent rows: of the counts of all places, of
the mean rank, and of how far out rows are. A mean that wanders makes little of each place's counts,
and much of all of them together.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from penstock.profile.features import BLOCKS_MIN
from penstock_monitoring.held_out import Floats

__all__ = ["TICK_ROWS", "Dependence", "dependence_of"]

Places = npt.NDArray[np.int64]

#: Rows of a tick, which is the shortest block.
TICK_ROWS = 32
#: Standard errors by which blocks must vary more than those of independent rows would, and, where
#: they do, by which neighbours must be alike, to be believed.
_MORE = 3.0
_ALIKE = 2.5
#: Blocks are drawn again so often, and the phi that so many of the draws are below is kept.
_DRAWS = 200
_UPPER = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class Dependence:
    """`phi`: at most so many times more blocks vary than those of independent rows; None: there
    are fewer than BLOCKS_MIN of the shortest.

    `block_rows`: in blocks of so many rows neighbours do not depend on each other; `blocks` of them
    there are. Fewer than BLOCKS_MIN cannot tell phi.
    """

    phi: float | None
    block_rows: int
    blocks: int


def dependence_of(places: Places, count: int, *, seed: int) -> Dependence:
    """Of a column whose n rows are at `places` (n,), of `count`, in the order of time."""
    n = len(places)
    if n // TICK_ROWS < BLOCKS_MIN:
        return Dependence(phi=None, block_rows=TICK_ROWS, blocks=n // TICK_ROWS)
    random = np.random.default_rng(seed)
    phi, enough = 1.0, TICK_ROWS
    for sums, variances in _sums(places, count):
        rows = TICK_ROWS
        if len(variances) > 1:
            phi = max(phi, _Blocks(sums, rows, variances).ratio)
        while len(sums) >= BLOCKS_MIN:
            blocks = _Blocks(sums, rows, variances)
            if blocks.varies_more:
                phi = max(phi, blocks.upper(random))
                if blocks.has_alike_neighbours:
                    enough = max(enough, 2 * rows)
            even = len(sums) // 2 * 2
            sums = sums[:even:2] + sums[1:even:2]
            rows *= 2
    return Dependence(phi=phi, block_rows=enough, blocks=n // enough)


def _sums(places: Places, count: int) -> Iterator[tuple[Floats, Floats]]:
    """Of each score of rows its sums by tick (ticks, d), and its variances by row (d,)."""
    ticks = len(places) // TICK_ROWS
    used = places[: ticks * TICK_ROWS]
    cells = used + np.repeat(np.arange(ticks) * count, TICK_ROWS)
    counts = np.bincount(cells, minlength=ticks * count).reshape(ticks, count)
    shares = counts.sum(axis=0) / len(used)
    variances = shares * (1 - shares)
    if not variances.any():
        return  # a column of one value varies as much as it should
    yield counts.astype(np.float64), variances
    ranks = 2 * (np.cumsum(shares) - shares / 2) - 1
    for score in (ranks, np.abs(ranks)):
        variance = float(shares @ (score - shares @ score) ** 2)
        if variance > 1e-12:
            yield (counts @ score)[:, None], np.array([variance])


class _Blocks:
    """Sums of blocks (blocks, d) of so many rows, whose scores have `variances` (d,) by row."""

    def __init__(self, sums: Floats, rows: int, variances: Floats) -> None:
        self._off = sums - sums.mean(axis=0)
        self._wanted = rows * float(variances.sum())
        #: Of counts, which are each other's complement, how many scores they are worth.
        self._scores = float(variances.sum() ** 2 / (variances**2).sum())
        self._squares = (self._off**2).sum(axis=1)

    @property
    def ratio(self) -> float:
        """How many times more they vary than those of independent rows."""
        return float(self._squares.sum()) / (len(self._squares) - 1) / self._wanted

    @property
    def varies_more(self) -> bool:
        """Than chance makes of independent rows: the upper end of chi-square over its degrees of
        freedom, by Wilson and Hilferty.
        """
        spread = 2 / (9 * (len(self._squares) - 1) * self._scores)
        return bool(self.ratio > (1 - spread + _MORE * spread**0.5) ** 3)

    @property
    def has_alike_neighbours(self) -> bool:
        """More than chance makes of blocks that do not depend on each other."""
        total = float(self._squares.sum())
        if total <= 0:
            return False
        alike = float((self._off[1:] * self._off[:-1]).sum()) / total
        # Counts that vary together are fewer scores than there are places.
        together = self._off.T @ self._off
        scores = total**2 / float((together**2).sum())
        return bool(alike > _ALIKE / (len(self._squares) * scores) ** 0.5)

    def upper(self, random: np.random.Generator) -> float:
        """The ratio that most draws of as many blocks are below (block bootstrap)."""
        n = len(self._squares)
        draws = random.multinomial(n, np.full(n, 1 / n), size=_DRAWS)
        ratios: npt.NDArray[Any] = draws @ self._squares / (n - 1) / self._wanted
        return float(np.quantile(ratios, _UPPER))
