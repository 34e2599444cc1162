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
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import (
    BaggingRegressor,
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
    VotingRegressor,
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
from sklearn.tree import DecisionTreeRegressor
from tests.native.agreement import Array, answer, difference

from penstock.errors import NotCompiledError
from penstock.native.compiler import compile_model
from penstock.native.reference import evaluate
from penstock.native.sources.sklearn_trial import try_out

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


@pytest.mark.parametrize(
    "model",
    [
        DecisionTreeRegressor(random_state=1),
        RandomForestRegressor(8, random_state=1),
        ExtraTreesRegressor(8, max_depth=4, random_state=1),
        make_pipeline(MinMaxScaler(), BaggingRegressor(n_estimators=3, random_state=1)),
    ],
    ids=str,
)
@pytest.mark.parametrize("holes_when_trained", [True, False])
def test_missing_values_go_where_trees_send_them(model: Any, holes_when_trained: bool) -> None:
    x, y = rows(load_diabetes)
    holed = np.where(np.random.default_rng(1).random(x.shape) < 0.2, np.float32(np.nan), x)
    model.fit(holed if holes_when_trained else x, y)
    found = answer(compile_model(model), holed, "variable").ravel()
    # A scaled number may lie on a threshold.
    assert np.mean(np.abs(found - model.predict(holed)) > 1e-4 * np.abs(found)) < 0.02


def test_classes_too_are_those_of_trees_with_missing_values() -> None:
    x, y = rows(load_iris)
    x[::3, 2] = np.nan
    x[::4, 3] = np.nan
    model = RandomForestClassifier(9, random_state=1).fit(x, y)
    found = evaluate(compile_model(model), {"input": x})
    assert np.array_equal(found["label"].ravel(), model.predict(x))
    np.testing.assert_allclose(found["probabilities"], model.predict_proba(x), atol=1e-6)


@pytest.mark.parametrize("loss", ["poisson", "gamma", "quantile", "absolute_error"])
@pytest.mark.parametrize("is_piped", [False, True])
def test_each_loss_of_histogram_trees_has_its_link(loss: str, is_piped: bool) -> None:
    x, y = rows(load_diabetes)
    quantile = 0.7 if loss == "quantile" else None
    model: Any = HistGradientBoostingRegressor(max_iter=5, loss=loss, quantile=quantile)
    if is_piped:
        model = make_pipeline(SimpleImputer(), model)
    model.fit(x, y)
    assert difference(answer(compile_model(model), x, "variable").ravel(), model.predict(x)) < 1e-5


@pytest.mark.parametrize("load", [load_breast_cancer, load_iris])
def test_discriminants_give_their_own_probabilities(load: Any) -> None:
    x, y = rows(load)
    model = LinearDiscriminantAnalysis().fit(x, y)
    found = evaluate(compile_model(model), {"input": x})
    assert np.array_equal(found["label"].ravel(), model.predict(x))
    np.testing.assert_allclose(found["probabilities"], model.predict_proba(x), atol=1e-5)


def with_columns_of_holes() -> Any:
    return make_pipeline(SimpleImputer(add_indicator=True), Ridge())


def of_categories() -> Any:
    return HistGradientBoostingRegressor(max_iter=3, categorical_features=[1])


def of_two_models() -> Any:
    half = HistGradientBoostingRegressor(max_iter=3, loss="poisson")
    return VotingRegressor([("half", half), ("other", Ridge())])


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (with_columns_of_holes, "leaves out the columns that add_indicator=True of SimpleImputer"),
        (of_categories, r"tests for categories \(categorical_features\)"),
        (of_two_models, "leaves out the exponential of HistGradientBoostingRegressor"),
    ],
    ids=lambda one: getattr(one, "__name__", ""),
)
def test_what_the_exporter_leaves_out_is_refused_in_a_sentence(make: Any, sentence: str) -> None:
    x, y = rows(load_diabetes)
    x[:, 1] = np.arange(len(x)) % 5
    x[::9, 0] = np.nan if make is with_columns_of_holes else 0
    with pytest.raises(NotCompiledError, match=sentence):
        compile_model(make().fit(x, y + 500 * (x[:, 1] % 2)))


def test_an_export_that_answers_otherwise_is_refused() -> None:
    x, y = rows(load_diabetes)
    compiled = compile_model(Ridge().fit(x, y))
    model = Ridge().fit(x, 2 * y)
    with pytest.raises(NotCompiledError, match="answers otherwise than Ridge does: 64 of"):
        try_out(compiled, model)
    with pytest.raises(NotCompiledError, match="answers otherwise than Ridge does: 3 of 3 rows"):
        try_out(compiled, model, x[:3])


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
