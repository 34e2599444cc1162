# SPDX-License-Identifier: Apache-2.0
import subprocess
import sys
from typing import Any

import numpy as np
import onnxruntime
import pandas as pd
import pytest
import skl2onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, RobustScaler, StandardScaler
from tests.training.tables import planned, spec_for, table

from penstock_training.candidates.chosen import pipeline_of
from penstock_training.candidates.tables import parts_of, transformed_for
from penstock_training.errors import CandidateError, SpecError
from penstock_training.export import exported
from penstock_training.export.converters import OPSETS, register_converters
from penstock_training.export.proof import prove
from penstock_training.features import features_of
from penstock_training.features.kinds import MAKERS
from penstock_training.features.transformers import Bins, Clip, Log1p, Scale
from penstock_training.spec.feature_kinds import KINDS, UNSERVED

#: One use of every kind, of columns of the table wine with text.
STEPS: dict[str, dict[str, Any]] = {
    "keep": {"columns": ["hue"]},
    "impute": {"columns": "numeric", "options": {"strategy": "mean"}},
    "standard": {"columns": "numeric"},
    "minmax": {"columns": "numeric", "options": {"feature_range": [-1, 1]}},
    "maxabs": {"columns": "numeric"},
    "robust": {"columns": "numeric", "options": {"quantile_range": [10.0, 90.0]}},
    "power": {"columns": ["hue", "flavanoids"]},
    "log1p": {"columns": ["proline", "magnesium"]},
    "clip": {"columns": ["hue", "ash"], "options": {"low": 1.0, "high_quantile": 0.9}},
    "bins": {"columns": ["hue", "ash"], "options": {"n_bins": 4}},
    "binarize": {"columns": ["hue"], "options": {"threshold": 1.0}},
    "polynomial": {"columns": ["hue", "ash", "magnesium"], "options": {"degree": 2}},
    "normalize": {"columns": "numeric", "options": {"norm": "l2"}},
    "pca": {"columns": "numeric", "options": {"n_components": 3}},
    "onehot": {"columns": ["colour"], "options": {"drop": "first"}},
    "ordinal": {"columns": "categorical"},
}


def proof(
    steps: list[dict[str, Any]], frame: pd.DataFrame, family: str = "linear"
) -> dict[str, Any]:
    spec = spec_for("wine", features={"categorical": ["rank"], "step": steps})
    train, validation, test = frame[:100], frame[100:140], frame[140:]
    plan = planned(spec, train)
    rows = transformed_for(family, parts_of(train, validation, plan), plan, class_weight=None)
    pipeline = pipeline_of(family, {}, None, rows, spec, plan)
    return prove(pipeline, exported(pipeline, plan, "x"), features_of(test, plan), plan, seed=0)


def test_each_kind_has_a_maker_and_a_use_here() -> None:
    assert set(MAKERS) == set(KINDS) - {"keep"}
    assert set(STEPS) == set(KINDS)
    assert not set(KINDS) & set(UNSERVED)


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_served_as_it_was_fitted(kind: str) -> None:
    frame = table("wine", with_text=True)
    frame["alcohol"] = frame["alcohol"].fillna(13.0)
    found = proof([{"kind": kind, **STEPS[kind]}], frame)
    assert found["rows"]["rows_beyond"] == found["rows"]["labels_beyond"] == 0


@pytest.mark.parametrize(
    "scaler",
    [
        StandardScaler(),
        StandardScaler(with_std=False),
        RobustScaler(with_centering=False),
        MaxAbsScaler(),
        MinMaxScaler(feature_range=(-1, 1)),
    ],
    ids=str,
)
def test_scaled_numbers_are_served_to_the_last_digit(scaler: Any) -> None:
    x = np.random.default_rng(0).normal(3, 2, (500, 4)).astype(np.float32)
    x[7, 2] = np.nan
    scale = Scale(scaler).fit(x)
    scaled = scale.transform(x)
    assert scaled.dtype == np.float32
    np.testing.assert_allclose(scaled, scaler.fit_transform(x), rtol=1e-5, atol=1e-5)
    register_converters()
    types = [("x", FloatTensorType([None, 4]))]
    graph = skl2onnx.convert_sklearn(scale, initial_types=types, target_opset=OPSETS)
    session = onnxruntime.InferenceSession(graph.SerializeToString())
    np.testing.assert_array_equal(session.run(None, {"x": x})[0], scaled)


