# SPDX-License-Identifier: Apache-2.0
"""Which place of a feature's counts a value is counted at. The dull reference of the bin map.

Numbers are looked at as float32, which is what the served tensor holds. The b-th of the bins that m
edges part holds edges[b - 1] <= value < edges[b]; then come SPECIALS.
"""

from collections.abc import Sequence
from itertools import repeat

import numpy as np
import numpy.typing as npt

__all__ = ["CATEGORY_SPECIALS", "SPECIALS", "ascend", "category_places", "number_places"]

#: Places of a feature of numbers after its bins. A profile counts what is below its minimum or
#: above its maximum in the outer bins: that can only be seen of live rows.
SPECIALS = ("missing", "infinite")
#: Places of a feature of categories after those that have a name.
CATEGORY_SPECIALS = ("other", "missing")

Places = npt.NDArray[np.int64]


def ascend(edges: Sequence[float]) -> bool:
    """Whether edges (m,) are finite and ascend, as float32 holds them."""
    with np.errstate(over="ignore"):
        held = np.asarray(edges, dtype=np.float64).astype(np.float32)
    return bool(np.isfinite(held).all() and (np.diff(held) > 0).all())


def number_places(values: npt.ArrayLike, edges: Sequence[float]) -> Places:
    """The place of each of n values (n,): 0 to m for the bins, m + 1: missing, m + 2: infinite."""
    numbers = np.asarray(values, dtype=np.float32)
    bounds = np.asarray(edges, dtype=np.float32)
    found = np.searchsorted(bounds, numbers, side="right").astype(np.int64)
    found[np.isnan(numbers)] = len(bounds) + 1
    found[np.isinf(numbers)] = len(bounds) + 2
    return found


def category_places(values: Sequence[str | int], categories: Sequence[str | int]) -> Places:
    """The place of each of n values (n,): its category's, then other, then missing: empty text."""
    known: dict[str | int, int] = {name: place for place, name in enumerate(categories)}
    other, missing = len(known), len(known) + 1
    known[""] = missing
    return np.fromiter(map(known.get, values, repeat(other)), np.int64, len(values))
