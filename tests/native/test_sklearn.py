# SPDX-License-Identifier: Apache-2.0
"""Compiled estimators of scikit-learn answer what scikit-learn does to rows of float32.

Probabilities are float32: what is near 0 because its complement is near 1 has an error of 1e-7.
"""

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.ensemble import (
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import (
    LinearRegression,
    LogisticRegression,
    PoissonRegressor,
    Ridge,
    RidgeClassifier,
)
from sklearn.neighbors import LocalOutlierFactor
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, StandardScaler
from tests.native.agreement import Array, answer, difference

from penstock.errors import NotCompiledError
from penstock.native.compiler import compile_model
from penstock.native.reference import evaluate

CLASSIFIERS = [
    LogisticRegression(max_iter=3000),
    make_pipeline(StandardScaler(), LogisticRegression()),
    make_pipeline(SimpleImputer(), MinMaxScaler(), MLPClassifier((8, 5), max_iter=20)),
    RandomForestClassifier(8, random_state=1),
    ExtraTreesClassifier(8, max_depth=5, random_state=1),
    GradientBoostingClassifier(n_estimators=5, random_state=1),
    HistGradientBoostingClassifier(max_iter=8, random_state=1),
    make_pipeline(SimpleImputer(), HistGradientBoostingClassifier(max_iter=4)),
]
REGRESSORS = [
    LinearRegression(),
    PoissonRegressor(),
    make_pipeline(StandardScaler(), Ridge()),
    MLPRegressor(hidden_layer_sizes=(8,), max_iter=20, random_state=1),
    RandomForestRegressor(8, random_state=1),
    GradientBoostingRegressor(n_estimators=5, random_state=1),
    HistGradientBoostingRegressor(max_iter=8, random_state=1),
]


@pytest.fixture(autouse=True)
def of_short_training() -> Iterator[None]:
    """scikit-learn warns where training stops early, and skl2onnx where numpy changes."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def rows(load: Any) -> tuple[Array, Array]:
    x, y = load(return_X_y=True)
    return x.astype(np.float32), y


@pytest.mark.parametrize("load", [load_breast_cancer, load_iris])
@pytest.mark.parametrize("estimator", CLASSIFIERS, ids=str)
def test_a_classifier_answers_labels_and_probabilities(estimator: Any, load: Any) -> None:
    x, y = rows(load)
    estimator.fit(x, y)
    found = evaluate(compile_model(estimator), {"input": x})
    assert np.array_equal(found["label"].ravel(), estimator.predict(x))
    np.testing.assert_allclose(
        found["probabilities"], estimator.predict_proba(x), rtol=1e-5, atol=3e-7
    )


@pytest.mark.parametrize("estimator", REGRESSORS, ids=str)
def test_a_regressor_answers_its_predictions(estimator: Any) -> None:
    x, y = rows(load_diabetes)
    estimator.fit(x, y)
    found = answer(compile_model(estimator), x, "variable")
    assert difference(found.ravel(), estimator.predict(x)) < 1e-5


def test_a_threshold_between_two_floats_sends_both_where_they_belong() -> None:
    below = np.float32(1)
    above = np.nextafter(below, np.float32(2))
    x = np.repeat([[below], [above]], 40, axis=0)
    y = np.repeat([0.0, 1.0], 40)
    model = HistGradientBoostingRegressor(max_iter=1, learning_rate=1.0).fit(x, y)
    (threshold, *_) = model._predictors[0][0].nodes["num_threshold"]
    assert below < threshold < above
    found = answer(compile_model(model), x, "variable").ravel()
    assert difference(found, model.predict(x)) < 1e-6


def test_missing_values_go_where_histogram_trees_send_them() -> None:
    x, y = rows(load_diabetes)
    x[::4, 2] = np.nan
    x[::5, 8] = np.nan
    model = HistGradientBoostingRegressor(max_iter=8).fit(x, y)
    assert difference(answer(compile_model(model), x, "variable").ravel(), model.predict(x)) < 1e-5


def test_the_model_that_is_compiled_stays_as_it_was() -> None:
    x, y = rows(load_diabetes)
    model = make_pipeline(StandardScaler(), HistGradientBoostingRegressor(max_iter=3)).fit(x, y)
    before = model[-1]._predictors[0][0].nodes.copy()
    compile_model(model)
    assert np.array_equal(model[-1]._predictors[0][0].nodes, before)


def test_labels_may_be_words() -> None:
    x, y = rows(load_iris)
    names = np.array(["setosa", "versicolor", "virginica"])[y]
    model = LogisticRegression(max_iter=3000).fit(x, names)
    labels = answer(compile_model(model), x, "label").ravel()
    assert [one.decode() for one in labels] == model.predict(x).tolist()


def test_an_example_gives_the_rows_their_type() -> None:
    words = np.array([["red", "wide"], ["blue", "wide"], ["green", "flat"], ["red", "flat"]] * 9)
    y = np.arange(len(words)) % 4
    model = make_pipeline(OneHotEncoder(handle_unknown="ignore"), Ridge()).fit(words, y)
    compiled = compile_model(model, example=words)
    rows = np.array([[b"red", b"flat"], [b"blue", b"unseen"]], object)
    found = answer(compiled, rows, "variable").ravel()
    right = model.predict(np.array([["red", "flat"], ["blue", "unseen"]]))
    assert difference(found, right) < 1e-5


@pytest.mark.parametrize(
    ("model", "sentence"),
    [
        (LogisticRegression(), "the model is not trained, or does not say how many features"),
        (LocalOutlierFactor(), "skl2onnx cannot export LocalOutlierFactor"),
    ],
    ids=lambda one: type(one).__name__,
)
def test_what_cannot_be_exported_is_refused_in_a_sentence(model: Any, sentence: str) -> None:
    if isinstance(model, LocalOutlierFactor):
        model.fit(rows(load_iris)[0])
    with pytest.raises(NotCompiledError, match=sentence):
        compile_model(model)


def test_scores_without_probabilities_have_a_native_form_too() -> None:
    x, y = rows(load_iris)
    model = RidgeClassifier().fit(x, y)
    assert np.array_equal(answer(compile_model(model), x, "label").ravel(), model.predict(x))
