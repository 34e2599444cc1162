# SPDX-License-Identifier: Apache-2.0
"""Every row stands in one part, rows that belong together stand together, and shares are kept."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from penstock_training.data.splits import Shares, Split, by_group, by_time, random, stratified
from penstock_training.errors import DataError

SHARES = Shares(validation=0.2, test=0.2)


def sizes(split: Split) -> tuple[int, int, int]:
    return len(split.train), len(split.validation), len(split.test)


def part_of(split: Split, rows: int) -> NDArray[np.int64]:
    """The part of each row; fails unless each row stands in exactly one."""
    found = np.full(rows, -1)
    for part, places in enumerate((split.train, split.validation, split.test)):
        assert (found[places] == -1).all()
        assert (np.diff(places) > 0).all()
        found[places] = part
    assert (found >= 0).all()
    return found


def alone(rows: int) -> NDArray[np.int64]:
    return np.arange(rows, dtype=np.int64)


def test_random_parts_have_their_shares_and_depend_on_the_seed() -> None:
    first = random(alone(1000), SHARES, 7)
    assert sizes(first) == (600, 200, 200)
    again = random(alone(1000), SHARES, 7)
    assert np.array_equal(part_of(first, 1000), part_of(again, 1000))
    other = random(alone(1000), SHARES, 8)
    assert not np.array_equal(part_of(first, 1000), part_of(other, 1000))
    # Rows of one part come from everywhere.
    assert first.test.min() < 50
    assert first.test.max() > 950


def test_each_class_has_its_share_in_each_part() -> None:
    codes = np.repeat(np.array([0, 1, 2], np.int64), [900, 95, 5])
    parts = part_of(stratified(alone(1000), codes, SHARES, 0), 1000)
    for code, wanted in ((0, [540, 180, 180]), (1, [57, 19, 19]), (2, [3, 1, 1])):
        assert np.bincount(parts[codes == code], minlength=3).tolist() == wanted


def test_a_class_of_three_rows_is_in_all_parts() -> None:
    codes = np.array([0] * 20 + [1] * 3, np.int64)
    parts = part_of(stratified(alone(23), codes, SHARES, 3), 23)
    assert sorted(parts[codes == 1]) == [0, 1, 2]


@given(
    blocks=st.lists(st.integers(0, 30), min_size=12, max_size=300),
    validation=st.floats(0.05, 0.4),
    test=st.floats(0.05, 0.4),
    seed=st.integers(0, 5),
)
@settings(max_examples=60, deadline=None)
def test_whole_blocks_stand_in_one_part(
    blocks: Sequence[int], validation: float, test: float, seed: int
) -> None:
    array = np.array(blocks, np.int64)
    if len(np.unique(array)) < 3:
        return
    shares = Shares(validation=validation, test=test)
    for split in (random(array, shares, seed), by_group(array, shares, seed)):
        parts = part_of(split, len(array))
        assert all(len(set(parts[array == block])) == 1 for block in set(blocks))
        # No part is further from its share than the largest block is long.
        largest = int(np.bincount(array).max())
        for found, wanted in zip(sizes(split), shares.wanted(len(array)), strict=True):
            assert abs(found - wanted) <= 2 * largest + 1


def test_the_last_rows_by_time_test() -> None:
    times = np.random.default_rng(0).permutation(100).astype("datetime64[s]")
    split = by_time(times, SHARES)
    assert sizes(split) == (60, 20, 20)
    assert times[split.train].max() < times[split.validation].min()
    assert times[split.validation].max() < times[split.test].min()


def test_rows_of_one_time_are_not_cut() -> None:
    times = np.repeat(np.arange(10), 7)
    split = by_time(times, SHARES)
    for one, other in ((split.train, split.validation), (split.validation, split.test)):
        assert times[one].max() < times[other].min()


def test_parts_without_rows_are_refused() -> None:
    with pytest.raises(DataError, match="none of 2 rows is left to"):
        random(alone(2), SHARES, 0)
    with pytest.raises(DataError, match="has 2 different values: wanted three groups at least"):
        by_group(np.array([1, 1, 2]), SHARES, 0)
    with pytest.raises(DataError, match="has 1 different values: wanted three times at least"):
        by_time(np.zeros(50), SHARES)