def test_steps_follow_each_other_as_written() -> None:
    steps: list[dict[str, Any]] = [
        {"kind": "impute", "columns": "numeric"},
        {"kind": "clip", "columns": "numeric", "options": {"low_quantile": 0.02, "high": 2000}},
        {"kind": "log1p", "columns": ["proline"]},
        {"kind": "standard", "columns": "numeric"},
        {"kind": "impute", "columns": ["colour"], "options": {"strategy": "constant"}},
        {"kind": "onehot", "columns": "categorical"},
    ]
    found = proof(steps, table("wine", with_text=True))
    assert found["rows"]["rows_beyond"] == found["holed"]["rows_beyond"] == 0


@pytest.mark.parametrize("family", ["forest", "lightgbm", "xgboost"])
def test_trees_take_missing_numbers_as_they_are(family: str) -> None:
    steps = [{"kind": "keep", "columns": "numeric"}]
    found = proof(steps, table("wine", with_text=True), family)
    assert found["rows"]["rows_beyond"] == found["holed"]["rows_beyond"] == 0


def test_missing_numbers_that_a_family_does_not_take_are_refused() -> None:
    steps = [{"kind": "standard", "columns": "numeric"}]
    with pytest.raises(CandidateError, match="does not take: add the step impute"):
        proof(steps, table("wine", with_text=True))


def test_rows_that_a_step_cannot_be_fitted_to_are_refused() -> None:
    frame = table("wine", with_text=True).assign(hue=-5.0)
    with pytest.raises(CandidateError, match="log1p takes numbers greater than -1"):
        proof([{"kind": "log1p", "columns": ["hue"]}], frame)


@pytest.mark.parametrize(
    ("step", "sentence"),
    [
        ({"kind": "spline"}, "spline has no ONNX converter, so it could not be served: use bins"),
        ({"kind": "feature_engine.RareLabelEncoder"}, "feature_engine.RareLabelEncoder has no ONN"),
        ({"kind": "nonsense"}, "nonsense has no ONNX converter.*use one of keep, impute"),
        ({"kind": "onehot", "options": {"min_frequency": 3}}, "has no option min_frequency that"),
        ({"kind": "bins", "options": {"encode": "onehot"}}, "bins with encode = 'onehot' has no"),
        ({"kind": "standard", "columns": "all"}, 'standard has columns = "all"'),
        ({"kind": "standard", "columns": []}, "standard has no columns"),
    ],
)
def test_a_step_that_cannot_be_served_is_refused_by_name(
    step: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(SpecError, match=sentence):
        spec_for("wine", features={"step": [{"columns": ["hue"], **step}]})


def test_a_spec_is_checked_without_a_library_of_models() -> None:
    program = (
        "import sys, penstock_training.spec; "
        "heavy = {'numpy', 'pandas', 'sklearn', 'skl2onnx', 'onnx', 'optuna'}; "
        "print(sorted(heavy & set(sys.modules)))"
    )
    found = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    assert found.stdout.strip() == "[]"


def test_bins_hold_each_row_once_and_rows_on_an_edge_belong_to_the_upper_one() -> None:
    x = np.arange(8, dtype=np.float32)[:, None]
    bins = Bins(n_bins=4, strategy="uniform").fit(x)
    made = bins.transform(x)
    assert made.shape == (8, 4)
    assert (made.sum(axis=1) == 1).all()
    ordinal = Bins(n_bins=4, strategy="uniform", encode="ordinal").fit(x)
    assert ordinal.transform(x)[:, 0].tolist() == made.argmax(axis=1).tolist()
    edge = ordinal.edges_[0][0]
    assert ordinal.transform(np.array([[edge]]))[0, 0] == 1


def test_clip_and_log1p_keep_what_is_missing() -> None:
    x = np.array([[np.nan], [5.0]], np.float32)
    for one in (Clip(low=0, high=2).fit(x), Log1p().fit(x)):
        assert np.isnan(one.transform(x)[0, 0])


def test_a_bound_below_the_other_is_refused() -> None:
    with pytest.raises(ValueError, match="low bound above"):
        Clip(low=2, high=1).fit(np.zeros((3, 1), np.float32))
