# SPDX-License-Identifier: Apache-2.0
"""Rows held against the spec and the schema file: the good ones, and what is wrong with others."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from penstock_training.data.columns import (
    Columns,
    Problem,
    assign_columns,
    blanks,
    in_form,
    refuse_mixed,
    refuse_unknown,
    retyped,
)
from penstock_training.data.rules import Rules
from penstock_training.data.tables import ROW, as_frame
from penstock_training.data.target import target_problems
from penstock_training.errors import DataError
from penstock_training.spec import PipelineSpec

__all__ = ["check_rows"]


def check_rows(
    table: Any, spec: PipelineSpec, rules: Rules | None
) -> tuple[Any, Columns, Sequence[Problem]]:
    """The good rows in their types with their places in ROW, and what is wrong with the others.

    Raises:
        DataError: something is wrong that is no single row's.
    """
    refuse_unknown(spec, table.column_names)
    if ROW in table.column_names:
        raise DataError(f"the data have a column {ROW!r}, a name that is taken: rename it.")
    problems: list[Problem] = []
    places = np.arange(len(table))
    if rules is not None:
        table = blanks(table, rules.dtypes)
        problems += rules.problems(as_frame(table), sensitive=spec.features.sensitive)
        table, places = _without(table, places, problems)
        table = retyped(table, rules.dtypes)
    columns = assign_columns(spec, table)
    settled = {*spec.features.categorical, *(rules.dtypes if rules is not None else ())}
    refuse_mixed(table, columns, settled)
    if not len(table):
        return _numbered(table, places), columns, problems
    formed, more = in_form(table, columns)
    more = [*target_problems(table, spec.problem), *more]
    formed, kept = _without(formed, np.arange(len(table)), more)
    problems += [replace(problem, row=int(places[problem.row])) for problem in more]
    return _numbered(formed, places[kept]), columns, problems


def _without(
    table: Any, places: NDArray[np.int64], problems: Sequence[Problem]
) -> tuple[Any, NDArray[np.int64]]:
    """`table` and `places` without the rows that have problems."""
    is_good = np.ones(len(table), bool)
    is_good[[problem.row for problem in problems]] = False
    if is_good.all():
        return table, places
    kept = np.flatnonzero(is_good)
    return table.take(kept), places[kept]


def _numbered(table: Any, places: NDArray[np.int64]) -> Any:
    import pyarrow

    return table.append_column(ROW, pyarrow.array(places, pyarrow.int64()))
