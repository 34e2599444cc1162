# SPDX-License-Identifier: Apache-2.0
"""The step evaluate: what it writes, that it writes it twice the same, what it keeps to itself."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from tests.doubles.chosen_model import SECRET_ORIGINS, ChosenModel, chosen_model

from penstock_training.errors import DataError, SpecError
from penstock_training.files import read_json
from penstock_training.spec import spec_of
from penstock_training.stages.evaluate import STEP, reasons_against
from penstock_training.steps import digest_of_folder

GROUPS = [
    {"column": "city", "metric": "accuracy", "at_least": 0.75},
    {"column": "origin", "metric": "accuracy"},
    {"column": "age", "metric": "accuracy"},
]


@pytest.fixture(scope="module")
def chosen(tmp_path_factory: pytest.TempPathFactory) -> ChosenModel:
    problem = {"groups": GROUPS, "threshold": 0.7, "values": {"true_positive": 2.0}}
    return chosen_model(tmp_path_factory.mktemp("binary"), tables={"problem": problem})


@pytest.fixture(scope="module")
def folder(chosen: ChosenModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return chosen.run(STEP, tmp_path_factory.mktemp("out") / "evaluate")


@pytest.fixture(scope="module")
def evaluation(folder: Path) -> Mapping[str, Any]:
    return dict(read_json(folder / "evaluation.json"))


def test_it_writes_numbers_and_pictures(folder: Path) -> None:
    assert sorted(path.name for path in folder.iterdir()) == [
        "calibration.png",
        "confusion.png",
        "curves.png",
        "evaluation.json",
        "groups.png",
        "predictions.parquet",
        "slices.png",
        "timings.json",
    ]
    for picture in folder.glob("*.png"):
        assert picture.read_bytes().startswith(b"\x89PNG")


def test_the_planted_weakness_is_found(evaluation: Mapping[str, Any]) -> None:
    by_name = {group["name"]: group for group in evaluation["groups"][0]["groups"]}
    assert by_name["city = Chance"]["value"] < 0.65 < by_name["city = Amber"]["value"]
    assert "city = Chance" in evaluation["slices"][0]["name"]
    assert evaluation["slices"][0]["is_significant"]


def test_a_group_below_its_bound_is_a_reason_against_the_version(
    folder: Path, evaluation: Mapping[str, Any]
) -> None:
    assert evaluation["verdict"]["accepted"] is False
    reasons = reasons_against(folder)
    assert any(reason.startswith("accuracy of group city = Chance is") for reason in reasons)
    assert not any("metric accuracy" in reason for reason in reasons)


def test_numbers_agree_with_each_other(evaluation: Mapping[str, Any]) -> None:
    table = evaluation["confusion"]
    right = sum(table[k][k] for k in range(2))
    assert evaluation["metrics"]["accuracy"]["value"] == pytest.approx(
        right / evaluation["rows"], rel=1e-5
    )
    value = 2.0 * table[1][1] / evaluation["rows"]
    assert evaluation["metrics"]["value"]["value"] == pytest.approx(value, rel=1e-5)
    low, high = (evaluation["metrics"]["accuracy"][edge] for edge in ("low", "high"))
    assert low < evaluation["metrics"]["accuracy"]["value"] < high


def test_predictions_stand_in_the_rows_order_and_hold_no_feature(
    folder: Path, chosen: ChosenModel
) -> None:
    table = pd.read_parquet(folder / "predictions.parquet")
    test = pd.read_parquet(chosen.inputs["split"] / "test.parquet")
    assert list(table.columns) == [
        "row",
        "target",
        "prediction",
        "probability of bad",
        "probability of good",
    ]
    assert table["target"].tolist() == test["outcome"].tolist()


def test_values_of_sensitive_columns_are_in_no_file(folder: Path, chosen: ChosenModel) -> None:
    ages = pd.read_parquet(chosen.inputs["split"] / "test.parquet")["age"]
    secrets = {*SECRET_ORIGINS, ".4242", *(f"{age:.4g}" for age in ages)}
    for path in folder.iterdir():
        if path.suffix == ".json":
            text = path.read_text()
            assert [secret for secret in secrets if f'"{secret}' in text] == []
            assert [origin for origin in SECRET_ORIGINS if origin in text] == []
            assert ".4242" not in text
        else:
            assert [o for o in SECRET_ORIGINS if o.encode() in path.read_bytes()] == []


def test_a_second_run_writes_the_same_bytes_but_for_the_timings(
    folder: Path, chosen: ChosenModel, tmp_path: Path
) -> None:
    again = chosen.run(STEP, tmp_path / "again")
    assert digest_of_folder(again, outside=STEP.outside) == digest_of_folder(
        folder, outside=STEP.outside
    )


def test_the_latency_is_penstocks_own(folder: Path) -> None:
    latency = read_json(folder / "timings.json")["latency"]
    assert latency["executor"] in ("native", "onnxruntime")
    assert 0 < latency["row_us_median"] <= latency["request_us_median"]
    assert latency["rows_per_second"] > 1000


def test_a_latency_bound_is_judged_outside_of_the_digest(tmp_path: Path) -> None:
    tables = {
        "problem": {"latency_us_max": 1e-3},
        "package": {"backend": "onnxruntime"},
        "evaluate": {"bootstrap": 0},
    }
    folder = chosen_model(tmp_path / "slow", tables=tables).run(STEP, tmp_path / "out")
    assert read_json(folder / "evaluation.json")["verdict"]["accepted"] is True
    timings = read_json(folder / "timings.json")
    assert timings["latency"]["executor"] == "onnxruntime"
    assert timings["verdict"]["accepted"] is False
    [reason] = reasons_against(folder)
    assert reason.startswith("latency of one row in microseconds is")


@pytest.mark.parametrize(
    ("task", "picture"), [("multiclass", "curves"), ("regression", "residuals")]
)
def test_other_tasks_have_their_own_numbers_and_pictures(
    task: str, picture: str, tmp_path: Path
) -> None:
    chosen = chosen_model(tmp_path / "chosen", task=task, tables={"evaluate": {"bootstrap": 20}})
    folder = chosen.run(STEP, tmp_path / "out")
    evaluation = read_json(folder / "evaluation.json")
    assert (folder / f"{picture}.png").is_file()
    assert ("confusion" in evaluation) is (task == "multiclass")
    assert evaluation["verdict"] == {"accepted": True, "checks": [], "reasons": []}


def test_a_champion_is_compared_and_counts_as_an_input(tmp_path: Path) -> None:
    older = chosen_model(tmp_path / "older", features=("income", "visits"))
    tables = {"evaluate": {"champion": str(older.inputs["select"]), "bootstrap": 100}}
    newer = chosen_model(tmp_path / "newer", tables=tables)
    before = STEP.reads(newer.spec)
    comparison = read_json(newer.run(STEP, tmp_path / "out") / "evaluation.json")["champion"]
    assert comparison["outcome"] == "better"
    assert comparison["p_value"] < 0.05
    (older.inputs["select"] / "model.onnx").write_bytes(b"another")
    assert STEP.reads(newer.spec) != before


def test_a_group_by_a_column_that_is_not_there_is_refused_by_name(tmp_path: Path) -> None:
    problem = {"groups": [{"column": "shire", "metric": "accuracy"}]}
    chosen = chosen_model(tmp_path / "chosen", tables={"problem": problem})
    with pytest.raises(SpecError, match="shire is not in the data: wanted one of income"):
        chosen.run(STEP, tmp_path / "out")


def test_slices_of_a_column_that_is_not_there_are_refused_by_name(tmp_path: Path) -> None:
    chosen = chosen_model(tmp_path / "chosen", tables={"evaluate": {"slices": ["shire"]}})
    with pytest.raises(SpecError, match="shire is not in the data"):
        chosen.run(STEP, tmp_path / "out")


def test_a_target_cannot_be_sensitive() -> None:
    tables = {
        "name": "loans",
        "problem": {"task": "binary", "target": "outcome", "metric": "accuracy"},
        "data": {"path": "loans.csv"},
        "features": {"sensitive": ["outcome"]},
    }
    with pytest.raises(SpecError, match="sensitive names the target outcome"):
        spec_of(tables)


def test_the_steps_can_be_named_without_importing_a_heavy_library() -> None:
    heavy = ["pandas", "sklearn", "scipy", "matplotlib", "shap", "onnxruntime", "pyarrow", "mlflow"]
    stages = ", ".join(f"penstock_training.stages.{s}" for s in ("evaluate", "explain", "profile"))
    code = f"import sys, {stages}; print([one for one in {heavy} if one in sys.modules])"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout == "[]\n"


def test_a_test_part_without_rows_is_refused(tmp_path: Path) -> None:
    chosen = chosen_model(tmp_path / "chosen")
    path = chosen.inputs["split"] / "test.parquet"
    pd.read_parquet(path).iloc[:0].to_parquet(path)
    with pytest.raises(DataError, match="test part has no rows"):
        chosen.run(STEP, tmp_path / "out")
