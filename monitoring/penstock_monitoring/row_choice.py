# SPDX-License-Identifier: Apache-2.0
"""Which rows of a large table are looked at, so that memory stays bounded."""

import numpy as np
import numpy.typing as npt

__all__ = ["chosen_rows", "rows_max"]

#: Values that a reference is made of, if its rows are no fewer than ROWS_MIN.
VALUES_MAX = 32_000_000
ROWS_MIN = 50_000
ROWS_MAX = 1_000_000


def rows_max(columns: int) -> int:
    """How many rows are looked at of a table of so many columns: more would tell no more."""
    return int(np.clip(VALUES_MAX // max(1, columns), ROWS_MIN, ROWS_MAX))


def chosen_rows(rows: int, most: int, run: int) -> npt.NDArray[np.bool_]:
    """Which of the rows (rows,) are looked at: all, or `most` at most, spread evenly.

    They are chosen in runs of `run` rows that follow each other, so that it can still be seen how
    much counts of neighbours vary.
    """
    is_chosen = np.ones(rows, dtype=bool)
    if rows <= most:
        return is_chosen
    runs = -(-rows // run)
    kept = max(1, most // run)
    of_run = np.zeros(runs, dtype=bool)
    of_run[np.arange(kept) * runs // kept] = True
    return np.repeat(of_run, run)[:rows]
