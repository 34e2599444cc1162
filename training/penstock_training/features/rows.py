# SPDX-License-Identifier: Apache-2.0
"""Rows as the served graph sees them: float32 numbers, texts of which none is missing.

A model is trained with what it is asked later. Rounding to float32 afterwards would send rows to
the other side of a tree's threshold.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from penstock_training.errors import DataError
from penstock_training.features.plan import ColumnType, FeaturePlan

__all__ = ["classes_of", "column_types", "features_of", "holed", "target_of"]

#: Over the wire a text cannot be missing: it is empty.
MISSING_TEXT = ""


def column_types(frame: pd.DataFrame) -> dict[str, ColumnType]:
    """The type of each column, in order."""
    return {str(name): _type_of(frame[name]) for name in frame.columns}


def _type_of(column: Any) -> ColumnType:
    if pd.api.types.is_bool_dtype(column):
        return "bool"
    if pd.api.types.is_integer_dtype(column):
        return "float" if column.hasnans else "int"
    if pd.api.types.is_float_dtype(column):
        return "float"
    present = column.dropna()
    if len(present) and all(isinstance(one, bool | np.bool_) for one in present):
        return "bool"
    return "string"


def features_of(frame: pd.DataFrame, plan: FeaturePlan) -> pd.DataFrame:
    """The feature columns of `frame` in the plan's order, as a fitted pipeline takes them.

    Raises:
        DataError: a column is not there, or holds what cannot be what it was.
    """
    missing = [name for name in plan.columns if name not in frame.columns]
    if missing:
        raise DataError(f"the rows have no column {', '.join(missing)}.")
    made: dict[str, Any] = {}
    for name in plan.numeric:
        try:
            made[name] = frame[name].to_numpy(dtype=np.float32, na_value=np.nan)
        except (TypeError, ValueError):
            raise DataError(f"the column {name} holds what is no number.") from None
    for one in plan.categorical:
        column = frame[one.name]
        if one.datatype == "BYTES":
            texts = column.astype(object).where(column.notna(), MISSING_TEXT)
            made[one.name] = np.array([str(text) for text in texts], dtype=object)
            continue
        if column.isna().any():
            raise DataError(
                f"the categorical column {one.name} holds whole numbers, of which some are "
                "missing: make it text, or quarantine those rows."
            )
        made[one.name] = column.to_numpy(dtype=np.int64)
    return pd.DataFrame(made, index=frame.index, columns=list(plan.columns))


def classes_of(column: Any, name: str) -> tuple[str | int, ...]:
    """The classes of a target, sorted: whole numbers, or texts. Truth values are 0 and 1.

    Raises:
        DataError: a value is missing, is a fraction, or all are the same.
    """
    values = _labels(column, name)
    found = sorted(set(values.tolist()))
    if len(found) < 2:
        raise DataError(
            f"the target {name} has one class only among the rows that train: wanted two or more."
        )
    return tuple(found)


def _labels(column: Any, name: str) -> npt.NDArray[Any]:
    if column.isna().any():
        raise DataError(
            f"the target {name} is missing in {int(column.isna().sum())} rows: quarantine them."
        )
    kind = _type_of(column)
    if kind == "string":
        return np.array([str(one) for one in column], dtype=object)
    numbers = column.to_numpy(dtype=np.float64)
    if not np.array_equal(numbers, np.trunc(numbers)):
        raise DataError(
            f"the target {name} holds fractions, which are no classes: set task to regression, "
            "or make them text."
        )
    return np.asarray(numbers, np.int64)


def target_of(frame: pd.DataFrame, plan: FeaturePlan) -> npt.NDArray[Any]:
    """The target (n,): numbers of classes as int64, or values as float64.

    Raises:
        DataError: it is not there, is missing in a row, or is of a class that is not in the plan.
    """
    if plan.target not in frame.columns:
        raise DataError(f"the rows have no column {plan.target}, which is the target.")
    column = frame[plan.target]
    if plan.is_classifier:
        numbers = {one: number for number, one in enumerate(plan.classes)}
        labels = _labels(column, plan.target)
        unknown = [one for one in labels.tolist() if one not in numbers]
        if unknown:
            raise DataError(
                f"{len(unknown)} rows are of classes that no row of the training part is of: "
                "split by stratified, or put those rows aside."
            )
        return np.array([numbers[one] for one in labels.tolist()], dtype=np.int64)
    try:
        values = column.to_numpy(dtype=np.float64, na_value=np.nan)
    except (TypeError, ValueError):
        raise DataError(
            f"the target {plan.target} holds text, and the task is regression: set task to binary "
            "or multiclass."
        ) from None
    if not np.isfinite(values).all():
        raise DataError(f"the target {plan.target} is missing or infinite in some rows.")
    return np.asarray(values)


def holed(rows: pd.DataFrame, plan: FeaturePlan, seed: int) -> pd.DataFrame:
    """The same rows with a tenth of their values missing."""
    chance = np.random.default_rng(seed)
    made = rows.copy()
    for name in plan.numeric:
        made[name] = np.where(chance.random(len(rows)) < 0.1, np.float32(np.nan), rows[name])
    for one in plan.categorical:
        if one.datatype == "BYTES":
            is_hole = chance.random(len(rows)) < 0.1
            made[one.name] = np.where(is_hole, MISSING_TEXT, rows[one.name].to_numpy(object))
    return made
