# SPDX-License-Identifier: Apache-2.0
"""The step that deals rows into those that train, that choose and that judge."""

import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from penstock_training.data import splits
from penstock_training.data.columns import Columns
from penstock_training.data.parts import PARTS, read_columns, write_columns
from penstock_training.data.same_rows import blocks_of, kinds_of_rows
from penstock_training.data.tables import digest_of_table, read_table, write_table
from penstock_training.errors import DataError
from penstock_training.spec import PipelineSpec
from penstock_training.steps import Step, StepRun

__all__ = ["SPLIT", "method_of", "split_rows"]

NAME = "split"


def method_of(spec: PipelineSpec) -> str:
    """How rows are split: as [split] says, else stratified, or random for a regression."""
    default = "random" if spec.problem.task == "regression" else "stratified"
    return spec.split.method or default


def _run(run: StepRun) -> None:
    folder = run.inputs["validate"]
    columns = read_columns(folder)
    table = read_table(folder / "rows.parquet")
    found = split_rows(table, columns, run.spec)
    described: dict[str, Any] = {"method": method_of(run.spec), "parts": {}}
    for name in PARTS:
        part = table.take(getattr(found, name))
        write_table(part, run.folder / f"{name}.parquet")
        described["parts"][name] = {
            "rows": len(part),
            "digest": digest_of_table(part),
            "classes": _class_counts(part, columns),
        }
    write_columns(columns, run.folder)
    text = json.dumps(described, indent=1, ensure_ascii=False)
    (run.folder / "split.json").write_text(text + "\n")
    sizes = ", ".join(f"{described['parts'][name]['rows']} {name}" for name in PARTS)
    run.note(NAME, f"{described['method']}: {sizes}")


def split_rows(table: Any, columns: Columns, spec: PipelineSpec) -> splits.Split:
    """Split the accepted rows as `spec` says.

    Raises:
        DataError: a part would be empty or without a class, or the column cannot be split by.
    """
    shares = splits.Shares(validation=spec.split.validation, test=spec.split.test)
    method = method_of(spec)
    if method == "group":
        found = splits.by_group(_groups(table, str(spec.split.column)), shares, spec.seed)
    elif method == "time":
        found = splits.by_time(_times(table, str(spec.split.column)), shares)
    else:
        blocks = blocks_of(kinds_of_rows(table, columns))
        if method == "random":
            found = splits.random(blocks, shares, spec.seed)
        else:
            codes = np.asarray(table.column(columns.target).to_numpy(), np.int64)
            found = splits.stratified(blocks, codes, shares, spec.seed)
    _refuse_lost_classes(table, columns, found, method)
    return found


def _groups(table: Any, name: str) -> NDArray[np.int64]:
    import pyarrow.compute as compute

    column = table.column(name)
    if column.null_count:
        raise DataError(
            f"[split] column: {column.null_count} of {len(column)} rows have no {name!r}: give "
            "each its group, or take those rows out."
        )
    encoded = compute.dictionary_encode(column)
    chunks = getattr(encoded, "chunks", [encoded])
    return np.concatenate([np.asarray(chunk.indices, np.int64) for chunk in chunks])


def _times(table: Any, name: str) -> NDArray[Any]:
    from pyarrow import types

    column = table.column(name)
    is_number = types.is_integer(column.type) or types.is_floating(column.type)
    if not (is_number or types.is_timestamp(column.type)):
        raise DataError(
            f"[split] column: {name!r} holds {column.type}: wanted times, as in 2026-01-31 or "
            "2026-01-31T23:59:59, or numbers that grow with time."
        )
    if column.null_count:
        raise DataError(
            f"[split] column: {column.null_count} of {len(column)} rows have no {name!r}: give "
            "each its time, or take those rows out."
        )
    return np.asarray(column.to_numpy())


def _class_counts(part: Any, columns: Columns) -> dict[str, int] | None:
    if not columns.classes:
        return None
    codes = np.asarray(part.column(columns.target).to_numpy(), np.int64)
    counts = np.bincount(codes, minlength=len(columns.classes))
    return dict(zip(columns.classes, map(int, counts), strict=True))


def _refuse_lost_classes(table: Any, columns: Columns, found: splits.Split, method: str) -> None:
    """Every class must be learnt, chosen by and judged."""
    if not columns.classes:
        return
    codes = np.asarray(table.column(columns.target).to_numpy(), np.int64)
    for name in PARTS:
        counts = np.bincount(codes[getattr(found, name)], minlength=len(columns.classes))
        lost = np.flatnonzero(counts == 0)
        if len(lost):
            label = columns.classes[int(lost[0])]
            rows = int((codes == lost[0]).sum())
            mend = "take more of them in" if method == "stratified" else "take more rows in"
            raise DataError(
                f"[split]: class {label!r} has {rows} rows, and none of them is in the {name} part "
                f"of a {method} split: {mend}, merge the class with another, or change [split]."
            )


def _settings(spec: PipelineSpec) -> Any:
    return {"split": spec.split.model_dump(), "method": method_of(spec), "seed": spec.seed}


SPLIT = Step(name=NAME, needs=("validate",), run=_run, settings=_settings)
