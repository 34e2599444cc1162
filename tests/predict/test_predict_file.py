# SPDX-License-Identifier: Apache-2.0
"""Whole runs, in this process and by the command: 100 000 rows of 30 columns."""

from __future__ import annotations

import csv
import json
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pyarrow as pa
import pyarrow.csv
import pyarrow.feather
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray
from tests.doubles.processes import wait_until
from tests.predict.conftest import COLUMNS, ROWS, Forest

import penstock.native
from penstock.errors import PredictError
from penstock.predict import PredictOptions, ReadingBounds, predict_file
from penstock.predict.work_folder import WorkFolder

COMMAND = (sys.executable, "-m", "penstock", "predict")


def answers_of_net(path: Path, numbers: NDArray[np.float32]) -> NDArray[Any]:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {"x": np.nan_to_num(numbers)})[0])


@pytest.fixture(scope="session")
def whole(
    tmp_path_factory: pytest.TempPathFactory, forest: Forest, rows_file: Path
) -> dict[str, Any]:
    """Options of a run in parts, and its output."""
    output = tmp_path_factory.mktemp("whole") / "out.parquet"
    options = PredictOptions(
        model=str(forest.package),
        input=str(rows_file),
        output=output,
        keep=("id",),
        bounds=ReadingBounds(chunk_rows=1000),
        part_rows=9_000,
    )
    predict_file(options)
    return {"options": options, "bytes": output.read_bytes(), "table": pq.read_table(output)}


def test_a_trained_package_answers_as_its_library_and_its_executor_do_offline(
    whole: dict[str, Any], forest: Forest, numbers: NDArray[np.float32]
) -> None:
    table = whole["table"]
    assert table.column_names == ["id", "probability_no", "probability_yes"]
    assert table["id"].to_pylist() == list(range(ROWS))
    found = np.column_stack([table["probability_no"], table["probability_yes"]])
    executor = penstock.native.load(forest.package / "model.pnst", threads=1)
    np.testing.assert_array_equal(found, executor.predict(numbers))
    by_library = np.asarray(forest.booster.predict(numbers, num_threads=2))
    np.testing.assert_allclose(found[:, 1], by_library, atol=2e-6)
    assert not WorkFolder(whole["options"].output).path.exists()


def test_an_onnx_file_answers_as_onnxruntime_does_offline(
    net_file: Path, numbers: NDArray[np.float32], tmp_path: Path
) -> None:
    filled = np.nan_to_num(numbers)
    table = pa.table({name: filled[:, place] for place, name in enumerate(COLUMNS)})
    pyarrow.feather.write_feather(table, tmp_path / "rows.arrow", compression="uncompressed")
    options = PredictOptions(
        model=str(net_file),
        input=str(tmp_path / "rows.arrow"),
        output=tmp_path / "out.arrow",
        feature_columns=COLUMNS,
    )
    assert predict_file(options).rows == ROWS
    found = pyarrow.feather.read_table(options.output)
    answers = np.column_stack([found[f"scores[{place}]"] for place in range(3)])
    np.testing.assert_allclose(answers, answers_of_net(net_file, numbers), rtol=1e-5, atol=1e-5)


def command_of(options: PredictOptions) -> list[str]:
    flags = ["--batch-rows", str(options.bounds.chunk_rows), "--part-rows", str(options.part_rows)]
    flags += [flag for name in options.keep or () for flag in ("--keep", name)]
    return [
        *COMMAND, options.model, "--input", options.input, "--output", str(options.output), *flags
    ]  # fmt: skip


