# SPDX-License-Identifier: Apache-2.0
"""Calibration data: files, columns, and what is wrong with them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from penstock.errors import QuantizeError
from penstock.native.artifact import ArtifactBuilder, CompiledModel
from penstock.native.quantize.data import Rows, bind_columns, read_columns
from penstock_client._proto import native_artifact_pb2 as pb


def model_of(*ports: tuple[str, str, list[int]]) -> CompiledModel:
    """A model that reads `ports`: name, datatype, dims."""
    builder = ArtifactBuilder(source="")
    values = []
    for name, datatype, dims in ports:
        kind = pb.TEXT if datatype == "BYTES" else pb.FLOAT32
        values.append(builder.input(name, datatype, kind, dims=dims))
    width = int(np.prod(ports[0][2]))
    builder.output("y", ports[0][1], values[0], dims=[width])
    return builder.finish()


ONE = model_of(("x", "FP32", [2]))


def bound(columns: dict[str, Any], model: CompiledModel = ONE, **options: Any) -> Rows:
    arrays = {name: np.asarray(column) for name, column in columns.items()}
    return bind_columns(model, arrays, **{"label": "", "wants_labels": False, **options})


def test_columns_stand_side_by_side_in_the_files_order_without_the_label() -> None:
    rows = bound({"b": [1, 2], "label": [0, 1], "a": [3.5, 4]})
    assert rows.inputs["x"].tolist() == [[1, 3.5], [2, 4]]
    assert rows.labels is not None and rows.labels.tolist() == [0, 1]
    assert (rows.label_name, len(rows)) == ("label", 2)
    assert rows.take(np.array([1])).inputs["x"].tolist() == [[2, 4]]


def test_a_column_with_the_inputs_name_is_the_input() -> None:
    rows = bound({"x": [[1, 2]], "other": [9], "right": [3]}, label="right")
    assert rows.inputs["x"].tolist() == [[1, 2]]
    two = model_of(("age", "FP32", []), ("city", "BYTES", [1]))
    rows = bound({"city": np.array(["a"], object), "age": [3]}, two)
    assert {name: array.shape for name, array in rows.inputs.items()} == {
        "age": (1,),
        "city": (1, 1),
    }


@pytest.mark.parametrize(
    ("columns", "options", "message"),
    [
        ({"a": [1]}, {}, "wanted 2 columns for input 'x'; found 1: 'a'"),
        ({"a": [1], "b": [1], "c": [1]}, {}, "wanted 2 columns for input 'x'; found 3"),
        ({"x": [[1, 2, 3]]}, {}, "column 'x' has 3 elements a row: wanted 2"),
        ({"a": [1], "b": ["?"]}, {}, "column 'b' holds text: wanted numbers, for input 'x'"),
        ({"a": [1], "b": [1j]}, {}, "dtype complex128: wanted real numbers"),
        ({"a": [1], "b": [2]}, {"wants_labels": True}, "named 'label' or 'target' or 'y'; found"),
        ({"a": [1], "b": [2]}, {"label": "c"}, "wanted labels in column 'c'; found columns 'a'"),
        ({"x": [[1, 2]], "y": [np.nan]}, {}, "1 of 1 labels in column 'y' are NaN"),
        ({"x": [[1, 2]], "y": [[1, 2]]}, {}, "column 'y' has 2 elements a row"),
    ],
)
def test_data_of_another_shape_or_kind_is_refused_in_a_sentence(
    columns: dict[str, Any], options: dict[str, Any], message: str
) -> None:
    with pytest.raises(QuantizeError, match=message):
        bound(columns, **options)


def test_inputs_of_another_kind_are_refused_by_name() -> None:
    two = model_of(("age", "INT32", []), ("city", "BYTES", [1]))
    city = np.array(["a"], object)
    cases: list[tuple[dict[str, Any], str]] = [
        ({"age": [1]}, "wanted a column 'city' for the input of that name; found columns 'age'"),
        ({"age": [1], "city": [2]}, "'city' holds numbers: wanted text"),
        ({"age": [1.5], "city": city}, "'age' holds fractions or NaN: wanted whole numbers"),
    ]
    for columns, message in cases:
        with pytest.raises(QuantizeError, match=message):
            bound(columns, two)


def test_parquet_gives_numbers_text_and_lists(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    import pyarrow.parquet

    path = tmp_path / "rows.parquet"
    table = pyarrow.table(
        {
            "whole": [1, None],
            "number": [0.5, 2.0],
            "flag": [True, False],
            "text": ["a", None],
            "list": [[1.0, 2.0], [3.0, 4.0]],
        }
    )
    pyarrow.parquet.write_table(table, path)
    columns = read_columns(path)
    assert np.array_equal(columns["whole"], [1, np.nan], equal_nan=True)
    assert columns["number"].tolist() == [0.5, 2]
    assert columns["flag"].tolist() == [1, 0]
    assert columns["text"].tolist() == ["a", ""]
    assert columns["list"].tolist() == [[1, 2], [3, 4]]
    pyarrow.parquet.write_table(pyarrow.table({"list": [[1.0], [1.0, 2.0]]}), path)
    with pytest.raises(QuantizeError, match=r"column 'list' is of list<.*: wanted numbers, text"):
        read_columns(path)
    path.write_bytes(b"PAR1 but no more")
    with pytest.raises(QuantizeError, match=r"rows\.parquet cannot be read: "):
        read_columns(path)


def test_csv_gives_numbers_where_all_are_and_nan_for_nothing(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text('a,b,c\n1,2.5,"x, y"\n3,,z\n\n')
    columns = read_columns(path)
    assert (columns["a"].dtype.kind, columns["a"].tolist()) == ("i", [1, 3])
    assert np.array_equal(columns["b"], [2.5, np.nan], equal_nan=True)
    assert columns["c"].tolist() == ["x, y", "z"]


def test_npz_gives_its_arrays(tmp_path: Path) -> None:
    path = tmp_path / "rows.npz"
    np.savez(path, x=np.zeros((3, 2)), label=np.arange(3))
    assert {name: array.shape for name, array in read_columns(path).items()} == {
        "x": (3, 2),
        "label": (3,),
    }


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("rows.xlsx", b"", r"wanted data in \.parquet, \.csv, \.npz"),
        ("rows.csv", b"", "has no rows"),
        ("rows.csv", b"a,b\n", "has no rows"),
        ("rows.csv", b"a,a\n1,2\n", "names a column twice"),
        ("rows.csv", b"a,b\n1,2\n3\n", "row 2 has 1 fields: wanted 2"),
        ("rows.csv", b'a\n"1\n', "line 2: "),
        ("rows.csv", b"a\n\xff\n", "cannot be read: 'utf-8' codec"),
        ("rows.npz", b"", "cannot be read: "),
        ("rows.npz", b"PK\x03\x04 no archive", "cannot be read: "),
    ],
)
def test_a_file_without_rows_is_refused_by_name(
    tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(QuantizeError, match=message) as refused:
        read_columns(path)
    assert str(refused.value).startswith(str(path))


def test_what_would_run_code_or_has_ragged_arrays_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "rows.npz"
    np.savez(path, x=np.array([{}], object))
    with pytest.raises(QuantizeError, match="cannot be read: Object arrays cannot be loaded"):
        read_columns(path)
    np.savez(path, x=np.zeros(3), label=np.zeros(2))
    with pytest.raises(QuantizeError, match="wanted columns of one length; found"):
        read_columns(path)
    with pytest.raises(QuantizeError, match="cannot be read: No such file"):
        read_columns(tmp_path / "nowhere.csv")
