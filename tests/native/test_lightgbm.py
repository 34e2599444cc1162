# SPDX-License-Identifier: Apache-2.0
"""Compiled LightGBM models answer what LightGBM does: the sums to the bit, links to 1e-14."""

from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_iris
from tests.native.agreement import Array, answer, difference, rows_of_diabetes

import penstock.native
from penstock.errors import NotCompiledError
from penstock.native.artifact import CompiledModel, write_artifact
from penstock.native.compiler import compile_bytes, compile_model
from penstock.native.options import CompileOptions

X, Y = rows_of_diabetes()
QUIET = {"verbose": -1, "num_leaves": 9, "min_data_per_group": 5, "cat_smooth": 1, "num_threads": 1}
FOREST = {"boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.5}


def trained(objective: str, **more: Any) -> lightgbm.Booster:
    classes = np.digitize(Y, [1, 1.5, 2])
    targets: dict[str, Array] = {
        "binary": classes > 1, "cross_entropy": classes > 1, "cross_entropy_lambda": classes > 1,
        "multiclass": classes, "multiclassova": classes, "lambdarank": classes,
    }  # fmt: skip
    parameters = {**QUIET, "objective": objective, **more}
    if objective.startswith("multiclass"):
        parameters["num_class"] = 4
    rows = lightgbm.Dataset(
        X,
        targets.get(objective, Y),
        categorical_feature=[1],
        group=[len(X)] if objective == "lambdarank" else None,
    )
    return lightgbm.train(parameters, rows, 12)


def compiled(booster: lightgbm.Booster, **options: Any) -> CompiledModel:
    return compile_bytes(booster.model_to_string().encode(), CompileOptions(**options))


def predictions(booster: lightgbm.Booster, x: Array) -> Array:
    return np.asarray(booster.predict(x, num_threads=1)).reshape(len(x), -1)


def probabilities(classifier: lightgbm.LGBMClassifier, x: Array) -> Array:
    return np.asarray(classifier.predict_proba(x))


@pytest.mark.parametrize(
    "more", [{}, {"zero_as_missing": True}, {"use_missing": False}, {"boosting": "dart"}], ids=str
)
def test_sums_are_equal_to_the_bit(more: dict[str, Any]) -> None:
    booster = trained("regression", **more)
    assert np.array_equal(answer(compiled(booster), X), predictions(booster, X))


@pytest.mark.parametrize(
    ("objective", "more"),
    [
        ("regression_l1", {}),
        ("regression", {"reg_sqrt": True}),
        ("regression", FOREST),
        ("poisson", {}),
        ("gamma", {}),
        ("tweedie", {}),
        ("quantile", {}),
        ("binary", {}),
        ("binary", {"sigmoid": 2.5}),
        ("binary", FOREST),
        ("cross_entropy", {}),
        ("cross_entropy_lambda", {}),
        ("multiclass", {}),
        ("multiclass", FOREST),
        ("multiclassova", {"sigmoid": 0.5}),
        ("lambdarank", {}),
    ],
    ids=str,
)
def test_each_objective_gives_the_librarys_predictions(
    objective: str, more: dict[str, Any]
) -> None:
    booster = trained(objective, **more)
    assert difference(answer(compiled(booster), X), predictions(booster, X)) < 1e-14


def test_categories_that_training_never_saw_go_where_the_library_sends_them() -> None:
    booster = trained("regression")
    x = X[:8].copy()
    x[:, 1] = [-1, -7.5, 69, 70, 71, 1e9, 3.75, np.nan]
    assert np.array_equal(answer(compiled(booster), x), predictions(booster, x))


@pytest.mark.parametrize("datatype", ["FP32", "FP64"])
@pytest.mark.parametrize("more", [{"zero_as_missing": True}, {"use_missing": False}], ids=str)
def test_as_near_to_zero_as_the_library_has_it_is_zero(
    more: dict[str, Any], datatype: str, tmp_path: Path
) -> None:
    edge = np.float64(np.float32(1e-35))
    x = np.array([edge, np.nextafter(edge, 1), np.nextafter(edge, 0), 1e-35, 1e-36, 0, 1e-34])
    x = np.concatenate([x, -x])[:, None]
    if datatype == "FP32":
        x = x.astype(np.float32)
    learnt = np.linspace(-1, 1, 401)[:, None]
    labels = np.where(learnt[:, 0] == 0, 5, np.sign(learnt[:, 0]))
    rows = lightgbm.Dataset(learnt.repeat(9, axis=0), labels.repeat(9))
    booster = lightgbm.train({**QUIET, "objective": "regression", **more}, rows, 3)
    model = compiled(booster, input_datatype=datatype)
    right = predictions(booster, x.astype(np.float64))
    assert np.array_equal(answer(model, x), right)
    write_artifact(model, tmp_path / "model.pnst")
    assert np.array_equal(penstock.native.load(tmp_path / "model.pnst").predict(x), right)


def test_a_model_of_a_single_leaf_compiles() -> None:
    booster = trained("regression", min_data_in_leaf=10_000)
    assert np.array_equal(answer(compiled(booster), X), predictions(booster, X))


def test_the_rounds_up_to_the_best_one_are_those_that_predict_uses() -> None:
    booster = trained("regression")
    booster.best_iteration = 5
    model = compile_model(booster)
    assert np.array_equal(answer(model, X), predictions(booster, X))


def test_fast_models_compute_in_float32() -> None:
    booster = trained("multiclass")
    model = compiled(booster, is_exact=False)
    assert [port.datatype for port in (*model.manifest.inputs, *model.manifest.outputs)] == [
        "FP32", "FP32",
    ]  # fmt: skip
    x = X.astype(np.float32)
    assert difference(answer(model, x), predictions(booster, x)) < 1e-5


def test_rows_of_float32_can_be_added_up_exactly() -> None:
    booster = trained("regression")
    model = compiled(booster, input_datatype="FP32")
    x = X.astype(np.float32)
    assert np.array_equal(answer(model, x), predictions(booster, x))


def test_a_classifier_answers_labels_and_probabilities() -> None:
    x, y = load_iris(return_X_y=True)
    names = np.array(["setosa", "versicolor", "virginica"])[y]
    classifier = lightgbm.LGBMClassifier(n_estimators=5, num_leaves=5, verbose=-1, n_jobs=1)
    classifier.fit(x, names)
    model = compile_model(classifier)
    assert difference(answer(model, x, "probabilities"), probabilities(classifier, x)) < 1e-14
    labels = [one.decode() for one in answer(model, x, "label").ravel()]
    assert labels == list(classifier.predict(x))


def test_a_classifier_of_two_classes_answers_both_probabilities() -> None:
    x, y = load_breast_cancer(return_X_y=True)
    classifier = lightgbm.LGBMClassifier(n_estimators=5, num_leaves=5, verbose=-1, n_jobs=1)
    classifier.fit(x, y + 3)
    model = compile_model(classifier)
    assert difference(answer(model, x, "probabilities"), probabilities(classifier, x)) < 1e-14
    assert np.array_equal(answer(model, x, "label").ravel(), classifier.predict(x))


def test_a_classifier_whose_predict_gives_sums_is_refused() -> None:
    def away_from(labels: Array | None, scores: Array) -> tuple[Array, Array]:
        return scores - np.asarray(labels), np.ones_like(scores)

    x, y = load_breast_cancer(return_X_y=True)
    classifier = lightgbm.LGBMClassifier(n_estimators=3, verbose=-1, objective=away_from)
    classifier.fit(x, y)
    with pytest.raises(NotCompiledError, match=r"an objective of your own.*booster_"):
        compile_model(classifier)
    model = compile_model(classifier.booster_)
    assert np.array_equal(answer(model, x), predictions(classifier.booster_, x))
