# SPDX-License-Identifier: Apache-2.0
"""Which model a command means, and answers to tables in memory."""

from __future__ import annotations

import json
import shutil
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray
from tests.package.keys import make_key
from tests.predict.conftest import COLUMNS, Forest

from penstock.errors import (
    EngineError,
    OptionsError,
    PackageError,
    PredictError,
    RepositoryError,
    UnsignedError,
)
from penstock.package import write_manifest
from penstock.package.signing import sign_manifest
from penstock.predict import PredictOptions, ReadingBounds, open_model, predict_table
from penstock.predict.place import RegistryName, found_model, registry_name
from penstock.predict.work_folder import WorkFolder

ECHO = """\
import numpy as np


class Model:
    def execute(self, batch):
        x = batch["x"]
        assert len(x) <= 8
        return {"sum": x.sum(axis=1), "text": np.array([str(row[0]).encode() for row in x], object)}
"""
ECHO_CONFIG = """\
backend: "python"
max_batch_size: 8
input { name: "x" data_type: TYPE_FP32 dims: [ 3 ] }
output { name: "sum" data_type: TYPE_FP32 }
output { name: "text" data_type: TYPE_STRING }
"""


def repository_of(folder: Path, net_file: Path) -> Path:
    """A model `net` with versions 1 and 2, whose scores have classes."""
    for version in ("1", "2"):
        (folder / "net" / version).mkdir(parents=True)
        shutil.copy(net_file, folder / "net" / version / "model.onnx")
    (folder / "net" / "names.txt").write_text("red\ngreen\nblue\n")
    (folder / "net" / "config.pbtxt").write_text(
        'input { name: "x" data_type: TYPE_FP32 dims: [ 30 ] }\nmax_batch_size: 16\n'
        'output { name: "scores" data_type: TYPE_FP32 dims: [ 3 ] label_filename: "names.txt" }\n'
    )
    return folder / "net"


def test_the_folder_of_a_model_gives_the_version_that_would_be_served(
    net_file: Path, tmp_path: Path
) -> None:
    folder = repository_of(tmp_path, net_file)
    with found_model(folder) as latest, found_model(folder / "1") as first:
        assert (latest.name, latest.version, first.version) == ("net", 2, 1)
        assert latest.digest == first.digest
    model = open_model(str(folder))
    rows = pa.table({name: pa.array([0.5, 1.5] * 50) for name in COLUMNS})
    found = predict_table(model, rows, feature_columns=COLUMNS)
    assert found.table.column_names == ["scores_red", "scores_green", "scores_blue"]
    assert (found.table.num_rows, found.bad) == (100, ())
    (folder / "1" / "model.onnx").write_bytes(net_file.read_bytes() + b"\0")
    with found_model(folder / "1") as changed:
        assert changed.digest != first.digest


def test_a_python_model_answers_in_batches_of_its_own_size(tmp_path: Path) -> None:
    folder = tmp_path / "echo"
    (folder / "1").mkdir(parents=True)
    (folder / "1" / "model.py").write_text(ECHO)
    (folder / "config.pbtxt").write_text(ECHO_CONFIG)
    table = pa.table({name: np.arange(20, dtype=np.float32) for name in "abc"})
    found = predict_table(str(folder), table)
    assert found.table["sum"].to_pylist() == [3.0 * row for row in range(20)]
    assert found.table["text"].to_pylist() == [str(float(row)) for row in range(20)]


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("models:/churn@champion", RegistryName(name="churn", which="champion")),
        ("models:/churn/3", RegistryName(name="churn", which="3")),
        ("models:/churn", RegistryName(name="churn", which="")),
        ("models/churn/3", None),
    ],
)
def test_a_uri_of_a_registry_names_a_version(given: str, wanted: RegistryName | None) -> None:
    assert registry_name(given) == wanted


@pytest.mark.parametrize("given", ["models:churn", "models:/", "models:/a/1/2", "models:/a@b/2"])
def test_a_broken_uri_is_refused(given: str) -> None:
    with pytest.raises(PredictError, match="names no version: wanted models:/NAME@ALIAS"):
        registry_name(given)


def test_what_is_no_model_is_refused_in_a_sentence(
    net_file: Path, forest: Forest, tmp_path: Path
) -> None:
    for given, sentence in (
        (tmp_path / "away", "There is no model"),
        (tmp_path, "is no model: wanted a package, whose folder has penstock-manifest.json"),
        (Path(__file__), "is no model: wanted one of .onnx, .pnst"),
    ):
        with pytest.raises(PredictError, match=sentence), found_model(given):
            pass
    folder = repository_of(tmp_path, net_file)
    with pytest.raises(RepositoryError, match="has no version 7: versions: 1, 2"):  # noqa: SIM117
        with found_model(folder / "7"):
            pass
    broken = Path(shutil.copytree(forest.package, tmp_path / "broken"))
    (broken / "labels.txt").write_text("else")
    with pytest.raises(PackageError, match=r"labels\.txt has 4 bytes, wanted"), found_model(broken):
        pass


