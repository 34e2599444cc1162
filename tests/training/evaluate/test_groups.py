# SPDX-License-Identifier: Apache-2.0
"""Groups of rows: all rows are in one, and a sensitive column's values are in no name."""

import numpy as np
import pandas as pd

from penstock_training.evaluate.groups import VALUES_MAX, Group, groups_of


def counts(groups: list[Group]) -> dict[str, int]:
    return {group.name: int(group.rows.sum()) for group in groups}


def test_a_column_of_few_values_has_a_group_for_each_and_one_for_those_missing() -> None:
    values = pd.Series(["b", "a", None, "b"])
    found = counts(groups_of("city", values, is_sensitive=False))
    assert found == {"city = a": 1, "city = b": 2, "city is missing": 1}


def test_many_numbers_are_cut_at_their_quartiles_and_nobody_is_in_two_groups() -> None:
    values = pd.Series(np.arange(100, dtype=np.float64))
    groups = groups_of("x", values, is_sensitive=False)
    assert list(counts(groups).values()) == [25, 25, 25, 25]
    assert np.sum([group.rows for group in groups], axis=0).tolist() == [1] * 100


def test_a_number_that_half_of_the_rows_have_leaves_no_empty_group() -> None:
    values = pd.Series([0.0] * 60 + list(range(1, 41)), dtype=np.float64)
    groups = groups_of("x", values, is_sensitive=False)
    assert all(group.rows.any() for group in groups)
    assert np.sum([group.rows for group in groups], axis=0).tolist() == [1] * 100


def test_rare_values_stand_together() -> None:
    values = pd.Series([f"v{k}" for k in range(30) for _ in range(31 - k)])
    found = counts(groups_of("x", values, is_sensitive=False))
    assert len(found) == VALUES_MAX + 1
    assert found["x: other"] == sum(31 - k for k in range(VALUES_MAX, 30))


def test_truth_values_are_two_groups() -> None:
    found = counts(groups_of("x", pd.Series([True, False, True]), is_sensitive=False))
    assert found == {"x = False": 1, "x = True": 2}


def test_groups_of_a_sensitive_column_are_numbered_by_size() -> None:
    values = pd.Series(["secret"] * 2 + ["other"] * 5 + [None])
    found = counts(groups_of("origin", values, is_sensitive=True))
    assert found == {"origin: group 1": 5, "origin: group 2": 2, "origin is missing": 1}


def test_bounds_of_a_sensitive_number_are_not_named() -> None:
    values = pd.Series(np.linspace(1234.5, 9876.5, 50))
    names = " ".join(counts(groups_of("age", values, is_sensitive=True)))
    assert "234" not in names and "<" not in names


def test_a_column_without_any_value_is_one_group() -> None:
    values = pd.Series([np.nan, np.nan])
    assert counts(groups_of("x", values, is_sensitive=False)) == {"x is missing": 2}
