# SPDX-License-Identifier: Apache-2.0
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import onnx
import pandas as pd
import pytest
from tests.training.tables import TASKS, planned, run_steps, spec_for, table

from penstock_training.candidates.chosen import pipeline_of
from penstock_training.candidates.family import Array
from penstock_training.candidates.tables import parts_of, transformed_for
from penstock_training.export import compare, exported
from penstock_training.export.parity import run_graph
from penstock_training.export.proof import prove
from penstock_training.features import FeaturePlan, features_of
from penstock_training.files import read_json

FAMILIES = ("linear", "forest", "lightgbm", "xgboost", "mlp")

#: Small models: what is tested is that they are served as they were trained.
SMALL: dict[str, dict[str, Any]] = {
    "forest": {"n_estimators": 10},
    "lightgbm": {"n_estimators": 20},
    "xgboost": {"n_estimators": 20},
    "mlp": {"width": 16, "max_iter": 60},
}


def served(root: Path, rows: pd.DataFrame) -> dict[str, Array]:
    plan = FeaturePlan.from_json(read_json(root / "features/features.json"))
    return run_graph((root / "select/model.onnx").read_bytes(), features_of(rows, plan), plan)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("name", TASKS)
def test_the_graph_answers_as_the_pipeline_does(name: str, family: str) -> None:
    frame = table(name, with_text=True, rows=200)
    train, validation, test = frame[:120], frame[120:160], frame[160:]
    spec = spec_for(name, with_text=True, candidates={"families": [family]})
    plan = planned(spec, train)
    rows = transformed_for(family, parts_of(train, validation, plan), plan, class_weight=None)
    pipeline = pipeline_of(family, SMALL.get(family, {}), None, rows, spec, plan)
    model = exported(pipeline, plan, name)
    domains = [one.domain for one in onnx.load_model_from_string(model).opset_import]
    assert domains == sorted(domains)  # skl2onnx has them by the hashes of a process
    held_out = features_of(test, plan)
    for of_rows in prove(pipeline, model, held_out, plan, seed=0).values():
        assert of_rows["rows"] == len(test)
        assert of_rows["rows_beyond"] == of_rows["labels_beyond"] == 0
        assert of_rows["difference"] < 1e-5
    answers = run_graph(model, held_out, plan)
    if TASKS[name] == "regression":
        assert list(answers) == ["prediction"]
        assert answers["prediction"].shape == (len(test), 1)
        assert answers["prediction"].std() > 10
        return
    assert list(answers) == ["label", "probabilities"]
    labels = answers["label"]
    assert labels.shape == (len(test), 1)
    assert labels[:, 0].tolist() == pipeline.predict(held_out).tolist()
    assert set(labels[:, 0]) <= set(plan.classes)
    assert (labels[:, 0] == test["target"]).mean() > 0.8
    np.testing.assert_allclose(answers["probabilities"].sum(axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("calibration", ["sigmoid", "isotonic"])
@pytest.mark.parametrize("name", ["breast_cancer", "wine"])
def test_calibrated_probabilities_are_served(name: str, calibration: str) -> None:
    candidates = {"families": ["forest"], "calibration": calibration}
    spec = spec_for(name, candidates=candidates)
    frame = table(name)
    train, validation, test = frame[:100], frame[100:150], frame[150:]
    plan = planned(spec, train)
    rows = transformed_for("forest", parts_of(train, validation, plan), plan, class_weight=None)
    pipeline = pipeline_of("forest", SMALL["forest"], None, rows, spec, plan)
    held_out = features_of(test, plan)
    plain = pipeline[-1].inner.predict_proba(rows.transformation.transform(held_out))
    assert np.abs(pipeline.predict_proba(held_out) - plain).max() > 0.01
    parity = prove(pipeline, exported(pipeline, plan, name), held_out, plan, seed=0)
    assert parity["rows"]["difference"] < 1e-4


def test_numeric_columns_travel_as_one_tensor_and_texts_as_inputs_of_their_own(
    tmp_path: Path,
) -> None:
    frame = table("wine", with_text=True)
    spec = spec_for("wine", with_text=True, features={"sensitive": ["alcohol", "colour"]})
    run_steps(spec, frame, tmp_path)
    signature = read_json(tmp_path / "select/signature.json")
    graph = onnx.load(tmp_path / "select/model.onnx").graph
    assert [one.name for one in graph.input] == [one["name"] for one in signature["inputs"]]
    numbers, *texts = signature["inputs"]
    assert numbers["name"] == "features"
    assert numbers["shape"] == [-1, 13] and len(numbers["columns"]) == 13
    assert numbers["sensitive"] == ["alcohol"]
    assert [(one["name"], one["datatype"], one["shape"]) for one in texts] == [
        ("size", "BYTES", [-1, 1]),
        ("colour", "BYTES", [-1, 1]),
        ("rank", "INT64", [-1, 1]),
    ]
    assert signature["outputs"] == [
        {"name": "label", "datatype": "BYTES", "shape": [-1, 1]},
        {
            "name": "probabilities",
            "datatype": "FP32",
            "shape": [-1, 3],
            "classes": ["class_0", "class_1", "class_2"],
        },
    ]


def test_an_unknown_category_and_missing_values_are_answered(tmp_path: Path) -> None:
    run_steps(spec_for("wine", with_text=True), table("wine", with_text=True), tmp_path)
    rows = pd.read_parquet(tmp_path / "split/test.parquet").head(2)
    rows["colour"] = ["never seen", None]
    rows["alcohol"] = np.nan
    assert np.isfinite(served(tmp_path, rows)["probabilities"]).all()


@pytest.mark.parametrize("classes", [[0, 1], [3, 7], [False, True]])
def test_whole_classes_are_labels_of_int64(classes: list[int], tmp_path: Path) -> None:
    frame = table("breast_cancer", rows=120)
    frame["target"] = [classes[one] for one in frame["target"]]
    run_steps(spec_for("breast_cancer"), frame, tmp_path)
    labels = served(tmp_path, frame)["label"]
    assert labels.dtype == np.int64
    assert set(labels[:, 0].tolist()) == {int(one) for one in classes}
    output = read_json(tmp_path / "select/signature.json")["outputs"]
    assert output[0]["datatype"] == "INT64"
    assert output[1]["classes"] == [int(one) for one in classes]


@pytest.mark.parametrize("family", ["lightgbm", "xgboost", "mlp"])
def test_the_same_rows_spec_and_threads_make_the_same_bytes(family: str, tmp_path: Path) -> None:
    frame = table("wine", with_text=True)
    candidates = {"families": [family], "parameters": {family: SMALL[family]}}
    spec = spec_for("wine", with_text=True, candidates=candidates, search={"trials": 3})
    for place in ("one", "other"):
        (tmp_path / place).mkdir()
        run_steps(spec, frame, tmp_path / place)
    for name in (
        "features/features.json", "candidates/trials.json", "candidates/best.json",
        "select/model.onnx", "select/selection.json", "select/signature.json",
        "select/parity.json",
    ):  # fmt: skip
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "other" / name).read_bytes()


def test_a_graph_that_answers_otherwise_is_found(tmp_path: Path) -> None:
    run_steps(spec_for("diabetes"), table("diabetes"), tmp_path)
    plan = FeaturePlan.from_json(read_json(tmp_path / "features/features.json"))
    model = onnx.load(tmp_path / "select/model.onnx")
    changed = 0
    for node in model.graph.node:
        for one in node.attribute:
            if one.name == "intercepts":
                one.floats[0] += 1
                changed += 1
    assert changed == 1
    rows = features_of(pd.read_parquet(tmp_path / "split/test.parquet"), plan)
    pipeline = joblib.load(tmp_path / "select/model.joblib")
    parity = compare(pipeline, model.SerializeToString(), rows, plan)
    assert not parity.is_kept
    assert parity.rows_beyond == parity.rows
