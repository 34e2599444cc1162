# SPDX-License-Identifier: Apache-2.0
"""From Arrow's columns to the tensors that a model reads, and the rows that have no place there.

A bad row does not stop the others: it goes on with zeros, and its answers are taken away later.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from penstock.local_model import (
    Array,
    LocalModel,
    Misfit,
    TableColumn,
    Texts,
    encode_texts,
    gather_rows,
)
from penstock.predict.arrow import arrow_array, pyarrow_module
from penstock.predict.columns import InputColumns

__all__ = ["BadRow", "Tensors", "answers_to_columns", "read_tensors"]

SHOWN_MAX = 60
#: numpy's widths of V2's datatypes that are floats.
FLOATS = ("FP16", "FP32", "FP64")
WANTED = {
    "missing": "is missing, and {datatype} has no missing values",
    "no_number": "is {value}, which is no number",
    "fraction": "is {value}, and {datatype} has no fractions",
    "range": "is {value}, which is beyond {datatype}",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class BadRow:
    """A row, by its number in the chunk, that the model cannot answer, and why."""

    row: int
    column: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tensors:
    """The inputs of a chunk, in the model's order, and its bad rows, by number."""

    rows: int
    arrays: list[Array]
    bad: dict[int, BadRow]


def read_tensors(batch: Any, inputs: Sequence[InputColumns], hidden: frozenset[str]) -> Tensors:
    """The tensors of a record batch. Values of `hidden` columns are in no reason.

    Raises:
        EngineError: memory is out, or the batch is damaged.
    """
    bad: dict[int, BadRow] = {}
    rows = batch.num_rows
    arrays = []
    for one in inputs:
        columns = [batch.column(name) for name in one.columns]
        if one.is_list:
            arrays.append(_listed(columns[0], one, rows, hidden, bad))
        elif one.is_text:
            arrays.append(_texts(columns, rows))
        else:
            arrays.append(_numbers(columns, one, rows, hidden, bad))
    return Tensors(rows=rows, arrays=arrays, bad=bad)


def _numbers(
    columns: Sequence[Any],
    one: InputColumns,
    rows: int,
    hidden: frozenset[str],
    bad: dict[int, BadRow],
) -> Array:
    array, misfits = gather_rows([_column(c) for c in columns], rows, _gathered(one))
    _note_all(bad, misfits, columns, one, hidden)
    return _of_datatype(array, one).reshape(rows, *one.tensor.shape[1:])


def answers_to_columns(
    local: LocalModel, batch: Any, one: InputColumns, hidden: frozenset[str]
) -> tuple[list[Array | Texts], dict[int, BadRow]]:
    """What a model of one input of numbers answers to a record batch, and its bad rows; without
    a tensor of all rows. For models whose `reads_columns` is true.

    Raises:
        EngineError: the model fails, memory is out, or the batch is damaged.
    """
    columns = [batch.column(name) for name in one.columns]
    answers, misfits = local.run_columns(batch.num_rows, [_column(column) for column in columns])
    bad: dict[int, BadRow] = {}
    _note_all(bad, misfits, columns, one, hidden)
    return answers, bad


def _note_all(
    bad: dict[int, BadRow],
    misfits: Sequence[Misfit],
    columns: Sequence[Any],
    one: InputColumns,
    hidden: frozenset[str],
) -> None:
    for row, place, kind in misfits:
        name = one.columns[place]
        value = _shown(columns[place][row].as_py(), name in hidden)
        _note(bad, row, one, name, kind, value)


def _texts(columns: Sequence[Any], rows: int) -> Array:
    if len(columns) == 1:
        return encode_texts(_column(_as_text(columns[0])), rows)
    arrow = pyarrow_module()
    # Row by row: the elements of one behind each other.
    places = np.arange(rows * len(columns)).reshape(len(columns), rows).T.reshape(-1)
    joined = arrow.concat_arrays([_as_text(column) for column in columns])
    return encode_texts(_column(joined.take(arrow_array(places))), len(joined))


