# SPDX-License-Identifier: Apache-2.0
"""SHAP and the step explain. Everything that imports shap is here: that takes seconds, once."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.doubles.chosen_model import SECRET_ORIGINS, ChosenModel, chosen_model

from penstock_training.explain.shapley import (
    ASKED_MAX,
    BACKGROUND_MIN,
    ROWS_MIN,
    budget,
    shap_values,
)
from penstock_training.files import read_json
from penstock_training.stages.explain import STEP
from penstock_training.steps import digest_of_folder

INPUTS = [
    {"name": "features", "datatype": "FP32", "columns": ["a", "b"]},
    {"name": "city", "datatype": "BYTES", "columns": ["city"]},
    {"name": "floor", "datatype": "INT64", "columns": ["floor"]},
]
CITY_WORTH = {"": 0.0, "x": 1.0, "y": -2.0}


def houses(rows: int, seed: int) -> pd.DataFrame:
    draws = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "a": draws.normal(0, 1, rows),
            "b": draws.normal(5, 2, rows),
            "city": np.array(["x", "y", None], dtype=object)[draws.integers(0, 3, rows)],
            "floor": draws.integers(0, 4, rows),
        }
    )


def price(frame: Any) -> Any:
    return (
        2 * frame["a"].to_numpy()
        - frame["b"].to_numpy()
        + np.array([CITY_WORTH[one] for one in frame["city"]])
        + 10.0 * frame["floor"].to_numpy()
    )


def test_shap_of_a_sum_is_each_parts_distance_from_the_average() -> None:
    rows, background = houses(15, 0), houses(30, 1)
    found = shap_values(rows, background, INPUTS, price, seed=0)
    worth = rows["city"].fillna("").map(CITY_WORTH)
    average = background["city"].fillna("").map(CITY_WORTH).mean()
    wanted = {
        "a": 2 * (rows["a"] - background["a"].mean()),
        "b": -(rows["b"] - background["b"].mean()),
        "city": worth - average,
        "floor": 10.0 * (rows["floor"] - background["floor"].mean()),
    }
    assert found.columns == tuple(wanted)
    for place, column in enumerate(wanted):
        assert found.values[:, place, 0] == pytest.approx(wanted[column].to_numpy(), abs=1e-9)


def test_parts_add_up_to_the_answer_where_columns_work_together() -> None:
    def both(frame: Any) -> Any:
        product = np.tanh(frame["a"].to_numpy() * frame["b"].to_numpy())
        return np.column_stack([product, 1 - product])

    rows, background = houses(10, 0), houses(20, 1)
    found = shap_values(rows, background, INPUTS, both, seed=0)
    assert found.values.shape == (10, 4, 2)
    assert found.base + found.values.sum(axis=1) == pytest.approx(both(rows), abs=1e-9)
    assert np.abs(found.values[:, 2:]).max() == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(("rows", "background", "columns"), [(200, 50, 10), (10_000, 50, 500)])
def test_the_model_is_not_asked_without_end(rows: int, background: int, columns: int) -> None:
    some, against = budget(rows, background, columns)
    assert some * against * (2 * columns + 1) <= ASKED_MAX
    assert some >= ROWS_MIN and against >= BACKGROUND_MIN


def test_few_rows_are_all_explained() -> None:
    assert budget(200, 50, 10) == (200, 50)
    assert budget(7, 3, 10) == (7, 3)


@pytest.fixture(scope="module")
def chosen(tmp_path_factory: pytest.TempPathFactory) -> ChosenModel:
    tables = {"explain": {"rows": 60}}
    return chosen_model(tmp_path_factory.mktemp("chosen"), tables=tables)


@pytest.fixture(scope="module")
def folder(chosen: ChosenModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return chosen.run(STEP, tmp_path_factory.mktemp("out") / "explain")


@pytest.fixture(scope="module")
def explanation(folder: Path) -> Mapping[str, Any]:
    return dict(read_json(folder / "explanation.json"))


def test_both_ways_to_explain_agree_on_what_matters_most(explanation: Mapping[str, Any]) -> None:
    permutation = [one["column"] for one in explanation["permutation"]["columns"]]
    shap = [one["column"] for one in explanation["shap"]["columns"]]
    assert set(permutation[:2]) == set(shap[:2]) == {"income", "debt"}
    assert set(shap) == {"income", "debt", "age", "visits", "city", "origin"}


def test_the_direction_of_a_column_is_told(explanation: Mapping[str, Any]) -> None:
    [debt] = [one for one in explanation["shap"]["columns"] if one["column"] == "debt"]
    good = [part["mean"][1] for part in debt["by_value"]]
    assert explanation["shap"]["answers"] == ["bad", "good"]
    assert good == sorted(good, reverse=True)
    assert sum(part["rows"] for part in debt["by_value"]) == 60


def test_values_of_sensitive_columns_are_in_no_file(
    folder: Path, explanation: Mapping[str, Any]
) -> None:
    told = {one["column"]: one for one in explanation["shap"]["columns"]}
    assert "by_value" not in told["age"] and "by_value" not in told["origin"]
    text = (folder / "explanation.json").read_text()
    assert [secret for secret in (*SECRET_ORIGINS, ".4242") if secret in text] == []


def test_a_second_run_writes_the_same_bytes(
    folder: Path, chosen: ChosenModel, tmp_path: Path
) -> None:
    assert digest_of_folder(chosen.run(STEP, tmp_path / "again")) == digest_of_folder(folder)


def test_what_is_not_asked_for_is_not_done(tmp_path: Path) -> None:
    tables = {"explain": {"rows": 40, "shap": False}}
    chosen = chosen_model(tmp_path / "chosen", task="regression", tables=tables)
    folder = chosen.run(STEP, tmp_path / "out")
    assert sorted(path.name for path in folder.iterdir()) == ["explanation.json", "importance.png"]
    assert read_json(folder / "explanation.json")["shap"] is None


def test_many_classes_and_regression_are_drawn_too(tmp_path: Path) -> None:
    for task in ("multiclass", "regression"):
        tables = {"explain": {"rows": 20, "permutation": False}}
        chosen = chosen_model(tmp_path / task, task=task, tables=tables)
        folder = chosen.run(STEP, tmp_path / f"{task}-out")
        shap = read_json(folder / "explanation.json")["shap"]
        assert len(shap["base"]) == (3 if task == "multiclass" else 1)
        assert (folder / "shap.png").read_bytes().startswith(b"\x89PNG")
