# SPDX-License-Identifier: Apache-2.0
"""Rows are read where they lie, from numpy, Arrow and pandas; what cannot be rows is told."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from penstock.errors import EngineError
from penstock.native.inputs import Array, Tensor, rows_of

FLOATS = Tensor(name="x", datatype="FP32", dims=(3,))
NUMBER = Tensor(name="n", datatype="INT64", dims=())
WORD = Tensor(name="word", datatype="BYTES", dims=(1,))
ROWS = np.array([[1, 2, 3], [4, 5, 6]], np.float32)


def lists(values: Array) -> pa.Array:
    """Rows as Arrow has them."""
    return pa.FixedSizeListArray.from_arrays(pa.array(values.ravel()), values.shape[1])


def decoded(content: Array) -> list[bytes]:
    """Texts from behind their lengths."""
    found, rest = [], content.tobytes()
    while rest:
        length = int.from_bytes(rest[:4], "little")
        found.append(rest[4 : 4 + length])
        rest = rest[4 + length :]
    return found


def test_an_array_as_the_input_wants_it_is_read_where_it_lies() -> None:
    for given in (ROWS, ROWS[1:], {"x": ROWS}):
        _, (array,) = rows_of(given, [FLOATS])
        assert np.shares_memory(array, ROWS)


def test_columns_of_arrow_are_read_where_they_lie() -> None:
    numbers = pa.array(np.arange(5))
    batch = pa.record_batch({"n": numbers, "x": lists(np.ones((5, 3), np.float32))})
    rows, (n, x) = rows_of(batch.slice(1, 3), [NUMBER, FLOATS])
    assert rows == 3
    assert n.tolist() == [1, 2, 3]
    assert x.shape == (3, 3)
    assert np.shares_memory(n, numbers.to_numpy())
    assert np.shares_memory(x, batch["x"].flatten().to_numpy())


@pytest.mark.parametrize("chunks", [1, 2])
def test_a_column_of_lists_is_a_wide_input(chunks: int) -> None:
    table = pa.table({"x": pa.chunked_array([lists(ROWS)] * chunks)})
    rows, (array,) = rows_of(table, [FLOATS])
    assert rows == 2 * chunks
    np.testing.assert_array_equal(array, np.concatenate([ROWS] * chunks))
    uneven = pa.table({"x": pa.array(ROWS.tolist(), pa.list_(pa.float32()))})
    np.testing.assert_array_equal(rows_of(uneven, [FLOATS])[1][0], ROWS)
    tensors = pa.FixedShapeTensorArray.from_numpy_ndarray(ROWS)
    _, (array,) = rows_of(pa.table({"x": tensors}), [FLOATS])
    np.testing.assert_array_equal(array, ROWS)


def test_columns_of_any_numbers_stand_side_by_side() -> None:
    table = pa.table({"a": [1.0, 4.0], "b": pa.array([2, 5], pa.int8()), "c": [True, None]})
    _, (array,) = rows_of(table, [FLOATS])
    assert array.dtype == np.float32
    np.testing.assert_array_equal(array, [[1, 2, 1], [4, 5, np.nan]])


def test_texts_of_arrow_are_taken() -> None:
    table = pa.table({"word": ["red", ""], "n": [1, 2]})
    rows, (n, word) = rows_of(table, [NUMBER, WORD])
    assert rows == 2
    assert n.tolist() == [1, 2]
    assert decoded(word) == [b"red", b""]


def test_a_data_frame_of_one_array_is_read_where_it_lies() -> None:
    pandas = pytest.importorskip("pandas")
    given = ROWS.copy()
    _, (array,) = rows_of(pandas.DataFrame(given, columns=["a", "b", "c"], copy=False), [FLOATS])
    assert np.shares_memory(array, given)


def test_a_data_frame_may_have_columns_of_many_kinds() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"n": [7, 8], "word": ["red", "é"], "other": [0.5, 1.5]})
    rows, (n, word) = rows_of(frame, [NUMBER, WORD])
    assert rows == 2
    assert n.tolist() == [7, 8]
    assert decoded(word) == [b"red", "é".encode()]
    mixed = pandas.DataFrame(
        {"a": [1.0, 4.0], "b": pandas.array([2, 5], "Int64"), "c": [True, False]}
    )
    np.testing.assert_array_equal(rows_of(mixed, [FLOATS])[1][0], [[1, 2, 1], [4, 5, 0]])


@pytest.mark.parametrize(
    ("given", "tensor", "sentence"),
    [
        (np.array([1.5]), NUMBER, "input 'n' is no INT64: it has 1.5"),
        (np.array([np.nan]), NUMBER, "input 'n' is no INT64: it has nan"),
        (np.array([2**40]), Tensor(name="n", datatype="INT32", dims=()), "it has 1099511627776"),
        (np.array([-1]), Tensor(name="n", datatype="UINT8", dims=()), "is no UINT8: it has -1"),
        (np.array([2]), Tensor(name="n", datatype="BOOL", dims=()), "is no BOOL: it has 2"),
        (np.array(["1"]), NUMBER, "is no INT64: its elements are <U1"),
        (np.array([1], "M8[s]"), NUMBER, "its elements are datetime64"),
        (np.ones((2, 3), np.complex64), FLOATS, "is no FP32: its elements are complex64"),
        (np.array([[1.0]]), WORD, "is no BYTES: its elements are float64"),
        ([["a"], [None]], WORD, "wanted text, str or bytes; found None"),
        ([[1, 2], [3]], FLOATS, "is no FP32"),
        (pa.table({"x": pa.array([[1, 2, 3], None])}), FLOATS, "is no FP32"),
        (
            pa.table({"x": pa.array([ROWS[0], None], pa.list_(pa.float32(), 3))}),
            FLOATS,
            "1 of its rows are null",
        ),
        (pa.table({"a": [1], "b": [1], "c": ["x"]}), FLOATS, "column 'c' is no FP32"),
        (pa.table({"a": [1], "b": [1]}), FLOATS, r"wanted rows of shape \[3\]"),
        (pa.table({}), FLOATS, r"wanted rows of shape \[3\]"),
    ],
)
def test_what_cannot_be_rows_is_told(given: Any, tensor: Tensor, sentence: str) -> None:
    with pytest.raises(EngineError, match=sentence):
        rows_of(given, [tensor])
