# SPDX-License-Identifier: Apache-2.0
"""The arithmetic of one tick: compiled where the extension was built, else numpy's."""

from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["advance", "advance_in_numpy"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def advance_in_numpy(
    bets: npt.NDArray[np.float32],
    begins: Ints,
    places: Ints,
    rows: Ints,
    counts: Ints,
    begin: float,
    sums: Floats,
    onsets: Floats,
    log_e: Floats,
    leaders: Ints,
) -> None:
    """S <- max(S, 0) + W c for each column's bets W and counts c; then log mean exp S by column.

    Column j has `bets[begins[j]:begins[j + 1]]`, by place and bet, `counts` from `places[j]` and
    `sums` and `onsets` from `rows[j]` on. A sum that is not above 0 gets `begin` as its onset.
    `sums`, `onsets`, `log_e` and `leaders` are changed where they lie.
    """
    is_anew = sums <= 0
    onsets[is_anew] = begin
    sums[is_anew] = 0.0
    for column in range(len(log_e)):
        mine = slice(rows[column], rows[column + 1])
        seen = counts[places[column] : places[column + 1]]
        table = bets[begins[column] : begins[column + 1]].reshape(len(seen), -1)
        sums[mine] += seen @ table.astype(np.float64)
        most = sums[mine].max()
        leaders[column] = sums[mine].argmax()
        log_e[column] = most + np.log(np.exp(sums[mine] - most).mean())


advance: Any
try:
    from penstock_monitoring._tick import advance
except ImportError:
    advance = advance_in_numpy
