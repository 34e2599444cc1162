# SPDX-License-Identifier: Apache-2.0
"""What a run writes takes nobody else's place, whatever it is called."""

from __future__ import annotations

import datetime
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.feather
import pyarrow.parquet as pq
import pytest
from tests.predict.conftest import COLUMNS

from penstock.errors import PredictError
from penstock.predict import PredictOptions, ReadingBounds, predict_file
from penstock.predict.work_folder import WorkFolder

ROWS = 10


@pytest.fixture
def options(net_file: Path, tmp_path: Path) -> PredictOptions:
    """A run over ten rows of CSV in parts of three, of which two do not fit."""
    texts = [str(row) for row in range(ROWS)]
    table = pa.table({name: pa.array(texts) for name in COLUMNS})
    spoiled = pa.array(["x" if row in (1, 5) else str(row) for row in range(ROWS)])
    table = table.set_column(4, COLUMNS[4], spoiled)
    pyarrow.csv.write_csv(table, tmp_path / "in.csv")
    return PredictOptions(
        model=str(net_file),
        input=str(tmp_path / "in.csv"),
        output=tmp_path / "out" / "answers.csv",
        feature_columns=COLUMNS,
        bounds=ReadingBounds(chunk_rows=3),
        part_rows=3,
    )


@pytest.fixture(autouse=True)
def out(tmp_path: Path) -> Path:
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


@pytest.mark.parametrize(
    "name",
    [
        "bad.csv",
        "bad-rows.csv",
        "part-00000000.arrow",
        "part-00000001.arrow",
        "output.csv",
        "ü 答.csv",
    ],
)
def test_an_output_may_have_the_name_of_any_file_that_a_run_keeps(
    name: str, options: PredictOptions, out: Path
) -> None:
    predict_file(options)
    named = replace(options, output=out / name)
    assert predict_file(named).bad == 2
    read = pyarrow.feather.read_table if name.endswith(".arrow") else pyarrow.csv.read_csv
    found = read(named.output)
    assert found.column_names == ["scores[0]", "scores[1]", "scores[2]"]
    assert [row for row in range(ROWS) if found["scores[0]"][row].as_py() is None] == [1, 5]
    assert named.bad_rows_file.read_bytes() == options.bad_rows_file.read_bytes()


def test_an_output_that_is_the_input_by_another_name_is_refused(
    options: PredictOptions, tmp_path: Path
) -> None:
    before = Path(options.input).read_bytes()
    (tmp_path / "link.csv").symlink_to(options.input)
    (tmp_path / "folder").symlink_to(tmp_path)
    for output in (tmp_path / "out" / ".." / "in.csv", tmp_path / "folder" / "in.csv"):
        with pytest.raises(PredictError, match="is the input: name another --output"):
            predict_file(replace(options, output=output, overwrites=True))
    with pytest.raises(PredictError, match="is the input: name another --output"):
        predict_file(
            replace(
                options,
                input=str(tmp_path / "link.csv"),
                output=tmp_path / "in.csv",
                overwrites=True,
            )
        )
    assert Path(options.input).read_bytes() == before


def test_a_list_of_bad_rows_takes_no_other_files_place(
    options: PredictOptions, tmp_path: Path
) -> None:
    notes = tmp_path / "notes.txt"
    notes.write_text("of mine")
    files = {path: path.read_bytes() for path in (notes, Path(options.input))}
    for path, sentence in (
        (notes, "notes.txt exists and is no list of bad rows: move it away"),
        (Path(options.input), "in.csv exists and is no list of bad rows"),
        (tmp_path / "out", "out exists and is no list of bad rows"),
        (options.output, "answers.csv is the output: name another file by --bad-rows"),
        (tmp_path / "out" / ".." / "out" / "answers.csv", "is the output: name another file"),
        (tmp_path / "away" / "bad.csv", "away is no folder that can be written: make it"),
    ):
        with pytest.raises(PredictError, match=sentence):
            predict_file(replace(options, bad_rows=path))
    assert {path: path.read_bytes() for path in files} == files
    assert list((tmp_path / "out").iterdir()) == []


def test_an_earlier_list_of_bad_rows_is_no_input_to_its_own_run(
    options: PredictOptions, tmp_path: Path
) -> None:
    predict_file(options)
    listed = options.bad_rows_file
    with pytest.raises(PredictError, match="is the input: name another --bad-rows"):
        predict_file(
            replace(options, input=str(listed), output=tmp_path / "new.csv", bad_rows=listed)
        )


def test_an_output_that_is_a_folder_is_refused_before_a_row_is_answered(
    options: PredictOptions,
) -> None:
    options.output.mkdir()
    with pytest.raises(PredictError, match=r"answers.csv is a folder: wanted a file"):
        predict_file(replace(options, overwrites=True))


def ended(options: PredictOptions) -> bytes:
    """Lets a run end as one does that is killed between its last two steps; its output."""
    with pytest.raises(PredictError, match="More than 0 rows"):
        predict_file(replace(options, bad_rows_max=0))
    folder = WorkFolder(options.output)
    begun = folder.begun_with()
    assert begun is not None
    outcome = predict_file(options)
    folder.path.mkdir()
    told = {
        "begun": begun["begun"],
        "outcome": {
            "rows": outcome.rows,
            "bad": outcome.bad,
            "resumed_rows": 0,
            "model": outcome.model,
            "version": outcome.version,
        },
    }
    (folder.path / "run.json").write_text(json.dumps(told))
    return options.output.read_bytes()


