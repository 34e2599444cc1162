# SPDX-License-Identifier: Apache-2.0
"""Betting e-detectors over all columns of a version, a tick at a time.

Each bet's stake is multiplied by what the tick's rows give, and begins anew from 1 whenever it was
less (e-CUSUM; Shin, Ramdas & Rinaldo 2024, "E-detectors"). The mean of a column's stakes is an
e-detector: while every score's conditional mean is within its tolerance, it is expected to reach A
no sooner than after A ticks.
"""

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from penstock_monitoring.tick import advance

__all__ = ["Detector"]

Floats = npt.NDArray[np.float64]
Bets = npt.NDArray[np.float32]


class Detector:
    """The stakes of all bets of d columns. `log_e` (d,): the evidence, a logarithm.

    `leaders` (d,): the bet of each column with the largest stake. `sums` and `onsets` have all
    columns' bets behind each other: the logarithm of each stake, and the time from which on it was
    not begun anew.
    """

    def __init__(self, bets: Sequence[Bets]) -> None:
        """`bets`: of each column what bets_of() gives, (bets, places)."""
        self._bets = np.zeros(0, dtype=np.float32)
        self._begins = _offsets(table.size for table in bets)
        self._places = _offsets(table.shape[1] for table in bets)
        self._rows = _offsets(table.shape[0] for table in bets)
        if bets:
            # By place, so that a tick walks over those that have rows, and no others.
            self._bets = np.concatenate([table.T.ravel() for table in bets]).astype(np.float32)
        self.sums: Floats = np.zeros(self._rows[-1])
        self.onsets: Floats = np.zeros(self._rows[-1])
        self.log_e: Floats = np.zeros(len(bets))
        self.leaders = np.zeros(len(bets), dtype=np.int64)

    def update(self, counts: npt.NDArray[np.int64], begin: float) -> None:
        """Adds a tick that began at `begin`: rows at all places of all columns, (places,)."""
        advance(
            self._bets,
            self._begins,
            self._places,
            self._rows,
            counts,
            begin,
            self.sums,
            self.onsets,
            self.log_e,
            self.leaders,
        )

    def onset(self, column: int) -> float | None:
        """When what the leading bet speaks of began; None: it has no evidence."""
        row = self._rows[column] + self.leaders[column]
        return float(self.onsets[row]) if self.sums[row] > 0 else None

    def restart(self, columns: Iterable[int]) -> None:
        """Begins all bets of some columns anew."""
        for column in columns:
            self.sums[self._rows[column] : self._rows[column + 1]] = 0.0
            self.log_e[column] = 0.0

    def replace(self, column: int, bets: Bets) -> None:
        """Other bets of the same shape for a column, whose stakes go on."""
        self._bets[self._begins[column] : self._begins[column + 1]] = bets.T.ravel()

    @property
    def nbytes(self) -> int:
        """Of its arrays."""
        return self._bets.nbytes + self.sums.nbytes + self.onsets.nbytes


def _offsets(sizes: Iterable[int]) -> npt.NDArray[np.int64]:
    return np.concatenate([[0], np.cumsum(list(sizes), dtype=np.int64)]).astype(np.int64)
