# SPDX-License-Identifier: Apache-2.0
"""What was counted of a version since it was asked last."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["Sample", "Taken"]

Counts = npt.NDArray[np.uint32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """Some rows as they came, drawn evenly: for sketches, and for a reference of their own.

    Sensitive columns have no values in it: NaN, or empty text.
    """

    #: (rows, columns): of columns that are numbers; NaN elsewhere.
    numbers: npt.NDArray[np.float32]
    #: By the place of a column of categories among the layout's columns: a value for each row.
    texts: dict[int, Sequence[str | int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """Counts of one span of time, at the places of a Layout.

    `shown` has every row that was seen. `tested` has one row, drawn by chance, of each request, and
    one of each sticky key in `tick_s`: rows of one request are not independent of each other.
    """

    #: Seconds since 1970, UTC: when it was taken, and when the span began.
    at: float
    since: float
    #: (places,)
    shown: Counts
    tested: Counts
    #: (columns, 2): finite values below the reference's minimum, above its maximum.
    outside: Counts
    #: (columns, 4) of finite values: sum and sum of squares of the difference to the column's
    #: shift, least and greatest value (infinite and -infinite where there are none).
    moments: npt.NDArray[np.float64]
    requests: int
    rows: int
    tested_rows: int
    #: Rows that were answered, were to be seen, and are in no count: `large_rows` and
    #: `replaced_rows` of them, and those for which the ring had no room.
    dropped_rows: int
    #: Rows that were equal to another one among the last 1024.
    repeated_rows: int
    #: Rows beyond what one sticky key may bring in `tick_s`, which are in no count.
    capped_rows: int
    #: Of requests that have more than the ring takes of one; others of their rows are counted.
    large_rows: int = 0
    #: Under way while a watch by other columns took the place of the one that they came under.
    replaced_rows: int = 0
    #: Rows of requests that are not looked at, which are in no count.
    unsampled_rows: int = 0
    #: Rows counted of which a tensor had fewer elements than the columns look at: what they lack is
    #: counted as missing.
    unfit_rows: int = 0
    #: The share of requests that are looked at.
    share: float
    #: Whether a tick ends with it.
    ends_tick: bool
    #: None: nobody asked for one.
    sample: Sample | None = None

    @property
    def nbytes(self) -> int:
        """Of its arrays."""
        arrays: tuple[Any, ...] = (self.shown, self.tested, self.outside, self.moments)
        return sum(int(array.nbytes) for array in arrays)
