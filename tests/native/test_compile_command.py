# SPDX-License-Identifier: Apache-2.0
"""`penstock compile` as a person meets it."""

from pathlib import Path

import lightgbm
import numpy as np
import pytest
import xgboost
from sklearn.datasets import load_diabetes
from tests.native.agreement import Array, answer, difference
from tests.native.onnx_oracle import FLOAT, model_of, node
from typer.testing import CliRunner, Result

from penstock import native
from penstock.cli import app
from penstock.native.artifact import read_artifact

CATBOOST = Path(__file__).parent / "catboost_models" / "regressor.onnx"


def compiled(*arguments: str | Path) -> Result:
    runner = CliRunner(env={"COLUMNS": "160", "TERM": "dumb"})
    return runner.invoke(app, ["compile", *map(str, arguments)])


def rows() -> tuple[Array, Array]:
    x, y = load_diabetes(return_X_y=True)
    return x.astype(np.float32), y


def booster() -> lightgbm.Booster:
    x, y = rows()
    return lightgbm.train({"verbose": -1, "num_threads": 1}, lightgbm.Dataset(x, y), 5)


def test_lightgbms_text_becomes_a_folder_for_a_repository(tmp_path: Path) -> None:
    booster().save_model(tmp_path / "model.txt")
    done = compiled(tmp_path / "model.txt", "-o", tmp_path / "scorer")
    assert done.exit_code == 0, done.output
    folder = tmp_path / "scorer"
    assert (folder / "config.pbtxt").read_text() == 'backend: "native"\n'
    said = " ".join(done.output.split())
    for part in (
        "Steps Forest of 5 trees",
        "Inputs input: FP64[-1, 10]",
        "Outputs prediction: FP64[-1, 1]",
        f"Bytes {(folder / '1' / 'model.pnst').stat().st_size:,}",
        f"Written: {folder / '1' / 'model.pnst'}",
    ):
        assert part in said
    x, _ = rows()
    found = native.load(folder / "1" / "model.pnst").predict(x.astype(np.float64))
    assert np.array_equal(found.ravel(), booster().predict(x, num_threads=1))


@pytest.mark.parametrize("form", ["json", "ubj"])
def test_xgboosts_files_are_read(tmp_path: Path, form: str) -> None:
    x, y = rows()
    model = xgboost.train({"nthread": 1}, xgboost.DMatrix(x, y, nthread=1), 3)
    (tmp_path / "model").write_bytes(model.save_raw(form))
    done = compiled(tmp_path / "model", "-o", tmp_path / "out")
    assert done.exit_code == 0, done.output
    found = native.load(tmp_path / "out" / "1" / "model.pnst").predict(x)
    assert np.array_equal(found.ravel(), model.predict(xgboost.DMatrix(x, nthread=1)))


def test_a_configuration_that_is_there_stays(tmp_path: Path) -> None:
    (tmp_path / "config.pbtxt").write_text('backend: "native" max_batch_size: 9\n')
    assert compiled(CATBOOST, "-o", tmp_path).exit_code == 0
    assert "max_batch_size: 9" in (tmp_path / "config.pbtxt").read_text()


def test_fast_models_take_rows_of_float32(tmp_path: Path) -> None:
    booster().save_model(tmp_path / "model.txt")
    done = compiled(tmp_path / "model.txt", "-o", tmp_path / "out", "--fast")
    assert done.exit_code == 0, done.output
    model = read_artifact(tmp_path / "out" / "1" / "model.pnst")
    x, _ = rows()
    assert [port.datatype for port in model.manifest.inputs] == ["FP32"]
    right = np.asarray(booster().predict(x, num_threads=1))
    assert difference(answer(model, x).ravel(), right) < 1e-5


def test_the_datatype_of_rows_may_be_chosen(tmp_path: Path) -> None:
    booster().save_model(tmp_path / "model.txt")
    out = tmp_path / "out"
    assert compiled(tmp_path / "model.txt", "-o", out, "--input-datatype", "FP32").exit_code == 0
    assert read_artifact(out / "1" / "model.pnst").manifest.inputs[0].datatype == "FP32"
    done = compiled(tmp_path / "model.txt", "-o", out, "--input-datatype", "FP16")
    assert (done.exit_code, "wanted FP32 or FP64" in done.stderr) == (1, True)


def test_the_node_that_stopped_it_is_named_and_nothing_is_written(tmp_path: Path) -> None:
    model = model_of([node("Erf", "x", "y", name="gelu")], {"x": (FLOAT, [None, 4])}, {"y": FLOAT})
    (tmp_path / "net.onnx").write_bytes(model.SerializeToString())
    done = compiled(tmp_path / "net.onnx", "-o", tmp_path / "out")
    assert done.exit_code == 1
    said = " ".join(done.stderr.split())
    assert "net.onnx: node 'gelu' (ai.onnx.Erf): this operator has no native form." in said
    assert not (tmp_path / "out").exists()


def test_a_file_that_is_not_there_or_no_model_is_refused(tmp_path: Path) -> None:
    done = compiled(tmp_path / "nowhere", "-o", tmp_path / "out")
    assert (done.exit_code, "nowhere cannot be read: No such" in done.stderr) == (1, True)
    (tmp_path / "words").write_text("hello")
    done = compiled(tmp_path / "words", "-o", tmp_path / "out")
    assert (done.exit_code, "it is none of an ONNX model" in done.stderr) == (1, True)


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = compiled(CATBOOST, "-o", tmp_path / "file" / "out")
    assert done.exit_code == 1
    assert "file/out cannot be written: Not a directory" in done.stderr.replace("\n", "")


def test_what_is_left_to_onnxruntime_is_said(tmp_path: Path) -> None:
    nodes = [node("MatMul", "x w", "h"), node("Erf", "h", "y", name="gelu")]
    weights = {"w": np.ones((4, 3), np.float32)}
    model = model_of(nodes, {"x": (FLOAT, [None, 4])}, {"y": FLOAT}, weights)
    (tmp_path / "net.onnx").write_bytes(model.SerializeToString())
    done = compiled(tmp_path / "net.onnx", "-o", tmp_path / "out")
    assert done.exit_code == 0, done.output
    said = " ".join(done.output.split())
    assert "Steps Dense, Onnx" in said
    assert "ONNX Runtime runs node 'gelu' (ai.onnx.Erf): this operator has no native form." in said
