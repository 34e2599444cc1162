# SPDX-License-Identifier: Apache-2.0
"""Writes the models that CatBoost exported as ONNX, and its own answers, beside this script.

CatBoost's wheel is too large for the tests' environment. In one of its own:

    pip install catboost==1.2.10 scikit-learn
    python tests/native/catboost_models/make.py

Run it after a change and check the files in: test_catboost.py holds compiled models against them.
"""

from pathlib import Path
from typing import Any

import numpy as np
from catboost import CatBoostClassifier, CatBoostRegressor
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris

HERE = Path(__file__).parent
ROWS = 40


def write(name: str, model: Any, x: Any, y: Any) -> None:
    """Trains, exports, and keeps the library's answers to some rows."""
    x = x.astype(np.float32)
    x[::5, 1] = np.nan
    model.fit(x, y)
    model.save_model(str(HERE / f"{name}.onnx"), format="onnx")
    rows = x[:: len(x) // ROWS]
    prediction = model.predict(rows)
    if prediction.dtype == object:
        prediction = prediction.astype(str)
    answers = {"prediction": prediction}
    if hasattr(model, "predict_proba"):
        answers["probabilities"] = model.predict_proba(rows)
    np.savez_compressed(HERE / f"{name}.npz", rows=rows, **answers)


def main() -> None:
    """All of them."""
    form = {
        "iterations": 8, "depth": 3, "thread_count": 1, "random_seed": 3, "verbose": False,
        "allow_writing_files": False,
    }  # fmt: skip
    x, y = load_iris(return_X_y=True)
    write("regressor", CatBoostRegressor(**form), *load_diabetes(return_X_y=True))
    write("binary", CatBoostClassifier(**form), *load_breast_cancer(return_X_y=True))
    write("multiclass", CatBoostClassifier(**form), x, y)
    names = np.array(["setosa", "versicolor", "virginica"])
    write("words", CatBoostClassifier(**form), x, names[y])


if __name__ == "__main__":
    main()
