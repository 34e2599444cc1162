# SPDX-License-Identifier: Apache-2.0
"""Which rows train, which choose and which judge: pure, and the same for the same seed.

Every method takes whole *blocks* of rows: rows that are the same stand in one block, so that no
row that trains also judges.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from penstock_training.errors import DataError

__all__ = ["Shares", "Split", "by_group", "by_time", "random", "stratified"]

Places = NDArray[np.int64]
#: Places in what Shares.wanted gives.
_VALIDATION, _TEST = 1, 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Shares:
    """Of all rows. What is left trains."""

    validation: float
    test: float

    def wanted(self, rows: int) -> tuple[float, float, float]:
        """Rows of train, validation and test, as fractions come."""
        validation, test = self.validation * rows, self.test * rows
        return rows - validation - test, validation, test


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Split:
    """Places of rows, each in its order. Together they are all rows, each once."""

    train: Places
    validation: Places
    test: Places


def random(blocks: Places, shares: Shares, seed: int) -> Split:
    """`blocks`: the block of each row, any numbers.

    Raises:
        DataError: a part would be empty.
    """
    return _dealt(blocks, np.zeros(len(blocks), np.int64), shares, seed)


def stratified(blocks: Places, codes: Places, shares: Shares, seed: int) -> Split:
    """As random, with the share of each class in each part as near as whole blocks allow.

    A block whose rows have several classes counts for that of its first row.

    Raises:
        DataError: a part would be empty.
    """
    return _dealt(blocks, codes, shares, seed)


def by_group(groups: Places, shares: Shares, seed: int) -> Split:
    """All rows of a group stand in one part. `groups`: the group of each row.

    Raises:
        DataError: there are fewer than three groups, or a part would be empty.
    """
    count = len(np.unique(groups))
    if count < 3:
        raise DataError(
            f"[split] column has {count} different values: wanted three groups at least, one for "
            "each part; split by another column, or by random."
        )
    return _dealt(groups, np.zeros(len(groups), np.int64), shares, seed)


def by_time(times: NDArray[Any], shares: Shares) -> Split:
    """The last rows test, those before them validate. Rows of one time stand in one part: the
    earlier one.

    Raises:
        DataError: there are fewer than three times, or a part would be empty.
    """
    if (count := len(np.unique(times))) < 3:
        raise DataError(
            f"[split] column has {count} different values: wanted three times at least, one for "
            "each part; split by another column, or by random."
        )
    order = np.argsort(times, kind="stable").astype(np.int64)
    ordered = times[order]
    train, validation, _ = shares.wanted(len(times))
    first = _after_ties(ordered, max(1, round(train)))
    second = _after_ties(ordered, max(first + 1, round(train + validation)))
    parts = np.split(order, [first, second])
    return _checked(*(np.sort(part) for part in parts))


def _after_ties(ordered: NDArray[Any], place: int) -> int:
    """The first place at or after `place` whose time is not that of the row before."""
    while 0 < place < len(ordered) and ordered[place] == ordered[place - 1]:
        place += 1
    return place


def _dealt(blocks: Places, strata: Places, shares: Shares, seed: int) -> Split:
    """Blocks are shuffled; each goes to the part of which most is still wanted, in its stratum."""
    _, first, block_of, sizes = np.unique(
        blocks, return_index=True, return_inverse=True, return_counts=True
    )
    stratum_of = strata[first]
    part_of = np.zeros(len(first), np.int64)
    generator = np.random.default_rng(seed)
    for stratum in np.unique(stratum_of):
        members = np.flatnonzero(stratum_of == stratum)
        members = members[generator.permutation(len(members))]
        wanted = np.array(shares.wanted(int(sizes[members].sum())))
        part_of[members] = _fill(sizes[members], wanted)
    placed = part_of[block_of.reshape(-1)]
    return _checked(*(np.flatnonzero(placed == part).astype(np.int64) for part in range(3)))


def _fill(sizes: Places, wanted: NDArray[np.float64]) -> Places:
    """The part of each block. Large blocks first, while there is room for them; among blocks of a
    size the order is kept, so that it is the shuffle's.
    """
    parts = np.zeros(len(sizes), np.int64)
    order = np.argsort(-sizes, kind="stable")
    missing = wanted.tolist()
    if len(order) >= len(wanted):
        # However few rows there are, no part goes without.
        for part, place in ((_TEST, order[-1]), (_VALIDATION, order[-2])):
            parts[place] = part
            missing[part] -= int(sizes[place])
        order = order[:-2]
    for place in order:
        part = missing.index(max(missing))
        parts[place] = part
        missing[part] -= int(sizes[place])
    return parts


def _checked(train: Places, validation: Places, test: Places) -> Split:
    named = {"train": train, "validation": validation, "test": test}
    for name, part in named.items():
        if not len(part):
            rows = sum(len(one) for one in named.values())
            raise DataError(
                f"[split]: none of {rows} rows is left to {_VERBS[name]}: take more rows in, or "
                "change [split] validation and test."
            )
    return Split(train=train, validation=validation, test=test)


_VERBS = {"train": "train with", "validation": "validate with", "test": "test with"}
