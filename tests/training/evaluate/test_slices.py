# SPDX-License-Identifier: Apache-2.0
"""Worst slices: what was planted is found, what is chance is not told for sure."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from penstock_training.evaluate.slices import SLICES_MAX, worst_slices

NOBODY: frozenset[str] = frozenset()


def rows(count: int = 800, seed: int = 0) -> pd.DataFrame:
    draws = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "city": draws.choice(["a", "b", "c"], count),
            "age": draws.normal(40, 10, count),
            "kind": draws.choice(["x", "y"], count),
        }
    )


def test_a_slice_with_greater_losses_comes_first_and_is_sure() -> None:
    frame = rows()
    losses = np.random.default_rng(1).exponential(1, len(frame))
    losses[frame["city"] == "b"] *= 2
    worst = worst_slices(frame, ["city", "age", "kind"], losses, NOBODY)
    significant = [one for one in worst if one.is_significant]
    assert all("city = b" in one.name for one in significant)
    assert "city = b" in {one.name for one in significant}
    assert worst[0].loss > worst[0].loss_of_others


def test_two_columns_together_are_found_where_neither_alone_tells_it() -> None:
    frame = rows()
    losses = np.random.default_rng(2).exponential(1, len(frame))
    losses[(frame["city"] == "c") & (frame["kind"] == "y")] += 2
    worst = worst_slices(frame, ["city", "age", "kind"], losses, NOBODY)
    assert set(worst[0].name.split(" and ")) == {"city = c", "kind = y"}


def test_losses_without_a_pattern_give_sure_slices_as_seldom_as_said() -> None:
    with_any = 0
    for seed in range(40):
        frame = rows(300, seed)
        losses = np.random.default_rng(100 + seed).normal(0, 1, len(frame))
        worst = worst_slices(frame, ["city", "age", "kind"], losses, NOBODY)
        with_any += any(one.is_significant for one in worst)
    # A binomial of 40 at 0.05 is at most this but for one in a thousand.
    assert with_any <= 7


def test_rows_that_were_told_of_are_not_told_of_again_under_another_name() -> None:
    frame = rows()
    frame["town"] = frame["city"].map({"a": "A", "b": "B", "c": "C"})
    losses = np.random.default_rng(1).exponential(1, len(frame))
    losses[frame["city"] == "b"] *= 3
    names = [one.name for one in worst_slices(frame, list(frame), losses, NOBODY)]
    assert sum(name in ("city = b", "town = B") for name in names) == 1


def test_a_slice_of_few_rows_is_left_alone() -> None:
    frame = pd.DataFrame({"city": ["rare"] * 5 + ["usual"] * 200})
    losses = np.array([100.0] * 5 + [0.1] * 200)
    assert worst_slices(frame, ["city"], losses, NOBODY) == []


def test_values_of_a_sensitive_column_are_not_told() -> None:
    frame = rows()
    losses = np.where(frame["city"] == "b", 3.0, 1.0)
    losses += np.random.default_rng(3).normal(0, 0.1, len(frame))
    worst = worst_slices(frame, ["city", "age"], losses, frozenset({"city"}))
    assert worst[0].name.startswith("city: group ")
    assert not any("city = " in one.name for one in worst)


def test_the_p_value_is_welchs() -> None:
    frame = rows()
    losses = np.random.default_rng(5).exponential(1, len(frame))
    losses[frame["kind"] == "x"] *= 1.3
    [found] = worst_slices(frame, ["kind"], losses, NOBODY)
    is_in = (frame["kind"] == "x").to_numpy()
    wanted = stats.ttest_ind(losses[is_in], losses[~is_in], equal_var=False, alternative="greater")
    assert found.p_value == pytest.approx(float(wanted.pvalue))


def test_there_are_never_more_than_can_be_read() -> None:
    frame = pd.DataFrame({f"c{k}": rows(400, k)["city"] for k in range(12)})
    losses = np.random.default_rng(4).normal(0, 1, len(frame))
    assert len(worst_slices(frame, list(frame), losses, NOBODY)) <= SLICES_MAX


def test_equal_losses_everywhere_are_no_slice() -> None:
    frame = rows()
    assert worst_slices(frame, list(frame), np.ones(len(frame)), NOBODY) == []
