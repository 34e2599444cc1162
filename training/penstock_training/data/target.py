# SPDX-License-Identifier: Apache-2.0
"""The target: what is wrong with it, and the classes that it has."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from penstock_training.data.columns import Problem
from penstock_training.errors import DataError
from penstock_training.spec import ProblemSpec

__all__ = ["CLASSES_MAX", "checked_target", "class_codes", "target_problems"]

#: A target with more different values is no class, whatever the spec says.
CLASSES_MAX = 1000
_SHOWN = 5


def target_problems(table: Any, problem: ProblemSpec) -> list[Problem]:
    """Rows whose target is missing, or no finite number though it must be one.

    Raises:
        DataError: no row has a target, or a regression's target is no number at all.
    """
    from pyarrow import types

    column = table.column(problem.target)
    if column.null_count == len(column):
        raise DataError(
            f"[problem] target: column {problem.target!r} has no value in any row: name the column "
            "that is to be predicted."
        )
    problems = [
        Problem(row=int(i), column=problem.target, reason="the target is missing")
        for i in np.flatnonzero(~column.is_valid().to_numpy())
    ]
    if problem.task != "regression":
        return problems
    if not (types.is_integer(column.type) or types.is_floating(column.type)):
        raise DataError(
            f"[problem] target: a regression needs numbers, and column {problem.target!r} holds "
            f"{column.type}: set task to binary or multiclass, or CAST it by [data] sql."
        )
    values = np.asarray(column.to_numpy(), np.float64)
    return problems + [
        Problem(row=int(i), column=problem.target, reason="the target is not finite")
        for i in np.flatnonzero(np.isinf(values))
    ]


def checked_target(table: Any, problem: ProblemSpec) -> Any:
    """`table`, whose rows all have a target; one of classes as whole numbers, bool or text.

    Raises:
        DataError: the target is constant, has one class, or not the classes that the task wants.
    """
    column = table.column(problem.target)
    if problem.task == "regression":
        values = np.asarray(column.to_numpy(), np.float64)
        if len(values) and values.min() == values.max():
            raise DataError(
                f"[problem] target: column {problem.target!r} is {values[0]:g} in all "
                f"{len(values)} rows: there is nothing to learn; name another target."
            )
        return table
    column = _discrete(column, problem.target)
    _check_classes(sorted(set(column.to_pylist())), len(column), problem)
    return table.set_column(table.column_names.index(problem.target), problem.target, column)


def class_codes(column: Any) -> tuple[NDArray[np.int64], list[Any]]:
    """The number of each row's class, and the classes, sorted."""
    found, codes = np.unique(np.array(column.to_pylist(), dtype=object), return_inverse=True)
    return codes.reshape(-1).astype(np.int64), found.tolist()


def _discrete(column: Any, target: str) -> Any:
    import pyarrow
    import pyarrow.compute as compute
    from pyarrow import types

    kind = column.type
    if types.is_floating(kind):
        if not compute.all(compute.equal(column, compute.floor(column))).as_py():
            raise DataError(
                f"[problem] target: column {target!r} holds fractions, which are no classes: set "
                "task to regression, or make classes of it by [data] sql."
            )
        return column.cast(pyarrow.int64(), safe=False)
    if not (types.is_integer(kind) or types.is_boolean(kind) or types.is_string(kind)):
        raise DataError(
            f"[problem] target: column {target!r} holds values of {kind}, which are no classes: "
            "make text of it by [data] sql."
        )
    return column


def _check_classes(found: Sequence[Any], rows: int, problem: ProblemSpec) -> None:
    target = problem.target
    if len(found) == 1:
        raise DataError(
            f"[problem] target: column {target!r} has one class, {found[0]!r}, in all {rows} "
            "rows: wanted two at least; take rows of another class in, or name another target."
        )
    if len(found) > CLASSES_MAX:
        raise DataError(
            f"[problem] target: column {target!r} has {len(found)} different values: wanted "
            f"{CLASSES_MAX} classes at most; set task to regression if it is a quantity."
        )
    if problem.task == "binary" and len(found) > 2:
        shown = ", ".join(map(repr, found[:_SHOWN])) + (", ..." if len(found) > _SHOWN else "")
        raise DataError(
            f"[problem] target: a binary task has two classes, and column {target!r} has "
            f"{len(found)} ({shown}): set task to multiclass."
        )
    if problem.positive is not None and problem.positive not in found:
        wanted = " or ".join(map(repr, found[:_SHOWN]))
        raise DataError(
            f"[problem] positive: column {target!r} has no class {problem.positive!r}: wanted "
            f"{wanted}."
        )