def test_a_package_must_be_signed_with_one_of_the_keys(
    forest: Forest, net_file: Path, tmp_path: Path
) -> None:
    package = Path(shutil.copytree(forest.package, tmp_path / "signed"))
    private, public = make_key(tmp_path, "ours")
    _, other = make_key(tmp_path, "others")
    with pytest.raises(UnsignedError):
        open_model(str(package), public_keys=(public,))
    sign_manifest(package, private)
    with pytest.raises(UnsignedError):
        open_model(str(package), public_keys=(other,))
    assert open_model(str(package), public_keys=(other, public)).name == "forest"
    for unpackaged in (net_file, repository_of(tmp_path, net_file)):
        with pytest.raises(UnsignedError):
            open_model(str(unpackaged), public_keys=(public,))


def test_a_package_with_another_answer_than_is_expected_is_refused(
    forest: Forest, tmp_path: Path
) -> None:
    package = Path(shutil.copytree(forest.package, tmp_path / "other"))
    smoke = json.loads((package / "smoke.json").read_text())
    smoke["expected"]["outputs"][0]["data"][0] += 0.5
    (package / "smoke.json").write_text(json.dumps(smoke))
    write_manifest(package, "forest")
    with pytest.raises(EngineError, match=r"smoke request: probabilities\[0,0\] is"):
        open_model(str(package))


def test_a_table_of_pandas_is_answered_with_bad_rows_by_number(
    forest: Forest, rows_file: Path, numbers: NDArray[np.float32]
) -> None:
    frame = pd.DataFrame(numbers[:100], columns=list(COLUMNS)).astype({"f7": object})
    frame["name"] = [f"n{row}" for row in range(100)]
    frame["f7"] = frame["f7"].astype(str)
    frame.loc[42, "f7"] = "many"
    found = predict_table(
        forest.package, frame, keep=("name",), bounds=ReadingBounds(chunk_rows=30)
    )
    assert found.table.column_names == ["name", "probability_no", "probability_yes"]
    assert [(bad.row, bad.column) for bad in found.bad] == [(42, "f7")]
    whole = predict_table(forest.package, pq.read_table(rows_file).slice(0, 100)).table
    right = whole["probability_yes"].to_pylist()
    right[42] = None
    assert found.table["probability_yes"].to_pylist() == right


def test_what_is_no_table_or_has_no_such_column_is_refused(net_file: Path) -> None:
    model = open_model(str(net_file))
    rows = pa.table({name: [1.0, 2.0] for name in COLUMNS})
    asked = partial(predict_table, model, feature_columns=COLUMNS)
    assert asked(rows.to_batches()[0]).table.num_rows == 2
    with pytest.raises(PredictError, match="is a list, which cannot be read"):
        asked([1, 2])
    with pytest.raises(PredictError, match="has no column 'age' to keep"):
        asked(rows, keep=("age",))
    twice = rows.append_column("f0", pa.array([1.0, 2.0]))
    with pytest.raises(PredictError, match="has two columns 'f0': rename one"):
        asked(twice)
    with pytest.raises(PredictError, match="has two columns 'f0': rename one"):
        asked(twice, keep=None)


def test_a_full_disk_is_told_with_the_way_on(tmp_path: Path) -> None:
    folder = WorkFolder(tmp_path / "out.csv")
    with (
        pytest.raises(PredictError, match=r"disk is full.*: it goes on where it stopped"),
        folder.writing(),
        open("/dev/full", "wb", buffering=0) as full,
    ):
        full.write(b"x")


def test_two_runs_do_not_write_one_output(tmp_path: Path) -> None:
    folder = WorkFolder(tmp_path / "out.csv")
    with folder.held():  # noqa: SIM117
        with pytest.raises(PredictError, match="Another run is writing"), folder.held():
            pass


def test_a_part_that_is_damaged_is_refused(tmp_path: Path) -> None:
    folder = WorkFolder(tmp_path / "out.csv")
    table = pa.table({"y": [1.0, 2.0]})
    with folder.held():
        folder.begin({})
        folder.keep(0, table, b"0,a,0,x,why\n")
        assert folder.parts() == 1
        assert folder.part(0, table.schema).equals(table)
        part = folder.path / "part-00000000.arrow"
        part.write_bytes(part.read_bytes()[:-10])
        with pytest.raises(PredictError, match="is damaged: add --restart"):
            folder.part(0, table.schema)


def test_bounds_of_nothing_are_refused() -> None:
    with pytest.raises(OptionsError, match="wanted at least 1 of each"):
        ReadingBounds(chunk_rows=0)
    with pytest.raises(OptionsError, match="--threads is 0: wanted 1 to 256"):
        PredictOptions(model="m", input="i", output=Path("o.csv"), threads=0)
