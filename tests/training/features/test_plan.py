# SPDX-License-Identifier: Apache-2.0
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.training.tables import planned, run_steps, spec_for, table

from penstock_training.errors import DataError, SpecError
from penstock_training.features import FeaturePlan, features_of, target_of
from penstock_training.features.rows import classes_of

ROWS = pd.DataFrame(
    {
        "age": [0.1, None],
        "visits": [1, 2],
        "member": [True, False],
        "city": ["Rom", None],
        "when": [1, 2],
        "target": ["a", "b"],
    }
)


def plan_for(**features: Any) -> FeaturePlan:
    return planned(spec_for("wine", features=features), ROWS)


def test_numbers_are_numeric_and_texts_categorical() -> None:
    plan = plan_for(drop=["when"])
    assert plan.numeric == ("age", "visits", "member")
    assert [(one.name, one.datatype) for one in plan.categorical] == [("city", "BYTES")]
    assert plan.columns == ("age", "visits", "member", "city")


def test_whole_numbers_may_be_named_categorical() -> None:
    plan = plan_for(categorical=["visits"])
    assert [(one.name, one.datatype) for one in plan.categorical] == [
        ("visits", "INT64"),
        ("city", "BYTES"),
    ]


def test_a_column_that_only_splits_rows_is_no_feature() -> None:
    split = {"method": "time", "column": "when"}
    assert "when" not in planned(spec_for("wine", split=split), ROWS).columns
    named = spec_for("wine", split=split, features={"numeric": ["when"]})
    assert "when" in planned(named, ROWS).columns


def test_columns_without_steps_get_the_usual_ones() -> None:
    plan = plan_for(step=[{"kind": "log1p", "columns": ["age"]}])
    assert [one.kind for one in plan.steps_of("age", "linear")] == ["log1p"]
    assert [one.kind for one in plan.steps_of("visits", "linear")] == ["impute", "standard"]
    assert [one.kind for one in plan.steps_of("visits", "lightgbm")] == ["impute"]
    assert [one.kind for one in plan.steps_of("city", "lightgbm")] == ["onehot"]


def test_a_step_may_be_of_some_families() -> None:
    steps = [
        {"kind": "impute", "columns": "numeric"},
        {"kind": "power", "columns": "numeric", "families": ["linear"]},
    ]
    plan = plan_for(step=steps)
    assert [one.kind for one in plan.steps_of("age", "linear")] == ["impute", "power"]
    assert [one.kind for one in plan.steps_of("age", "forest")] == ["impute"]


def test_a_plan_comes_back_from_its_file() -> None:
    steps = [{"kind": "clip", "columns": ["age"], "options": {"low": 0}, "families": ["linear"]}]
    plan = plan_for(step=steps, sensitive=["age"], categorical=["visits"])
    assert FeaturePlan.from_json(json.loads(json.dumps(plan.to_json()))) == plan


@pytest.mark.parametrize(
    ("features", "sentence"),
    [
        ({"step": [{"kind": "log1p", "columns": ["city"]}]}, "log1p takes numbers"),
        ({"step": [{"kind": "onehot", "columns": ["age"]}]}, "onehot takes categories"),
        ({"step": [{"kind": "keep", "columns": ["city"]}]}, "add onehot or ordinal"),
        (
            {"drop": ["age"], "step": [{"kind": "log1p", "columns": ["age"]}]},
            "age, which is no feature",
        ),
        (
            {"step": [{"kind": "impute", "columns": ["city"], "options": {"strategy": "mean"}}]},
            "city, which holds text: wanted most_frequent or constant",
        ),
        (
            {"categorical": ["visits"], "step": [{"kind": "impute", "columns": ["visits"]}]},
            "has none that are missing",
        ),
    ],
)
def test_what_does_not_fit_the_columns_is_refused(features: dict[str, Any], sentence: str) -> None:
    with pytest.raises(SpecError, match=sentence):
        plan_for(**features)


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        (["one"], "has 1 names, and the model has 4 numeric"),
        (["one", "two", "three", "city"], "has 'city', which a column of text"),
    ],
)
def test_names_that_do_not_fit_the_columns_are_refused_before_anything_is_trained(
    names: list[str], sentence: str
) -> None:
    spec = spec_for("wine", package={"feature_names": names})
    with pytest.raises(SpecError, match=sentence):
        planned(spec, ROWS)


def test_rows_are_what_the_graph_will_see() -> None:
    plan = plan_for(categorical=["visits"])
    rows = features_of(ROWS, plan)
    assert list(rows.columns) == list(plan.columns)
    assert rows["age"].dtype == np.float32 and rows["age"][0] == np.float32(0.1)
    assert rows["member"].tolist() == [1.0, 0.0]
    assert rows["visits"].dtype == np.int64
    assert rows["city"].tolist() == ["Rom", ""]
    assert target_of(ROWS, plan).tolist() == [0, 1]


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        (["a", "a"], "one class only"),
        (["a", None], "is missing in 1 rows"),
        ([0.5, 1.0], "holds fractions"),
    ],
)
def test_a_target_without_classes_is_refused(values: list[Any], sentence: str) -> None:
    with pytest.raises(DataError, match=sentence):
        classes_of(pd.Series(values), "target")


def test_truth_values_and_whole_floats_are_classes_of_whole_numbers() -> None:
    assert classes_of(pd.Series([True, False]), "target") == (0, 1)
    assert classes_of(pd.Series([2.0, 1.0]), "target") == (1, 2)


def test_a_class_that_did_not_train_is_refused() -> None:
    frame = pd.DataFrame({"target": ["a", "new"]})
    with pytest.raises(DataError, match="1 rows are of classes that no row of the training"):
        target_of(frame, plan_for())


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"target": 1.0}, "is the same in all rows"),
        ({"target": "text"}, "holds text, and the task is regression"),
        ({"target": np.nan}, "missing or infinite|is the same"),
    ],
)
def test_a_target_that_is_no_value_is_refused(
    change: dict[str, Any], sentence: str, tmp_path: Path
) -> None:
    frame = table("diabetes").assign(**change)
    if change["target"] == "text":
        frame["target"] = [f"text {number}" for number in range(len(frame))]
    with pytest.raises(DataError, match=sentence):
        run_steps(spec_for("diabetes"), frame, tmp_path, until="features")


def test_a_binary_task_with_three_classes_is_refused(tmp_path: Path) -> None:
    spec = spec_for("wine", problem={"task": "binary", "metric": "roc_auc"})
    with pytest.raises(DataError, match="has 3 classes: set task to multiclass"):
        run_steps(spec, table("wine"), tmp_path, until="features")
