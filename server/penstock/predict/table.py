# SPDX-License-Identifier: Apache-2.0
"""Answers to a table that is in memory."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from penstock.errors import PredictError
from penstock.predict.arrow import pyarrow_module
from penstock.predict.columns import kept_columns
from penstock.predict.model import OpenModel, open_model
from penstock.predict.options import ReadingBounds
from penstock.predict.predictor import Predictor
from penstock.predict.rows import BadRow

__all__ = ["TableAnswers", "predict_table"]


class TableAnswers:
    """`table`: Arrow's, a row for each of the input's; `bad`: rows without an answer, by number."""

    __slots__ = ("bad", "table")

    def __init__(self, table: Any, bad: tuple[BadRow, ...]) -> None:
        self.table = table
        self.bad = bad


def predict_table(
    model: str | Path | OpenModel,
    table: Any,
    *,
    registry: str = "",
    registry_allow_code: bool = False,
    public_keys: Sequence[Path] = (),
    feature_columns: Sequence[str] = (),
    keep: Sequence[str] | None = (),
    bounds: ReadingBounds | None = None,
) -> TableAnswers:
    """What a model answers to the rows of a table of Arrow or pandas.

    `model`: as `penstock predict` takes it, or one that open_model() has loaded. `keep`: columns
    that the answers have as well, None: all.

    Raises:
        PenstockError: the model cannot be loaded, or its columns are not those of the table.
    """
    arrow = pyarrow_module()
    opened = (
        model
        if isinstance(model, OpenModel)
        else open_model(
            str(model),
            registry=registry,
            registry_allow_code=registry_allow_code,
            public_keys=public_keys,
        )
    )
    table = _as_table(table)
    kept = kept_columns(table.schema, keep)
    predictor = Predictor(opened, table.schema, feature_columns=feature_columns, kept=kept)
    batches, bad, first = [], [], 0
    for chunk in _chunks(table.select(predictor.columns), bounds or ReadingBounds()):
        answered = predictor.answer(chunk)
        batches.append(answered.batch)
        bad += [
            BadRow(row=first + one.row, column=one.column, reason=one.reason)
            for one in answered.bad
        ]
        first += chunk.num_rows
    return TableAnswers(arrow.Table.from_batches(batches, schema=predictor.schema_out), tuple(bad))


def _as_table(table: Any) -> Any:
    arrow = pyarrow_module()
    if isinstance(table, arrow.Table):
        return table
    if isinstance(table, arrow.RecordBatch):
        return arrow.Table.from_batches([table])
    try:
        return arrow.Table.from_pandas(table, preserve_index=False)
    except (AttributeError, TypeError, ValueError, arrow.ArrowException) as error:
        raise PredictError(
            f"The table is a {type(table).__name__}, which cannot be read ({error}): wanted one of "
            "Arrow or of pandas."
        ) from None


def _chunks(table: Any, bounds: ReadingBounds) -> Iterator[Any]:
    rows = max(1, table.num_rows)
    chunk = max(1, min(bounds.chunk_rows, bounds.chunk_bytes * rows // max(1, table.nbytes)))
    for batch in table.to_batches(max_chunksize=chunk):
        if batch.num_rows:
            yield batch
