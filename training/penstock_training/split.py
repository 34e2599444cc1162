# SPDX-License-Identifier: Apache-2.0
"""Which of the accepted rows train, which choose and which judge, as [split] says."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from penstock_training.data import splits
from penstock_training.data.columns import Columns
from penstock_training.data.same_rows import blocks_of, codes_of, kinds_of_rows
from penstock_training.data.target import class_codes
from penstock_training.errors import DataError
from penstock_training.spec import PipelineSpec

__all__ = ["PARTS", "class_counts", "method_of", "split_rows"]

PARTS = ("train", "validation", "test")


def method_of(spec: PipelineSpec) -> str:
    """How rows are split: as [split] says, else stratified, or random for a regression."""
    default = "random" if spec.problem.task == "regression" else "stratified"
    return spec.split.method or default


def split_rows(table: Any, columns: Columns, spec: PipelineSpec) -> Mapping[str, Any]:
    """The places of each part's rows in `table`, as arrays of int64 by name of PARTS.

    Raises:
        DataError: a part would be empty or without a class, or the column cannot be split by.
    """
    shares = splits.Shares(validation=spec.split.validation, test=spec.split.test)
    method = method_of(spec)
    codes: NDArray[np.int64] | None = None
    classes: list[Any] = []
    if spec.problem.task != "regression":
        codes, classes = class_codes(table.column(columns.target))
    if method == "group":
        found = splits.by_group(_groups(table, str(spec.split.column)), shares, spec.seed)
    elif method == "time":
        found = splits.by_time(_times(table, str(spec.split.column)), shares)
    elif method == "random" or codes is None:
        found = splits.random(blocks_of(kinds_of_rows(table, columns)), shares, spec.seed)
    else:
        blocks = blocks_of(kinds_of_rows(table, columns))
        found = splits.stratified(blocks, codes, shares, spec.seed)
    parts = {name: getattr(found, name) for name in PARTS}
    if codes is not None:
        _refuse_lost_classes(codes, classes, parts, method)
    return parts


def _groups(table: Any, name: str) -> NDArray[np.int64]:
    _refuse_missing(table.column(name), name, "group")
    return codes_of(table.column(name))


def _times(table: Any, name: str) -> NDArray[Any]:
    """Numbers, or texts of a form that sorts as times do: validate made those of times."""
    from pyarrow import types

    column = table.column(name)
    _refuse_missing(column, name, "time")
    if types.is_string(column.type):
        return np.array(column.to_pylist(), dtype=np.str_)
    return np.asarray(column.to_numpy())


def _refuse_missing(column: Any, name: str, what: str) -> None:
    if column.null_count:
        raise DataError(
            f"[split] column: {column.null_count} of {len(column)} rows have no {name!r}: give "
            f"each its {what}, or take those rows out."
        )


def class_counts(part: Any, target: str) -> dict[str, int]:
    """Rows of each class in a part, by the class's name."""
    codes, classes = class_codes(part.column(target))
    return {str(one): int(count) for one, count in zip(classes, np.bincount(codes), strict=True)}


def _refuse_lost_classes(
    codes: NDArray[np.int64], classes: list[Any], parts: Mapping[str, Any], method: str
) -> None:
    """Every class must be learnt, chosen by and judged."""
    for name, places in parts.items():
        lost = np.flatnonzero(np.bincount(codes[places], minlength=len(classes)) == 0)
        if len(lost):
            rows = int((codes == lost[0]).sum())
            raise DataError(
                f"[split]: class {classes[int(lost[0])]!r} has {rows} rows, and none of them is in "
                f"the {name} part of a {method} split: take more rows of it in, merge the class "
                "with another, or change [split]."
            )
