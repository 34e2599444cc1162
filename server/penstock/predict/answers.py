# SPDX-License-Identifier: Apache-2.0
"""From a model's outputs to columns.

    one value a row                     a column of the output's name
    a value for each class              NAME_CLASS each; of `probabilities` probability_CLASS
    up to 256 values a row              NAME[0], NAME[1], ...
    more, or of two dimensions          a column of lists

Rows that are bad have null in all of them.
"""

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from penstock.errors import PredictError
from penstock.local_model import Array, Texts
from penstock.package.signature import ModelSignature, TensorSignature
from penstock.predict.arrow import arrow_array, pyarrow_module
from penstock.predict.columns import InputColumns
from penstock.predict.rows import FLOATS, BadRow, Tensors

__all__ = ["OutputColumns", "answer_columns", "output_columns", "unanswered"]

#: Values of a row that have a column each.
COLUMNS_MAX = 256
_ARROW_TYPES = {
    "BOOL": "bool_",
    "BYTES": "string",
    "FP16": "float16",
    "BF16": "float32",
    "FP32": "float32",
    "FP64": "float64",
    **{f"{kind}{n}": f"{kind.lower()}{n}" for kind in ("INT", "UINT") for n in (8, 16, 32, 64)},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputColumns:
    """The columns of an output; one that `is_list` holds all values of a row."""

    tensor: TensorSignature
    columns: tuple[str, ...]
    is_list: bool = False

    @property
    def width(self) -> int:
        """Values of a row."""
        return math.prod(self.tensor.shape[1:])

    def fields(self) -> list[Any]:
        """Arrow's fields of the columns."""
        arrow = pyarrow_module()
        kind = arrow.list_(self.kind, self.width) if self.is_list else self.kind
        return [arrow.field(name, kind) for name in self.columns]

    @property
    def kind(self) -> Any:
        """Arrow's type of a value."""
        return getattr(pyarrow_module(), _ARROW_TYPES[self.tensor.datatype])()


def output_columns(signature: ModelSignature, kept: Sequence[str]) -> list[OutputColumns]:
    """The columns of each output, beside those that are `kept` of the input.

    Raises:
        PredictError: two columns would have one name, or an output's rows are of no known size.
    """
    made = [_columns(tensor) for tensor in signature.outputs]
    names = [*kept, *(name for one in made for name in one.columns)]
    for name, count in Counter(names).items():
        if count > 1:
            raise PredictError(
                f"The output would have two columns {name!r}: the input's, which is kept, and the "
                "model's. Keep other columns, or rename it."
            )
    return made


def _columns(tensor: TensorSignature) -> OutputColumns:
    if any(size < 0 for size in tensor.shape[1:]):
        raise PredictError(
            f"output {tensor.name!r} is of shape {list(tensor.shape)}: wanted one whose rows are "
            "of a known size. config.pbtxt can narrow it."
        )
    width = math.prod(tensor.shape[1:])
    if tensor.classes:
        stem = "probability" if tensor.name == "probabilities" else tensor.name
        names = tuple(f"{stem}_{one}" for one in tensor.classes)
        return OutputColumns(tensor=tensor, columns=names)
    if width == 1:
        return OutputColumns(tensor=tensor, columns=(tensor.name,))
    if len(tensor.shape) == 2 and width <= COLUMNS_MAX:
        names = tuple(f"{tensor.name}[{place}]" for place in range(width))
        return OutputColumns(tensor=tensor, columns=names)
    return OutputColumns(tensor=tensor, columns=(tensor.name,), is_list=True)


def unanswered(
    answers: Sequence[Array | Texts],
    read: Callable[[], Tensors],
    inputs: Sequence[InputColumns],
) -> Mapping[int, BadRow]:
    """Rows with a missing value to which the model answers NaN: it takes no missing values there.

    One that is answered by a number is as good as any: trees, and pipelines that impute, do so.
    `read` gives the model's inputs, of the rows that the answers are to.
    """
    found: dict[int, BadRow] = {}
    for answer in answers:
        if isinstance(answer, Texts) or answer.dtype.kind != "f":
            continue
        is_silent = np.isnan(answer)
        if not is_silent.any():
            continue
        tensors = read()
        for row in np.flatnonzero(is_silent.reshape(tensors.rows, -1).any(axis=1)):
            name = _missing_column(int(row), tensors, inputs)
            if name is not None:
                reason = f"{name!r} is missing, and the model's answer is no number"
                found.setdefault(int(row), BadRow(row=int(row), column=name, reason=reason))
    return found


def _missing_column(row: int, tensors: Tensors, inputs: Sequence[InputColumns]) -> str | None:
    for array, one in zip(tensors.arrays, inputs, strict=True):
        if one.tensor.datatype in FLOATS:
            places = np.flatnonzero(np.isnan(array[row].reshape(-1)))
            if len(places):
                return one.columns[0 if one.is_list else int(places[0])]
    return None


def answer_columns(
    answers: Sequence[Array | Texts], outputs: Sequence[OutputColumns], rows: int, bad: Array | None
) -> list[Any]:
    """Arrow's arrays of all columns. `bad`: of each row whether it has no answer; None: all have.

    Raises:
        PredictError: an answer is not of the shape that the model promised, or no UTF-8.
    """
    made: list[Any] = []
    for answer, one in zip(answers, outputs, strict=True):
        shape = answer.shape
        if shape[0] != rows or math.prod(shape[1:]) != one.width:
            raise PredictError(
                f"output {one.tensor.name!r} came back with shape {list(shape)} for {rows} rows: "
                f"wanted {list(one.tensor.shape)}."
            )
        made += _texts(answer, one, bad) if isinstance(answer, Texts) else _arrays(answer, one, bad)
    return made


def _arrays(answer: Array, one: OutputColumns, bad: Array | None) -> list[Any]:
    arrow = pyarrow_module()
    if one.tensor.datatype == "BF16":
        answer = (answer.astype(np.uint32) << 16).view(np.float32)
    answer = answer.reshape(len(answer), -1)
    if one.is_list:
        values = arrow_array(answer.reshape(-1), one.kind)
        mask = None if bad is None else arrow_array(bad)
        return [arrow.FixedSizeListArray.from_arrays(values, one.width, mask=mask)]
    return [arrow_array(answer[:, place], one.kind, bad) for place in range(one.width)]


def _texts(answer: Texts, one: OutputColumns, bad: Array | None) -> list[Any]:
    arrow = pyarrow_module()
    count = len(answer.offsets) - 1
    if answer.offsets[-1] > np.iinfo(np.int32).max:
        raise PredictError(
            f"output {one.tensor.name!r} has {answer.offsets[-1]} bytes of text in one chunk: "
            "wanted less than 2 GiB. Make chunks smaller by --batch-rows."
        )
    offsets = arrow.py_buffer(answer.offsets.astype(np.int32))
    texts = arrow.StringArray.from_buffers(count, offsets, arrow.py_buffer(answer.content))
    try:
        texts.validate(full=True)
    except arrow.ArrowInvalid:
        raise PredictError(
            f"output {one.tensor.name!r} has a text that is no UTF-8: it cannot be a column."
        ) from None
    if one.is_list:
        mask = None if bad is None else arrow_array(bad)
        return [arrow.FixedSizeListArray.from_arrays(texts, one.width, mask=mask)]
    if one.width > 1:
        columns = [
            texts.take(arrow_array(np.arange(k, count, one.width))) for k in range(one.width)
        ]
    else:
        columns = [texts]
    if bad is None:
        return columns
    import pyarrow.compute

    is_good = arrow_array(~bad)
    return [pyarrow.compute.if_else(is_good, column, None) for column in columns]
