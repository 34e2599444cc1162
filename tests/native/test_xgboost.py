# SPDX-License-Identifier: Apache-2.0
"""Compiled XGBoost models answer what XGBoost does: the sums to the bit, links to 1e-5."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xgboost
from sklearn.datasets import load_breast_cancer, load_iris
from tests.native.agreement import Array, answer, difference, rows_of_diabetes

import penstock.native
from penstock.native.artifact import write_artifact
from penstock.native.compiler import compile_bytes, compile_model
from penstock.native.options import CompileOptions

X, Y = (array.astype(np.float32) for array in rows_of_diabetes())
TYPES = ["q", "c", *"q" * 8]
LINEAR = {"booster": "gblinear"}


def rows(x: Array, y: Array | None = None, *, has_categories: bool = True) -> xgboost.DMatrix:
    types = TYPES if has_categories else None
    return xgboost.DMatrix(x, y, feature_types=types, enable_categorical=True, nthread=1)


def trained(objective: str, **more: Any) -> xgboost.Booster:
    classes = np.digitize(Y, [1, 1.5, 2])
    parameters = {
        "objective": objective, "max_depth": 4, "eta": 0.2, "tree_method": "hist", "nthread": 1,
        "verbosity": 0, **more,
    }  # fmt: skip
    y: Array = Y
    if objective.startswith("multi:"):
        y, parameters["num_class"] = classes, 4
    elif objective.startswith(("binary:", "rank:", "reg:logistic")):
        y = classes > 1
    matrix = rows(X, y, has_categories=has_categories(more))
    if objective == "survival:aft":
        matrix.set_float_info("label_lower_bound", Y)
        matrix.set_float_info("label_upper_bound", Y)
    return xgboost.train(parameters, matrix, 12)


def has_categories(more: dict[str, Any]) -> bool:
    return "multi_strategy" not in more and more.get("booster") != "gblinear"


def both(booster: xgboost.Booster, x: Array, *, form: str, **matrix: Any) -> tuple[Array, Array]:
    """What the compiled model answers, and what the library does."""
    model = compile_bytes(bytes(booster.save_raw(form)))
    right = booster.predict(rows(x, **matrix))
    return answer(model, x), right.reshape(len(x), -1)


@pytest.mark.parametrize("form", ["json", "ubj"])
@pytest.mark.parametrize(
    ("objective", "more"),
    [
        ("reg:squarederror", {}),
        ("reg:squarederror", {"base_score": 0.3}),
        ("reg:squarederror", {"num_parallel_tree": 3, "subsample": 0.5}),
        ("reg:squarederror", {"booster": "dart", "rate_drop": 0.5}),
        ("reg:squarederror", {"max_cat_to_onehot": 99}),
        ("reg:absoluteerror", {}),
        ("reg:quantileerror", {"quantile_alpha": [0.3, 0.6]}),
        ("rank:ndcg", {}),
        ("binary:logitraw", {}),
        ("binary:hinge", {}),
        ("multi:softmax", {}),
        ("multi:softmax", {"multi_strategy": "multi_output_tree"}),
    ],
    ids=str,
)
def test_sums_are_equal_to_the_bit(objective: str, more: dict[str, Any], form: str) -> None:
    booster = trained(objective, **more)
    found, right = both(booster, X, form=form, has_categories=has_categories(more))
    assert np.array_equal(found, right)


@pytest.mark.parametrize(
    ("objective", "more"),
    [
        ("reg:logistic", {}),
        ("reg:gamma", {}),
        ("reg:tweedie", {}),
        ("binary:logistic", {}),
        ("binary:logistic", {"base_score": 0.2}),
        ("count:poisson", {}),
        ("survival:aft", {}),
        ("multi:softprob", {}),
        ("multi:softprob", {"multi_strategy": "multi_output_tree"}),
        ("reg:squarederror", LINEAR),
        ("binary:logistic", LINEAR),
        ("multi:softprob", LINEAR),
    ],
    ids=str,
)
def test_each_objective_gives_the_librarys_predictions(
    objective: str, more: dict[str, Any]
) -> None:
    booster = trained(objective, **more)
    found, right = both(booster, X, form="ubj", has_categories=has_categories(more))
    assert difference(found, right) < 1e-5


def test_categories_that_training_never_saw_go_where_the_library_sends_them() -> None:
    x = X[:6].copy()
    x[:, 1] = [69, 70, 100, 1e7, 3.5, np.nan]
    found, right = both(trained("reg:squarederror"), x, form="json")
    assert np.array_equal(found, right)


def test_several_targets_are_columns() -> None:
    y = np.stack([Y, -Y, Y * Y], axis=1)
    for strategy in ("one_output_per_tree", "multi_output_tree"):
        parameters = {"multi_strategy": strategy, "tree_method": "hist", "nthread": 1}
        booster = xgboost.train(parameters, rows(X, y, has_categories=False), 5)
        found, right = both(booster, X, form="ubj", has_categories=False)
        assert np.array_equal(found, right)


def test_a_classifier_answers_labels_and_probabilities() -> None:
    x, y = load_iris(return_X_y=True)
    classifier = xgboost.XGBClassifier(n_estimators=5, max_depth=3, n_jobs=1).fit(x, y)
    model = compile_model(classifier)
    assert difference(answer(model, x, "probabilities"), classifier.predict_proba(x)) < 1e-5
    assert np.array_equal(answer(model, x, "label").ravel(), classifier.predict(x))


def test_a_stopped_classifier_uses_the_rounds_that_it_predicts_with() -> None:
    x, y = load_breast_cancer(return_X_y=True)
    x[::7, 3] = -999
    classifier = xgboost.XGBClassifier(
        n_estimators=100, max_depth=3, early_stopping_rounds=2, missing=-999, n_jobs=1
    )
    classifier.fit(x[:300], y[:300], eval_set=[(x[300:], y[300:])], verbose=False)
    assert classifier.best_iteration < classifier.get_booster().num_boosted_rounds() - 1
    model = compile_model(classifier)
    assert difference(answer(model, x, "probabilities"), classifier.predict_proba(x)) < 1e-5
    assert np.array_equal(answer(model, x, "label").ravel(), classifier.predict(x))


@pytest.mark.parametrize("booster", ["gbtree", "gblinear"])
def test_a_stopped_classifier_does_so_after_it_was_read_from_a_file(
    booster: str, tmp_path: Path
) -> None:
    x, y = load_breast_cancer(return_X_y=True)
    x /= x.max(axis=0)
    classifier = xgboost.XGBClassifier(
        booster=booster, n_estimators=100, n_jobs=1, verbosity=0,
        callbacks=[xgboost.callback.EarlyStopping(rounds=2, min_delta=1e-3)],
    )  # fmt: skip
    classifier.fit(x[:300], y[:300], eval_set=[(x[300:], y[300:])], verbose=False)
    assert classifier.best_iteration < classifier.get_booster().num_boosted_rounds() - 1
    classifier.save_model(tmp_path / "model.ubj")
    read = xgboost.XGBClassifier()
    read.load_model(tmp_path / "model.ubj")
    for one in (classifier, read):
        model = compile_model(one)
        assert difference(answer(model, x, "probabilities"), one.predict_proba(x)) < 1e-4


def test_a_classifier_that_only_says_which_class_is_loaded_as_well(tmp_path: Path) -> None:
    x, y = load_breast_cancer(return_X_y=True)
    classifier = xgboost.XGBClassifier(objective="binary:hinge", n_estimators=5, n_jobs=1)
    classifier.fit(x, y)
    write_artifact(compile_model(classifier), tmp_path / "model.pnst")
    found = penstock.native.load(tmp_path / "model.pnst").predict(x.astype(np.float32))
    assert np.array_equal(found["probabilities"], classifier.predict_proba(x))
    assert np.array_equal(found["label"].ravel(), classifier.predict(x))


def test_rows_of_float64_are_rounded_as_the_library_does() -> None:
    booster = trained("reg:squarederror")
    model = compile_bytes(bytes(booster.save_raw("ubj")), CompileOptions(input_datatype="FP64"))
    x = X.astype(np.float64) * (1 + 1e-9)
    x[:, 1] = X[:, 1]
    assert np.array_equal(answer(model, x), booster.predict(rows(x)).reshape(-1, 1))