def test_a_run_that_was_killed_when_its_output_was_whole_is_only_tidied_up(
    options: PredictOptions, out: Path
) -> None:
    output = ended(options)
    assert predict_file(options).bad == 2
    assert options.output.read_bytes() == output
    assert sorted(entry.name for entry in out.iterdir()) == ["answers.csv", "answers.csv.bad.csv"]


def test_what_such_a_run_has_left_answers_no_other_question(
    options: PredictOptions, tmp_path: Path
) -> None:
    output = ended(options)
    other = tmp_path / "other.csv"
    shutil.copyfile(options.input, other)
    asked = replace(options, input=str(other), keep=(COLUMNS[0],))
    with pytest.raises(PredictError, match="exists: add --overwrite to replace it"):
        predict_file(asked)
    assert options.output.read_bytes() == output
    assert predict_file(replace(asked, overwrites=True)).rows == ROWS
    assert pyarrow.csv.read_csv(options.output).column_names[0] == COLUMNS[0]


def test_names_with_ends_of_lines_are_one_bad_row_each_also_when_a_run_goes_on(
    options: PredictOptions,
) -> None:
    names = ["a\nb", *COLUMNS[1:]]
    columns = [[str(row) for row in range(ROWS)] for _ in names]
    columns[0][1] = columns[0][5] = "x"
    path = Path(options.input).with_suffix(".parquet")
    pq.write_table(pa.table(dict(zip(names, columns, strict=True))), path)
    asked = replace(options, input=str(path), feature_columns=tuple(names))
    with pytest.raises(PredictError, match="More than 1 rows"):
        predict_file(replace(asked, bad_rows_max=1))
    outcome = predict_file(replace(asked, bad_rows_max=2))
    assert (outcome.resumed_rows, outcome.bad) == (3, 2)


def with_kept(options: PredictOptions, kept: Any, *, suffix: str, ending: str) -> PredictOptions:
    """The same rows, all of which fit, with a column that is kept."""
    path = Path(options.input).with_suffix(suffix)
    table = pa.table({name: pa.array(range(len(kept)), pa.float32()) for name in COLUMNS})
    table = table.append_column("kept", kept)
    (pq.write_table if suffix == ".parquet" else pyarrow.feather.write_feather)(table, path)
    output = options.output.with_suffix(ending)
    return replace(options, input=str(path), output=output, keep=("kept", "kept"))


ODD = {
    "struct": pa.array([{"u": 1}, None]),
    "map": pa.array([[("k", 1)], []], pa.map_(pa.string(), pa.int64())),
    "view": pa.array(["a", "b"], pa.string_view()),
    "interval": pa.array([(1, 2, 3)] * 2, pa.month_day_nano_interval()),
    "runs": pa.RunEndEncodedArray.from_arrays(pa.array([2], pa.int32()), pa.array([1.0])),
    "union": pa.UnionArray.from_dense(
        pa.array([0, 1], pa.int8()), pa.array([0, 0], pa.int32()), [pa.array([1]), pa.array(["z"])]
    ),
    "tensor": pa.FixedShapeTensorArray.from_numpy_ndarray(np.ones((2, 2, 2), np.float32)),
    "time": pa.array([datetime.time(1)] * 2),
    "bytes": pa.array([b"\xff", None]),
}


@pytest.mark.parametrize("kind", ODD)
def test_a_kept_column_of_any_type_is_written_as_it_is_or_refused_in_a_sentence(
    kind: str, options: PredictOptions
) -> None:
    held = with_kept(options, ODD[kind], suffix=".arrow", ending=".arrow")
    assert predict_file(held).rows == 2
    assert pyarrow.feather.read_table(held.output)["kept"].to_pylist() == ODD[kind].to_pylist()
    told = []
    for ending in (".parquet", ".csv"):
        try:
            predict_file(replace(held, output=held.output.with_suffix(ending)))
        except PredictError as error:
            told.append(str(error))
    assert all("cannot hold: keep" in one or "Keep other columns" in one for one in told)
    assert len(told) == {"time": 0, "struct": 1, "map": 1, "view": 1, "tensor": 1, "bytes": 1}.get(
        kind, 2
    )


@pytest.mark.parametrize("ending", [".parquet", ".arrow", ".csv"])
def test_dictionaries_that_differ_from_part_to_part_are_written_as_their_values(
    ending: str, options: PredictOptions
) -> None:
    texts = [f"town {row}" for row in range(20)]
    kept = pa.chunked_array([pa.array(texts[:10]), pa.array(texts[10:])]).dictionary_encode()
    asked = with_kept(options, kept, suffix=".parquet", ending=ending)
    predict_file(asked)
    read: Any = {
        ".parquet": pq.read_table,
        ".arrow": pyarrow.feather.read_table,
        ".csv": pyarrow.csv.read_csv,
    }[ending]
    assert read(asked.output)["kept"].to_pylist() == texts


def test_kept_columns_that_files_have_of_other_types_are_told_with_the_file(
    options: PredictOptions, tmp_path: Path
) -> None:
    (tmp_path / "days").mkdir()
    for name, kept in (("a", pa.array([1], pa.int8())), ("b", pa.array([1000]))):
        asked = with_kept(options, kept, suffix=".parquet", ending=".parquet")
        Path(asked.input).rename(tmp_path / "days" / f"{name}.parquet")
    with pytest.raises(PredictError, match=r"b.parquet: column 'kept', which is kept, is int64"):
        predict_file(replace(asked, input=str(tmp_path / "days")))
