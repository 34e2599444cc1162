# SPDX-License-Identifier: Apache-2.0
"""Linear models: logistic regression, and ridge regression."""

import warnings
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, Ridge

from penstock_training.candidates.family import Fitted, Training

__all__ = ["fit"]


def fit(training: Training) -> Fitted:
    """Train one. In float64: the search for the optimum stalls in float32."""
    parameters: dict[str, Any] = dict(training.parameters)
    model: Any = LogisticRegression(**parameters) if training.is_classifier else Ridge(**parameters)
    table = training.train
    with warnings.catch_warnings():
        # An optimum that is not quite reached shows in the score.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(table.x.astype(np.float64), table.y, sample_weight=table.weights)
    return Fitted(estimator=model)