def _listed(
    column: Any,
    one: InputColumns,
    rows: int,
    hidden: frozenset[str],
    bad: dict[int, BadRow],
) -> Array:
    """A column of lists. A row whose list is missing, or of another length, is bad."""
    arrow = pyarrow_module()
    name = one.columns[0]
    lists, flat, is_right = getattr(column, "storage", column), None, None
    lengths = np.full(rows, -1, np.int64)
    while hasattr(lists.type, "value_type") and not arrow.types.is_dictionary(lists.type):
        if flat is None:
            lengths = _lengths(lists)
            nested = lists.type.value_type
            if hasattr(nested, "value_type"):  # lists of lists: what counts is all their elements
                lengths = np.array([_count(item) for item in lists.to_pylist()], np.int64)
        is_right = lengths == one.width
        if flat is None and not is_right.all():
            lists = lists.filter(arrow_array(is_right))
        flat = lists = lists.flatten()
    assert flat is not None
    assert is_right is not None
    for row in np.flatnonzero(~is_right):
        found = "is missing" if lengths[row] < 0 else f"has {lengths[row]} elements"
        reason = f"{name!r} {found}, wanted {one.width}"
        bad.setdefault(int(row), BadRow(row=int(row), column=name, reason=reason))
    places = np.flatnonzero(is_right)
    if one.is_text:
        texts = [""] * (rows * one.width)
        for place, text in zip(
            (places[:, None] * one.width + np.arange(one.width)).flat,
            _as_text(flat).to_pylist(),
            strict=True,
        ):
            texts[place] = text or ""
        return encode_texts(_column(arrow.array(texts, arrow.string())), len(texts))
    array, misfits = gather_rows([_column(flat)], len(flat), _gathered(one))
    for element, _, kind in misfits:
        value = _shown(flat[element].as_py(), name in hidden)
        _note(bad, int(places[element // one.width]), one, name, kind, value)
    array = array.reshape(len(places), one.width)
    if len(places) < rows:
        whole = np.zeros((rows, one.width), array.dtype)
        whole[places] = array
        array = whole
    return _of_datatype(array, one).reshape(rows, *one.tensor.shape[1:])


def _lengths(lists: Any) -> Array:
    """Elements of each row's list; -1: there is none."""
    import pyarrow.compute

    lengths = pyarrow.compute.list_value_length(lists).fill_null(-1)
    return np.asarray(lengths).astype(np.int64)


def _count(item: Any) -> int:
    if item is None:
        return -1
    return sum(max(_count(one), 0) for one in item) if isinstance(item, list) else 1


def _gathered(one: InputColumns) -> str:
    return "FP32" if one.tensor.datatype in ("FP16", "BF16") else one.tensor.datatype


def _of_datatype(array: Array, one: InputColumns) -> Array:
    """What the core cannot gather by itself: half floats."""
    if one.tensor.datatype == "FP16":
        with np.errstate(over="ignore"):
            return array.astype(np.float16)
    if one.tensor.datatype == "BF16":
        return (array.view(np.uint32) >> 16).astype(np.uint16)
    return array


def _note(
    bad: dict[int, BadRow], row: int, one: InputColumns, name: str, kind: str, value: str
) -> None:
    why = WANTED[kind].format(value=value, datatype=one.tensor.datatype)
    bad.setdefault(row, BadRow(row=row, column=name, reason=f"{name!r} {why}"))


def _shown(value: Any, is_hidden: bool) -> str:
    if is_hidden:
        return "a value that is not shown"
    text = repr(value)
    return text if len(text) <= SHOWN_MAX else f"{text[:SHOWN_MAX]}..."


def _as_text(array: Any) -> Any:
    arrow = pyarrow_module()
    types = arrow.types
    if types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if types.is_string_view(array.type) or types.is_null(array.type):
        return array.cast(arrow.string())
    return array


def _column(array: Any) -> TableColumn:
    """An Arrow array as the core reads it: where it lies, if its type is one of the core's."""
    arrow = pyarrow_module()
    types = arrow.types
    if types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if types.is_decimal(array.type) or types.is_null(array.type):
        array = array.cast(arrow.float64())
    elif types.is_float16(array.type):
        array = array.cast(arrow.float32())
    elif types.is_string_view(array.type):
        array = array.cast(arrow.string())
    kind = array.type
    buffers = array.buffers()
    validity = buffers[0] if array.null_count else None
    empty = b""
    if types.is_string(kind) or types.is_binary(kind):
        named, values, texts = "TEXT", buffers[1], buffers[2]
    elif types.is_large_string(kind) or types.is_large_binary(kind):
        named, values, texts = "LARGE_TEXT", buffers[1], buffers[2]
    else:
        named, values, texts = _datatype(kind), buffers[1], None
    is_text = named in ("TEXT", "LARGE_TEXT")
    return TableColumn(
        named,
        len(array),
        array.offset,
        empty if values is None else values,
        (empty if texts is None else texts) if is_text else None,
        validity,
    )


def _datatype(kind: Any) -> str:
    if pyarrow_module().types.is_boolean(kind):
        return "BOOL"
    name = str(kind).upper()
    return {"FLOAT": "FP32", "DOUBLE": "FP64"}.get(name, name)
