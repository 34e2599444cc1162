# SPDX-License-Identifier: Apache-2.0
"""The classifier at the end of every fitted pipeline.

Families are trained with numbers of classes. It gives them their names back, and calls the
likeliest class the label, as the served graph does.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin

from penstock_training.candidates.family import Array

__all__ = ["Classifier", "answers_of", "estimator_of"]


class Classifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A fitted classifier by numbers, with the classes' names and calibrated probabilities."""

    def __init__(self, inner: Any, classes: Sequence[Any], calibration: Any = None) -> None:
        self.inner = inner
        self.classes = classes
        self.calibration = calibration

    @property
    def classes_(self) -> Array:
        """The classes' names, by number."""
        is_text = isinstance(self.classes[0], str)
        return np.array(self.classes, dtype=object if is_text else np.int64)

    @property
    def n_features_in_(self) -> int:
        """How many transformed features it takes."""
        return int(self.inner.n_features_in_)

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def fit(self, X: Any, y: Any = None) -> "Classifier":
        """It is made of a fitted classifier: see penstock_training.candidates.search."""
        return self

    def predict_proba(self, X: Any) -> Array:
        """(n, classes) float64."""
        found = np.asarray(self.inner.predict_proba(X), np.float64)
        return found if self.calibration is None else self.calibration.applied(found)

    def predict(self, X: Any) -> Array:
        """The name of the likeliest class (n,); of equal ones the first."""
        return np.asarray(self.classes_[np.argmax(self.predict_proba(X), axis=1)])


def estimator_of(pipeline: Any) -> Any:
    """The family's own estimator within a fitted pipeline: an LGBMClassifier, say."""
    last = pipeline[-1]
    return last.inner if isinstance(last, Classifier) else last


def answers_of(model: Any, rows: Any) -> Array:
    """Probabilities (n, classes), or predicted values (n,), float64."""
    if hasattr(model, "predict_proba"):
        return np.asarray(model.predict_proba(rows), np.float64)
    return np.asarray(model.predict(rows), np.float64).reshape(-1)