def test_a_run_that_is_killed_goes_on_and_gives_the_same_file(
    whole: dict[str, Any], tmp_path: Path
) -> None:
    options = replace(whole["options"], output=tmp_path / "out.parquet")
    folder = WorkFolder(options.output)
    process = subprocess.Popen([*command_of(options), "--threads", "1"])
    wait_until(lambda: folder.parts() >= 2, "two parts are kept")
    process.kill()
    assert process.wait() == -signal.SIGKILL
    assert not options.output.exists()
    kept = folder.parts()
    assert 2 <= kept < -(-ROWS // options.part_rows)
    (folder.path / "part-00000099.partial").write_bytes(b"half a part")
    run = subprocess.run(command_of(options), capture_output=True, text=True, check=True)
    assert f"going on behind {kept * options.part_rows:,} rows" in run.stderr
    assert (
        f"{ROWS:,} rows by forest version 1, {kept * options.part_rows:,} of them by" in run.stderr
    )
    assert options.output.read_bytes() == whole["bytes"]
    assert [entry.name for entry in tmp_path.iterdir()] == ["out.parquet"]


def spoiled(rows_file: Path, path: Path, rows: int) -> Path:
    """The first rows as CSV, of which some do not fit."""
    lines = pq.read_table(rows_file).slice(0, rows).to_pandas()
    texts = lines.astype(object).where(lines.notna(), "").astype(str)
    for row, name, text in ((17, "f4", "seven"), (1234, "f0", "1e99"), (1999, "f29", "a secret")):
        if row < rows:
            texts.loc[row, name] = text
    texts.to_csv(path, index=False)
    return path


def test_bad_rows_are_kept_without_answers_and_listed_with_their_numbers(
    whole: dict[str, Any], forest: Forest, rows_file: Path, tmp_path: Path
) -> None:
    (tmp_path / "in").mkdir()
    spoiled(rows_file, tmp_path / "in" / "a.csv", 2000)
    spoiled(rows_file, tmp_path / "in" / "b.csv", 50)
    output = tmp_path / "out.parquet"
    run = subprocess.run(
        [*COMMAND, str(forest.package), "-i", str(tmp_path / "in"), "-o", str(output)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "4 rows have no answer: their outputs are null" in run.stderr
    with (tmp_path / "out.parquet.bad.csv").open(newline="") as file:
        listed = list(csv.DictReader(file))
    assert [(one["row"], one["file"], one["file_row"], one["column"]) for one in listed] == [
        ("17", "a.csv", "17", "f4"),
        ("1234", "a.csv", "1234", "f0"),
        ("1999", "a.csv", "1999", "f29"),
        ("2017", "b.csv", "17", "f4"),
    ]
    assert listed[0]["reason"] == "'f4' is 'seven', which is no number"
    assert "secret" not in (tmp_path / "out.parquet.bad.csv").read_text()
    found = pq.read_table(output)["probability_yes"].to_pylist()
    right = whole["table"]["probability_yes"].to_pylist()
    bad = {17, 1234, 1999}
    assert found[:2000] == [None if row in bad else right[row] for row in range(2000)]
    assert found[2000:] == [None if row == 17 else right[row] for row in range(50)]


def test_more_bad_rows_than_are_allowed_stop_the_run(
    forest: Forest, rows_file: Path, tmp_path: Path
) -> None:
    options = PredictOptions(
        model=str(forest.package),
        input=str(spoiled(rows_file, tmp_path / "a.csv", 2000)),
        output=tmp_path / "out.csv",
        bad_rows_max=2,
    )
    with pytest.raises(PredictError, match=r"More than 2 rows cannot be answered.*17,a.csv,17,f4"):
        predict_file(options)
    assert not options.output.exists()
    assert predict_file(replace(options, bad_rows_max=3)).bad == 3
    lines = options.output.read_text().splitlines()
    assert lines[0] == '"probability_no","probability_yes"'
    assert (len(lines), lines[18]) == (2001, ",")


def test_a_missing_value_is_bad_where_the_model_takes_none(
    net_file: Path, rows_file: Path, numbers: NDArray[np.float32], tmp_path: Path
) -> None:
    options = PredictOptions(
        model=str(net_file),
        input=str(rows_file),
        output=tmp_path / "out.parquet",
        feature_columns=COLUMNS,
        bad_rows=tmp_path / "bad.csv",
    )
    outcome = predict_file(options)
    missing = np.flatnonzero(np.isnan(numbers).any(axis=1))
    assert outcome.bad == len(missing)
    with (tmp_path / "bad.csv").open(newline="") as file:
        listed = [int(one["row"]) for one in csv.DictReader(file)]
    assert listed == missing.tolist()
    nulls = pq.read_table(options.output)["scores[1]"].is_null().to_numpy()
    np.testing.assert_array_equal(np.flatnonzero(nulls), missing)


def test_an_input_without_a_row_that_fits_is_refused(net_file: Path, tmp_path: Path) -> None:
    line = ",".join(["x"] * 30)
    (tmp_path / "a.csv").write_text(f"{','.join(COLUMNS)}\n{line}\n{line}\n")
    options = PredictOptions(
        model=str(net_file),
        input=str(tmp_path / "a.csv"),
        output=tmp_path / "out.csv",
        feature_columns=COLUMNS,
    )
    with pytest.raises(PredictError, match=r"None of 2 rows can be answered. The first: 0,a.csv"):
        predict_file(options)
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.csv"]


def test_an_input_without_rows_gives_an_output_without_rows(
    net_file: Path, rows_file: Path, tmp_path: Path
) -> None:
    pq.write_table(pq.read_table(rows_file).slice(0, 0), tmp_path / "none.parquet")
    options = PredictOptions(
        model=str(net_file),
        input=str(tmp_path / "none.parquet"),
        output=tmp_path / "out.parquet",
        feature_columns=COLUMNS,
        keep=None,
    )
    assert predict_file(options).rows == 0
    found = pq.read_table(options.output)
    assert found.num_rows == 0
    assert found.column_names == [*COLUMNS, "id", "scores[0]", "scores[1]", "scores[2]"]


def test_what_is_held_of_an_input_does_not_grow_with_it(
    forest: Forest, rows_file: Path, tmp_path: Path
) -> None:
    """Arrow's own count of the most that it has held, of all rows and of a quarter of them."""
    small = tmp_path / "small.parquet"
    pq.write_table(pq.read_table(rows_file).slice(0, ROWS // 4), small, row_group_size=30_000)
    script = (
        "import sys, pyarrow\n"
        "from pathlib import Path\n"
        "from penstock.predict import PredictOptions, ReadingBounds, predict_file\n"
        "model, rows, output = sys.argv[1:]\n"
        "bounds = ReadingBounds(chunk_rows=500)\n"
        "predict_file(PredictOptions(model=model, input=rows, output=Path(output), keep=None,"
        "bounds=bounds, part_rows=2000))\n"
        "print(pyarrow.default_memory_pool().max_memory())\n"
    )
    most = {
        path: int(
            subprocess.run(
                [sys.executable, "-c", script, str(forest.package), str(path),
                 str(tmp_path / f"{path.stem}.out.parquet")],
                capture_output=True, text=True, check=True,
            ).stdout
        )
        for path in (small, rows_file)
    }  # fmt: skip
    assert most[rows_file] < 1.25 * most[small]


def begun(whole: dict[str, Any], folder: Path, rows_file: Path) -> PredictOptions:
    """A run that was stopped by its bound on bad rows, of which nothing but its folder is left."""
    path = spoiled(rows_file, folder / "a.csv", 2000)
    options: PredictOptions = replace(
        whole["options"],
        input=str(path),
        output=folder / "out.csv",
        bad_rows_max=0,
        part_rows=500,
        keep=(),
    )
    with pytest.raises(PredictError, match="More than 0"):
        predict_file(options)
    return options


def test_an_input_that_has_changed_is_not_gone_on_with(
    whole: dict[str, Any], rows_file: Path, tmp_path: Path
) -> None:
    options = begun(whole, tmp_path, rows_file)
    path = Path(options.input)
    path.write_text(path.read_text().replace("seven", "7"))
    with pytest.raises(PredictError, match=r"a.csv of the input has changed since the run that"):
        predict_file(options)
    options = replace(options, bad_rows_max=None)
    assert predict_file(replace(options, restarts=True)).bad == 2


def test_a_model_or_options_that_have_changed_are_not_gone_on_with(
    whole: dict[str, Any], net_file: Path, rows_file: Path, tmp_path: Path
) -> None:
    options = replace(begun(whole, tmp_path, rows_file), bad_rows_max=None)
    other = replace(options, model=str(net_file), feature_columns=COLUMNS)
    with pytest.raises(PredictError, match=r"The model has changed since .*: add --restart"):
        predict_file(other)
    with pytest.raises(PredictError, match="The options have changed since"):
        predict_file(replace(options, keep=("id",)))
    state = WorkFolder(options.output).path / "run.json"
    told = json.loads(state.read_text())
    told["begun"]["versions"]["pyarrow"] = "1.0"
    state.write_text(json.dumps(told))
    with pytest.raises(PredictError, match="Penstock, or a library that it uses, has changed"):
        predict_file(options)


def test_outputs_that_cannot_be_written_are_refused_before_a_model_is_loaded(
    whole: dict[str, Any], rows_file: Path, tmp_path: Path
) -> None:
    options: PredictOptions = whole["options"]
    with pytest.raises(PredictError, match="exists: add --overwrite to replace it"):
        predict_file(options)
    with pytest.raises(PredictError, match=r"wanted a file in .parquet"):
        predict_file(replace(options, output=tmp_path / "out.xlsx"))
    with pytest.raises(PredictError, match="is no folder: make it"):
        predict_file(replace(options, output=tmp_path / "away" / "out.csv"))
    with pytest.raises(PredictError, match="is the input: name another"):
        predict_file(replace(options, output=rows_file, overwrites=True))
    with pytest.raises(PredictError, match="The input has no column 'age' to keep"):
        predict_file(replace(options, output=tmp_path / "out.csv", keep=("age",)))


def test_an_output_is_replaced_when_it_is_told_to_be(whole: dict[str, Any]) -> None:
    predict_file(replace(whole["options"], overwrites=True))
    assert whole["options"].output.read_bytes() == whole["bytes"]
