# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from penstock.local_model import TableColumn
from penstock.package.signature import TensorSignature
from penstock.predict.columns import InputColumns
from penstock.predict.rows import Tensors, read_tensors


def read(
    batch: dict[str, Any],
    *columns: str,
    datatype: str = "FP32",
    shape: tuple[int, ...] | None = None,
    is_list: bool = False,
    hidden: frozenset[str] = frozenset(),
    first: int = 0,
) -> Tensors:
    tensor = TensorSignature(name="x", datatype=datatype, shape=shape or (-1, len(columns)))
    one = InputColumns(tensor=tensor, columns=columns, is_list=is_list)
    return read_tensors(pa.record_batch(batch).slice(first), [one], hidden)


def test_columns_of_any_numbers_become_rows() -> None:
    values = [1, None, 3]
    batch = {
        "small": pa.array(values, pa.int8()),
        "large": pa.array(values, pa.uint64()),
        "half": pa.array(np.array([1, np.nan, 3], np.float16), pa.float16(), from_pandas=True),
        "exact": pa.array([Decimal("1.00"), None, Decimal("3.00")]),
        "coded": pa.array(values, pa.int32()).dictionary_encode(),
        "text": pa.array(["1", "", "3.0"], pa.large_string()),
        "view": pa.array(["1", "NA", "3"], pa.string_view()),
        "truth": pa.array([True, None, False]),
        "none": pa.nulls(3),
    }
    found = read(batch, *batch)
    nan = np.nan
    wanted = [[1.0] * 8 + [nan], [nan] * 9, [3.0] * 7 + [0.0, nan]]
    np.testing.assert_array_equal(found.arrays[0], np.array(wanted, np.float32))
    assert found.bad == {}
    later = read(batch, *batch, first=2)
    np.testing.assert_array_equal(later.arrays[0], np.array(wanted[2:], np.float32))


def test_a_value_that_does_not_fit_is_named_with_its_row_and_the_others_stay() -> None:
    batch = {"a": pa.array([1.0, 1e300, 3.0, 4.0]), "b": pa.array(["1", "2", "three", "4"])}
    found = read(batch, "a", "b")
    assert {row: bad.reason for row, bad in found.bad.items()} == {
        1: "'a' is 1e+300, which is beyond FP32",
        2: "'b' is 'three', which is no number",
    }
    assert found.arrays[0].tolist() == [[1, 1], [0, 2], [3, 0], [4, 4]]


def test_whole_numbers_are_never_missing_and_have_no_fractions() -> None:
    batch = {"a": pa.array([1.0, None, 2.5, 300.0])}
    found = read(batch, "a", datatype="UINT8")
    assert [bad.reason for bad in found.bad.values()] == [
        "'a' is missing, and UINT8 has no missing values",
        "'a' is 2.5, and UINT8 has no fractions",
        "'a' is 300.0, which is beyond UINT8",
    ]


def test_values_of_sensitive_columns_are_in_no_reason() -> None:
    found = read({"a": pa.array(["secret"])}, "a", hidden=frozenset({"a"}))
    assert found.bad[0].reason == "'a' is a value that is not shown, which is no number"


def test_lists_become_wide_rows_and_lists_of_another_length_are_bad() -> None:
    lists = pa.array([[1, 2], [3], None, [4, None], [5, 6]], pa.list_(pa.float64()))
    found = read({"x": lists}, "x", shape=(-1, 2), is_list=True)
    np.testing.assert_array_equal(found.arrays[0][[0, 3, 4]], [[1, 2], [4, np.nan], [5, 6]])
    assert {row: bad.reason for row, bad in found.bad.items()} == {
        1: "'x' has 1 elements, wanted 2",
        2: "'x' is missing, wanted 2",
    }
    fixed = pa.array([[1, 2], None, [3, 4]], pa.list_(pa.float32(), 2))
    found = read({"x": fixed}, "x", shape=(-1, 2), is_list=True)
    assert found.arrays[0][[0, 2]].tolist() == [[1, 2], [3, 4]]
    assert list(found.bad) == [1]


def test_lists_of_lists_become_tensors() -> None:
    nested = pa.array([[[1, 2], [3, 4]], [[5, 6], [7, 8]], [[1], [2]]])
    found = read({"x": nested}, "x", shape=(-1, 2, 2), is_list=True)
    assert found.arrays[0][:2].tolist() == [[[1, 2], [3, 4]], [[5, 6], [7, 8]]]
    assert found.bad[2].reason == "'x' has 2 elements, wanted 4"


def test_texts_are_as_over_the_wire_and_a_missing_one_is_empty() -> None:
    found = read({"t": pa.array(["ä", None, "b"])}, "t", datatype="BYTES")
    assert bytes(found.arrays[0]) == b"\2\0\0\0\xc3\xa4\0\0\0\0\1\0\0\0b"
    two = read({"t": pa.array(["a", "b"]), "u": pa.array(["c", None])}, "t", "u", datatype="BYTES")
    assert bytes(two.arrays[0]) == b"\1\0\0\0a\1\0\0\0c\1\0\0\0b\0\0\0\0"


def test_offsets_that_lead_out_of_the_texts_are_refused() -> None:
    offsets = np.array([0, 3, 9], np.int32).tobytes()
    with pytest.raises(Exception, match="texts are damaged"):
        TableColumn("TEXT", 2, 0, offsets, b"abcd")
    with pytest.raises(Exception, match="has 12 bytes, wanted 16"):
        TableColumn("TEXT", 3, 0, offsets, b"abcd")


def test_a_column_of_too_few_bytes_is_refused() -> None:
    with pytest.raises(Exception, match="has 4 bytes, wanted 8"):
        TableColumn("FP32", 2, 0, np.zeros(1, np.float32).tobytes())
