# SPDX-License-Identifier: Apache-2.0
"""Nets of dense layers, scikit-learn's."""

import copy
from functools import partial
from typing import Any

import numpy as np
from sklearn.neural_network import MLPClassifier, MLPRegressor

from penstock_training.candidates.family import Array, Fitted, Training

__all__ = ["fit"]

#: Passes over the rows after which a trial says how far it is.
STEP = 5
#: Passes without gain after which training stops, at most.
PATIENCE_MAX = 20


def fit(training: Training) -> Fitted:
    """Train one, a pass at a time; keep the one whose loss on the validation rows was least."""
    parameters: dict[str, Any] = dict(training.parameters)
    passes = int(parameters.pop("max_iter", 200))
    layers = (int(parameters.pop("width", 64)),) * int(parameters.pop("layers", 1))
    parameters["batch_size"] = min(int(parameters.get("batch_size", 64)), len(training.train.x))
    kind = MLPClassifier if training.is_classifier else MLPRegressor
    # A generator and no number: each pass shuffles the rows otherwise.
    chance = np.random.RandomState(training.seed)
    model: Any = kind(hidden_layer_sizes=layers, random_state=chance, **parameters)
    table, held_out = training.train, training.validation
    x, y = table.x.astype(np.float64), table.y
    shift, scale = (0.0, 1.0) if training.is_classifier else (y.mean(), max(y.std(), 1e-12))
    if not training.is_classifier:
        y = (y - shift) / scale
    first = {"classes": np.arange(training.classes)} if training.is_classifier else {}
    patience = min(training.patience, PATIENCE_MAX)
    best, best_loss, best_weights = 0, np.inf, None
    for done in range(1, (training.rounds or passes) + 1):
        model.partial_fit(x, y, sample_weight=table.weights, **(first if done == 1 else {}))
        if held_out is None:
            best = done
            continue
        answers = _answers(model, held_out.x) * scale + shift
        loss = _loss(answers, held_out.y)
        if loss < best_loss:
            weights = copy.deepcopy((model.coefs_, model.intercepts_))
            best, best_loss, best_weights = done, loss, weights
        if done % STEP == 0:
            training.report(done, partial(_same, answers))
        if done - best >= patience:
            break
    if best_weights is not None:
        model.coefs_, model.intercepts_ = best_weights
    if not training.is_classifier:
        # The last layer takes the target's own scale on itself.
        model.coefs_[-1] = model.coefs_[-1] * scale
        model.intercepts_[-1] = model.intercepts_[-1] * scale + shift
    model.random_state = training.seed
    return Fitted(estimator=model, rounds=max(best, 1))


def _same(answers: Array, _: Array) -> Array:
    return answers


def _answers(model: Any, x: Array) -> Array:
    x = x.astype(np.float64)
    found = model.predict_proba(x) if hasattr(model, "predict_proba") else model.predict(x)
    return np.asarray(found)


def _loss(answers: Array, y: Array) -> float:
    if answers.ndim == 1:
        return float(np.square(answers - y).mean())
    likelihood = answers[np.arange(len(y)), y]
    return float(-np.log(np.maximum(likelihood, 1e-15)).mean())
