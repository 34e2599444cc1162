# SPDX-License-Identifier: Apache-2.0
"""A model with the columns of a table: chunks in, answers out. Any thread may use it."""

import queue
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from penstock.errors import PredictError
from penstock.local_model import Array, Texts
from penstock.predict.answers import OutputColumns, answer_columns, output_columns, unanswered
from penstock.predict.arrow import pyarrow_module
from penstock.predict.columns import (
    InputColumns,
    bind_columns,
    check_types,
    columns_of,
    kept_columns,
)
from penstock.predict.model import OpenModel
from penstock.predict.rows import BadRow, Tensors, answers_to_columns, read_tensors
from penstock.predict.source import Chunk

__all__ = ["Answered", "Predictor"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Answered:
    """Answers to a chunk, a row for each of its rows: an Arrow record batch; and its bad rows."""

    batch: Any
    bad: tuple[BadRow, ...]


class Predictor:
    """Answers chunks of tables whose columns are those of `schema`, which is Arrow's.

    `schema_out`: of the answers, the kept columns first.
    """

    def __init__(
        self,
        model: OpenModel,
        schema: Any,
        *,
        feature_columns: Sequence[str] = (),
        kept: Sequence[str] = (),
    ) -> None:
        """`kept`: columns of the input that the output has as well.

        Raises:
            PredictError: the columns are not those that the model reads.
        """
        arrow = pyarrow_module()
        self.model = model
        self.kept = kept_columns(schema, kept)
        self.inputs: list[InputColumns] = bind_columns(
            model.signature,
            schema,
            feature_columns=feature_columns,
            kept=self.kept,
            has_names=model.has_names,
        )
        self.outputs: list[OutputColumns] = output_columns(model.signature, self.kept)
        fields = [schema.field(name) for name in self.kept]
        fields += [field for one in self.outputs for field in one.fields()]
        self.schema_out = arrow.schema(fields)
        self._reads_columns = model.local.reads_columns and not self.inputs[0].is_list
        self._instances: queue.SimpleQueue[int] | None = None
        if model.local.instances:
            self._instances = queue.SimpleQueue()
            for number in range(model.local.instances):
                self._instances.put(number)

    @property
    def columns(self) -> list[str]:
        """Every column of the input that is read."""
        return list(dict.fromkeys([*columns_of(self.inputs), *self.kept]))

    def answer(self, batch: Any) -> Answered:
        """The answers to a record batch, which has at least one row.

        Raises:
            PredictError: its columns are of other types than they may be.
            EngineError: the model fails.
        """
        check_types(self.inputs, batch.schema)
        answers, bad = self._answers(batch)
        mask = None
        if bad:
            mask = np.zeros(batch.num_rows, np.bool_)
            mask[list(bad)] = True
        columns = [self._kept(batch, name) for name in self.kept]
        columns += answer_columns(answers, self.outputs, batch.num_rows, mask)
        made = pyarrow_module().RecordBatch.from_arrays(columns, schema=self.schema_out)
        return Answered(batch=made, bad=tuple(bad[row] for row in sorted(bad)))

    def answer_chunk(self, chunk: Chunk) -> Answered:
        """As answer(), for a chunk of a file, which a PredictError names."""
        try:
            return self.answer(chunk.batch)
        except PredictError as error:
            raise PredictError(f"{chunk.file}: {error}") from None

    def _answers(self, batch: Any) -> tuple[list[Array | Texts], dict[int, BadRow]]:
        """With the bad rows: those that the model was not to see, and those without an answer."""
        hidden = self.model.signature.sensitive
        read = partial(read_tensors, batch, self.inputs, hidden)
        if self._reads_columns:
            answers, bad = answers_to_columns(self.model.local, batch, self.inputs[0], hidden)
        else:
            tensors = read()
            answers, bad = self._run(tensors), tensors.bad
        return answers, {**unanswered(answers, read, self.inputs), **bad}

    def _kept(self, batch: Any, name: str) -> Any:
        column = batch.column(name)
        wanted = self.schema_out.field(name).type
        if column.type == wanted:
            return column
        arrow = pyarrow_module()
        try:
            return column.cast(wanted)
        except arrow.ArrowException as error:
            raise PredictError(
                f"column {name!r}, which is kept, is {column.type} here and {wanted} in the first "
                f"file: {str(error).rstrip('.')}. Write both with one type, or do not keep it."
            ) from None

    def _run(self, tensors: Tensors) -> list[Array | Texts]:
        most = self.model.rows_max
        with self._instance() as instance:
            if not most or tensors.rows <= most:
                return self.model.local.run(tensors.rows, tensors.arrays, instance=instance)
            return _joined(list(self._blocks(tensors, most, instance)))

    def _blocks(self, tensors: Tensors, most: int, instance: int) -> Iterator[list[Array | Texts]]:
        """Of a model that takes so many rows at a time and no more."""
        places = [
            _row_places(array, one) for array, one in zip(tensors.arrays, self.inputs, strict=True)
        ]
        for first in range(0, tensors.rows, most):
            rows = min(most, tensors.rows - first)
            arrays = [
                array[place[first] : place[first + rows]]
                for array, place in zip(tensors.arrays, places, strict=True)
            ]
            yield self.model.local.run(rows, arrays, instance=instance)

    @contextmanager
    def _instance(self) -> Iterator[int]:
        if self._instances is None:
            yield 0
            return
        number = self._instances.get()
        try:
            yield number
        finally:
            self._instances.put(number)


def _row_places(array: Array, one: InputColumns) -> Sequence[int]:
    """Where in the array each row begins, and the last one ends."""
    if not one.is_text:
        return range(len(array) + 1)
    content = array.tobytes()
    places, at, element = [0], 0, 0
    while at < len(content):
        at += 4 + int.from_bytes(content[at : at + 4], "little")
        element += 1
        if element % one.width == 0:
            places.append(at)
    return places


def _joined(parts: Sequence[list[Array | Texts]]) -> list[Array | Texts]:
    made: list[Array | Texts] = []
    for pieces in zip(*parts, strict=True):
        texts = [one for one in pieces if isinstance(one, Texts)]
        if not texts:
            made.append(np.concatenate(pieces))
            continue
        ends = np.cumsum([0, *(one.offsets[-1] for one in texts)])
        offsets = [one.offsets[:-1] + end for one, end in zip(texts, ends[:-1], strict=True)]
        made.append(
            Texts(
                shape=(sum(one.shape[0] for one in texts), *texts[0].shape[1:]),
                offsets=np.concatenate([*offsets, ends[-1:]]),
                content=np.concatenate([one.content for one in texts]),
            )
        )
    return made
