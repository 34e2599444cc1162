# SPDX-License-Identifier: Apache-2.0
"""Which column is what, and the types that later steps find it in: float, int, bool and text.

A feature is what is neither target, nor dropped, nor what rows are split by; the split's column is
one if [features] names it. Numbers are numeric features, the others are categorical.
"""

import difflib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from penstock_training.data.text_columns import blanked, number_share, parsed_number
from penstock_training.errors import DataError
from penstock_training.spec import PipelineSpec

__all__ = [
    "NUMBERS_MIN",
    "Columns",
    "Problem",
    "assign_columns",
    "blanks",
    "in_form",
    "refuse_mixed",
    "refuse_unknown",
    "retyped",
]

#: How pandas' names of numbers begin.
NUMBERS = ("int", "float", "uint", "Int", "Float", "UInt")
#: The share of a column's texts that are numbers, above which all should be.
NUMBERS_MIN = 0.95
_NAMES_SHOWN = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """What the columns of the rows are, each in the source's order."""

    target: str
    numeric: tuple[str, ...]
    categorical: tuple[str, ...]
    #: No features, but what rows are split, grouped or sliced by.
    others: tuple[str, ...] = ()
    #: What no value is told of.
    sensitive: tuple[str, ...] = ()

    @property
    def features(self) -> tuple[str, ...]:
        """Numeric ones, then categorical ones."""
        return self.numeric + self.categorical


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Something wrong with a value. `reason` tells no value of a sensitive column."""

    #: Place in the table, from 0.
    row: int
    column: str
    reason: str


def assign_columns(spec: PipelineSpec, table: Any) -> Columns:
    """What each column of `table` is.

    Raises:
        DataError: no feature is left to learn from, or one holds what no model takes.
    """
    names = table.column_names
    features, target = spec.features, spec.problem.target
    declared = {*features.numeric, *features.categorical}
    held_out = {target, *features.drop}
    if spec.split.column is not None and spec.split.column not in declared:
        held_out.add(spec.split.column)
    chosen = [name for name in names if name not in held_out]
    numeric = tuple(name for name in chosen if _is_numeric(name, table, spec))
    categorical = tuple(name for name in chosen if name not in numeric)
    for name in categorical:
        _refuse_unservable(name, table)
    if not chosen:
        raise DataError(
            f"no features are left: the data have {_listed(names)}, of which one is the target and "
            "the others are dropped or split by."
        )
    wanted = {group.column for group in spec.problem.groups} | set(spec.evaluate.slices or ())
    wanted |= {spec.split.column} if spec.split.column is not None else set()
    return Columns(
        target=target,
        numeric=numeric,
        categorical=categorical,
        others=tuple(n for n in names if n in wanted and n not in chosen and n != target),
        sensitive=features.sensitive,
    )


def refuse_unknown(spec: PipelineSpec, names: Sequence[str]) -> None:
    """Check the columns that `spec` names against those of the data.

    Raises:
        DataError: the data have no such column, or the target is also a feature.
    """
    features = spec.features
    asked = [("[problem] target", [spec.problem.target])]
    asked += [
        (f"[features] {kind}", list(getattr(features, kind)))
        for kind in ("numeric", "categorical", "drop", "sensitive")
    ]
    asked += [
        ("[features] step columns", list(step.columns))
        for step in features.step
        if not isinstance(step.columns, str)
    ]
    asked.append(("[split] column", [spec.split.column] if spec.split.column else []))
    asked.append(("[problem] groups", [group.column for group in spec.problem.groups]))
    asked.append(("[evaluate] slices", list(spec.evaluate.slices or ())))
    for place, columns in asked:
        for column in columns:
            if column not in names:
                near = difflib.get_close_matches(column, names, n=1)
                mend = f"did you mean {near[0]!r}?" if near else f"they have {_listed(names)}."
                raise DataError(f"{place}: the data have no column {column!r}: {mend}")
    target = spec.problem.target
    if target in (*features.numeric, *features.categorical, *features.drop):
        raise DataError(f"[features] names the target {target!r}: it is no feature; take it out.")


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_NAMES_SHOWN])
    more = len(names) - _NAMES_SHOWN
    return f"{shown} and {more} more" if more > 0 else shown


def _is_numeric(name: str, table: Any, spec: PipelineSpec) -> bool:
    from pyarrow import types

    if name in spec.features.numeric:
        return True
    if name in spec.features.categorical:
        return False
    kind = table.column(name).type
    return bool(types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind))


def _refuse_unservable(name: str, table: Any) -> None:
    from pyarrow import types

    kind = table.column(name).type
    is_servable = types.is_string(kind) or types.is_integer(kind) or types.is_boolean(kind)
    if is_servable or types.is_floating(kind):
        return
    said = "times" if types.is_timestamp(kind) else f"values of {kind}"
    raise DataError(
        f"feature {name!r} holds {said}, which no model takes: add it to [features] drop, or make "
        "numbers of it by [data] sql."
    )


def blanks(table: Any, dtypes: Mapping[str, str]) -> Any:
    """`table` without what stands for a missing number where a schema file wants numbers."""
    import pyarrow
    from pyarrow import types

    made = {}
    for name in table.column_names:
        column = table.column(name)
        is_meant = types.is_string(column.type) and dtypes.get(name, "").startswith(NUMBERS)
        made[name] = blanked(column) if is_meant else column
    return pyarrow.table(made)


def refuse_mixed(table: Any, columns: Columns, settled: Collection[str]) -> None:
    """Stop at a feature of text that is all but numbers: one mistake would make it categorical.

    `settled`: columns of which somebody has said what they are.

    Raises:
        DataError: there is one.
    """
    from pyarrow import types

    for name in columns.categorical:
        column = table.column(name)
        if name in settled or not types.is_string(column.type):
            continue
        share = number_share(column)
        if NUMBERS_MIN <= share < 1:
            present = len(column) - column.null_count
            others = round((1 - share) * present)
            raise DataError(
                f"column {name!r} holds text in {others} of {present} rows and numbers in the "
                "others: name it in [features] numeric or categorical, or put those rows aside by "
                "a schema, which `penstock data schema` writes."
            )


def retyped(table: Any, dtypes: Mapping[str, str]) -> Any:
    """`table` with the types that a schema file gives: text that it calls numbers, whose other
    values are put aside by now, and numbers that it calls text.
    """
    import pyarrow
    from pyarrow import types

    made = {}
    for name in table.column_names:
        column, wanted = table.column(name), dtypes.get(name, "")
        is_text = types.is_string(column.type)
        if is_text and wanted.startswith(NUMBERS):
            numbers = [parsed_number(value) for value in column.to_pylist()]
            column = pyarrow.array(numbers, pyarrow.float64())
        elif is_text and wanted.startswith("datetime"):
            column = column.cast(pyarrow.timestamp("us"))
        elif not is_text and wanted.startswith(("str", "object", "category")):
            column = _texts(column)
        made[name] = column
    return pyarrow.table(made)


def in_form(table: Any, columns: Columns) -> tuple[Any, list[Problem]]:
    """`table` with columns of float, int, bool and text alone, and what could not be a number.

    Times become text that sorts as they do. Columns that nobody uses are empty if they hold
    anything else, or what is sensitive. A value with a problem is missing.
    """
    import pyarrow

    problems: list[Problem] = []
    made: dict[str, Any] = {}
    for name in table.column_names:
        column = table.column(name)
        if name in columns.numeric:
            made[name] = _numbers(name, column, columns, problems)
        elif name in columns.categorical:
            # Whole numbers of which some are missing would be fractions to pandas.
            is_whole = column.null_count == 0 and not pyarrow.types.is_floating(column.type)
            made[name] = column if is_whole else _texts(column)
        elif name == columns.target:
            made[name] = column
        else:
            is_used = name in columns.others
            made[name] = _other(column, is_kept=is_used or name not in columns.sensitive)
    return pyarrow.table(made), problems


def _numbers(name: str, column: Any, columns: Columns, problems: list[Problem]) -> Any:
    import numpy as np
    import pyarrow
    from pyarrow import types

    if types.is_integer(column.type) or types.is_boolean(column.type):
        return column
    if types.is_string(column.type):
        texts = blanked(column).to_pylist()
        numbers = [parsed_number(text) for text in texts]
        bad = [i for i, number in enumerate(numbers) if number is None and texts[i] is not None]
        for i in bad:
            found = "" if name in columns.sensitive else f", found {_shown(texts[i])}"
            problems.append(Problem(row=i, column=name, reason=f"wanted a number{found}"))
        column = pyarrow.array(numbers, pyarrow.float64())
    elif not types.is_floating(column.type):
        raise DataError(
            f"[features] numeric: column {name!r} holds values of {column.type}: make numbers of "
            "it by [data] sql, or drop it."
        )
    values = np.asarray(column.to_numpy(zero_copy_only=False), np.float64)
    is_infinite = np.isinf(values)
    problems += [
        Problem(row=int(place), column=name, reason="wanted a finite number")
        for place in np.flatnonzero(is_infinite)
    ]
    values = np.where(is_infinite, np.nan, values)
    return pyarrow.array(values, pyarrow.float64(), from_pandas=True)


def _other(column: Any, *, is_kept: bool) -> Any:
    import pyarrow
    import pyarrow.compute as compute
    from pyarrow import types

    kind = column.type
    if is_kept and types.is_timestamp(kind):
        return compute.strftime(column, format="%Y-%m-%dT%H:%M:%S")
    is_plain = types.is_integer(kind) or types.is_floating(kind)
    is_plain = is_plain or types.is_boolean(kind) or types.is_string(kind)
    return column if is_kept and is_plain else pyarrow.nulls(len(column), pyarrow.string())


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."


def _texts(column: Any) -> Any:
    import pyarrow
    import pyarrow.compute as compute
    from pyarrow import types

    if types.is_floating(column.type):
        present = compute.drop_null(column)
        if compute.all(compute.equal(present, compute.floor(present))).as_py():
            column = column.cast(pyarrow.int64(), safe=False)
    return column.cast(pyarrow.string())
