# SPDX-License-Identifier: Apache-2.0
"""Rows by the values of a column: names of groups, and which rows are of which.

A sensitive column's groups are numbered, largest first, and neither values nor bounds are named.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["Group", "groups_of"]

#: A column with more values is cut at its quartiles if it is of numbers; else the rest is "other".
VALUES_MAX = 12
_PARTS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Some of n rows."""

    name: str
    #: Whether a row is one of them (n,).
    rows: npt.NDArray[np.bool_]


def groups_of(column: str, values: Any, *, is_sensitive: bool) -> list[Group]:
    """The groups that a column (a pandas Series) of n rows parts them into. None is empty.

    Rows without a value are a group of their own.
    """
    import pandas as pd

    is_missing = pd.isna(values).to_numpy()
    present = values[~is_missing]
    is_number = pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)
    if is_number and present.nunique() > VALUES_MAX:
        groups = _ranges(values.to_numpy(np.float64), is_missing, column)
    else:
        groups = _values(values, present, column)
    groups = [group for group in groups if group.rows.any()]
    if is_sensitive:
        groups = numbered(column, groups)
    if is_missing.any():
        groups.append(Group(name=f"{column} is missing", rows=is_missing))
    return groups


def numbered(column: str, groups: list[Group]) -> list[Group]:
    """The same groups, largest first, under names that tell nothing of values."""
    ranked = sorted(groups, key=lambda group: (-int(group.rows.sum()), int(group.rows.argmax())))
    return [
        Group(name=f"{column}: group {number}", rows=group.rows)
        for number, group in enumerate(ranked, start=1)
    ]


def _ranges(
    values: npt.NDArray[np.float64], is_missing: npt.NDArray[np.bool_], column: str
) -> list[Group]:
    inner = np.quantile(values[~is_missing], np.arange(1, _PARTS) / _PARTS)
    edges = np.unique(inner)
    places = np.searchsorted(edges, values, side="right")
    names = [f"{column} < {edges[0]:.4g}"]
    names += [f"{low:.4g} <= {column} < {high:.4g}" for low, high in pairwise(edges)]
    names.append(f"{column} >= {edges[-1]:.4g}")
    return [
        Group(name=name, rows=(places == place) & ~is_missing) for place, name in enumerate(names)
    ]


def _values(values: Any, present: Any, column: str) -> list[Group]:
    counts: Mapping[Any, int] = present.value_counts().to_dict()
    ranked = sorted(counts, key=lambda value: (-counts[value], str(value)))
    named = sorted(ranked[:VALUES_MAX], key=str)
    groups = [Group(name=f"{column} = {v}", rows=(values == v).to_numpy(bool)) for v in named]
    if len(ranked) > VALUES_MAX:
        rest = values.isin(ranked[VALUES_MAX:]).to_numpy(bool)
        groups.append(Group(name=f"{column}: other", rows=rest))
    return groups
