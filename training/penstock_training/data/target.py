# SPDX-License-Identifier: Apache-2.0
"""The target: what is wrong with it, and the form that models learn from."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from penstock_training.data.columns import Columns, Problem
from penstock_training.errors import DataError
from penstock_training.spec import ProblemSpec

__all__ = ["CLASSES_MAX", "encode_target", "target_problems"]

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


def encode_target(table: Any, columns: Columns, problem: ProblemSpec) -> tuple[Any, Columns]:
    """`table` with the target in its form, and `columns` with the names of its classes.

    Raises:
        DataError: the target is constant, has one class, or not the classes that the task wants.
    """
    import pyarrow

    column = table.column(problem.target)
    place = table.column_names.index(problem.target)
    if problem.task == "regression":
        values = np.asarray(column.to_numpy(), np.float64)
        if len(values) and values.min() == values.max():
            raise DataError(
                f"[problem] target: column {problem.target!r} is {values[0]:g} in all "
                f"{len(values)} rows: there is nothing to learn; name another target."
            )
        return table.set_column(place, problem.target, pyarrow.array(values)), columns
    names = _class_names(column, problem.target)
    classes = _classes(names, problem)
    codes = {name: code for code, name in enumerate(classes)}
    coded = pyarrow.array(np.array([codes[name] for name in names], np.int64))
    return table.set_column(place, problem.target, coded), replace(columns, classes=classes)


def _class_names(column: Any, target: str) -> list[str]:
    """Text as it is, whole numbers as they are written, true and false."""
    import pyarrow
    import pyarrow.compute as compute
    from pyarrow import types

    if types.is_floating(column.type):
        is_whole = compute.all(compute.equal(column, compute.floor(column))).as_py()
        if not is_whole:
            raise DataError(
                f"[problem] target: column {target!r} holds fractions, which are no classes: set "
                "task to regression, or make classes of it by [data] sql."
            )
        column = column.cast(pyarrow.int64(), safe=False)
    names: list[str] = column.cast(pyarrow.string()).to_pylist()
    return names


def _classes(names: Sequence[str], problem: ProblemSpec) -> tuple[str, ...]:
    found = sorted(set(names), key=_sorts_as)
    target = problem.target
    if len(found) == 1:
        raise DataError(
            f"[problem] target: column {target!r} has one class, {found[0]!r}, in all {len(names)} "
            "rows: wanted two at least; take rows of another class in, or name another target."
        )
    if len(found) > CLASSES_MAX:
        raise DataError(
            f"[problem] target: column {target!r} has {len(found)} different values: wanted "
            f"{CLASSES_MAX} classes at most; set task to regression if it is a quantity."
        )
    if problem.task == "multiclass":
        return tuple(found)
    if len(found) > 2:
        shown = ", ".join(found[:_SHOWN]) + (", ..." if len(found) > _SHOWN else "")
        raise DataError(
            f"[problem] target: a binary task has two classes, and column {target!r} has "
            f"{len(found)} ({shown}): set task to multiclass."
        )
    positive = found[1] if problem.positive is None else _written(problem.positive)
    if positive not in found:
        raise DataError(
            f"[problem] positive: column {target!r} has no class {positive!r}: wanted "
            f"{found[0]!r} or {found[1]!r}."
        )
    return tuple(sorted(found, key=lambda name: name == positive))


def _written(value: str | int | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _sorts_as(name: str) -> tuple[int, int, str]:
    """Whole numbers by their size, before text."""
    digits = name.removeprefix("-")
    return (0, int(name), "") if digits.isdecimal() and digits.isascii() else (1, 0, name)
