# SPDX-License-Identifier: Apache-2.0
"""Models that CatBoost exported answer what CatBoost does; catboost_models/make.py wrote both."""

from pathlib import Path

import numpy as np
import pytest
from tests.native.agreement import difference

from penstock.errors import NotCompiledError
from penstock.native.compiler import compile_file, compile_model
from penstock.native.reference import evaluate

MODELS = Path(__file__).parent / "catboost_models"


@pytest.mark.parametrize("name", ["binary", "multiclass", "words"])
def test_a_classifier_answers_labels_and_probabilities(name: str) -> None:
    right = np.load(MODELS / f"{name}.npz")
    found = evaluate(compile_file(MODELS / f"{name}.onnx"), {"features": right["rows"]})
    assert difference(found["probabilities"], right["probabilities"]) < 1e-5
    labels = [one.decode() if isinstance(one, bytes) else one for one in found["label"].tolist()]
    assert labels == right["prediction"].ravel().tolist()


def test_a_regressor_answers_its_predictions() -> None:
    right = np.load(MODELS / "regressor.npz")
    model = compile_file(MODELS / "regressor.onnx")
    found = evaluate(model, {"features": right["rows"]})["predictions"]
    assert difference(found.ravel(), right["prediction"]) < 1e-5
    assert model.manifest.source == "ONNX of CatBoost, opset ai.onnx.ml 2"


class Exporter:
    """What the compiler uses of an object of CatBoost."""

    def __init__(self, content: bytes | None) -> None:
        self.content = content

    def save_model(self, path: str, format: str) -> None:
        assert format == "onnx"
        if self.content is None:
            raise RuntimeError("model.cpp:7: categorical features are not supported")
        Path(path).write_bytes(self.content)


Exporter.__module__ = "catboost.core"


def test_an_object_is_compiled_from_what_it_exports() -> None:
    right = np.load(MODELS / "regressor.npz")
    model = compile_model(Exporter((MODELS / "regressor.onnx").read_bytes()))
    found = evaluate(model, {"features": right["rows"]})["predictions"]
    assert difference(found.ravel(), right["prediction"]) < 1e-5


def test_what_catboost_refuses_to_export_is_said() -> None:
    with pytest.raises(NotCompiledError, match="CatBoost cannot write it as ONNX: "):
        compile_model(Exporter(None))
