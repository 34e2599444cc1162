# SPDX-License-Identifier: Apache-2.0
"""The step profile: of the test part, in time's order where there is one, without secrets."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.doubles.chosen_model import SECRET_ORIGINS, ChosenModel, chosen_model

from penstock.profile import NumericFeature, ReferenceProfile, SensitiveFeature, read_profile
from penstock_training.stages.profile import STEP
from penstock_training.steps import QuietProgress, StepRun


def run(chosen: ChosenModel, folder: Path) -> ReferenceProfile:
    explain = folder / "explain"
    explain.mkdir(parents=True)
    told: Mapping[str, Any] = {
        "permutation": {"columns": [{"column": "debt", "mean": 0.125, "sd": 0.01}]}
    }
    (explain / "explanation.json").write_text(json.dumps(told))
    out = folder / "out"
    out.mkdir()
    inputs = {**chosen.inputs, "explain": explain}
    STEP.run(StepRun(spec=chosen.spec, folder=out, inputs=inputs, progress=QuietProgress()))
    return read_profile(out)


@pytest.mark.parametrize(
    ("task", "answers"),
    [
        ("binary", ("good",)),
        ("multiclass", ("bad", "good", "poor")),
        ("regression", ("prediction",)),
    ],
)
def test_every_task_has_a_profile_of_its_test_part(
    task: str, answers: tuple[str, ...], tmp_path: Path
) -> None:
    chosen = chosen_model(tmp_path / "chosen", task=task, rows=300)
    profile = run(chosen, tmp_path / "run")
    assert (profile.model, profile.rows, profile.answers) == ("loans", 300, answers)
    kinds = {feature.name: feature.kind for feature in profile.features}
    assert kinds == {
        "income": "numeric",
        "debt": "numeric",
        "age": "sensitive",
        "visits": "numeric",
        "city": "categorical",
        "origin": "sensitive",
    }
    [debt] = [one for one in profile.features if one.name == "debt"]
    assert isinstance(debt, NumericFeature) and debt.importance == 0.125
    test = pd.read_parquet(chosen.inputs["split"] / "test.parquet")
    [income] = [one for one in profile.features if one.name == "income"]
    assert isinstance(income, NumericFeature)
    assert income.counts[-2] == test["income"].isna().sum()
    text = (tmp_path / "run" / "out" / "profile.json").read_text()
    assert [secret for secret in (*SECRET_ORIGINS, ".4242") if secret in text] == []


def test_columns_are_called_as_in_the_package(tmp_path: Path) -> None:
    tables = {"package": {"feature_names": ["one", "two", "three", "four"]}}
    profile = run(chosen_model(tmp_path / "chosen", tables=tables), tmp_path / "run")
    names = [feature.name for feature in profile.features]
    assert names == ["one", "two", "three", "four", "city", "origin"]
    [two] = [one for one in profile.features if one.name == "two"]
    assert isinstance(two, NumericFeature) and two.importance == 0.125


def test_sensitive_texts_that_are_missing_are_counted(tmp_path: Path) -> None:
    chosen = chosen_model(tmp_path / "chosen", rows=300)
    path = chosen.inputs["split"] / "test.parquet"
    test = pd.read_parquet(path)
    test.loc[:9, "origin"] = None
    test.to_parquet(path)
    profile = run(chosen, tmp_path / "run")
    [origin] = [one for one in profile.features if one.name == "origin"]
    assert isinstance(origin, SensitiveFeature) and origin.missing == 10


def test_rows_of_a_split_by_time_tell_how_much_they_swing(tmp_path: Path) -> None:
    tables = {"split": {"method": "time", "column": "day"}}
    chosen = chosen_model(tmp_path / "chosen", rows=1700, tables=tables)
    path = chosen.inputs["split"] / "test.parquet"
    test = pd.read_parquet(path)
    # In the order of time, debts come in long stretches of the same size.
    test["day"] = np.argsort(np.argsort(test["debt"].to_numpy() // 10, kind="stable"))
    test.to_parquet(path)
    profile = run(chosen, tmp_path / "run")
    swings = {
        one.name: one.overdispersion for one in profile.features if isinstance(one, NumericFeature)
    }
    assert swings["debt"] is not None and swings["debt"] > 2
    assert swings["visits"] == pytest.approx(1.0, abs=0.2)
