# SPDX-License-Identifier: Apache-2.0
"""Random forests."""

from typing import Any

from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

from penstock_training.candidates.family import Fitted, Training

__all__ = ["fit"]

#: Trees after which a trial says how far it is.
STEP = 25


def fit(training: Training) -> Fitted:
    """Train one, some trees at a time."""
    parameters: dict[str, Any] = dict(training.parameters)
    trees = int(parameters.pop("n_estimators", 100))
    kind = RandomForestClassifier if training.is_classifier else RandomForestRegressor
    model: Any = kind(
        **parameters,
        n_estimators=0,
        random_state=training.seed,
        n_jobs=training.threads,
        warm_start=True,
    )
    table = training.train
    answers = "predict_proba" if training.is_classifier else "predict"
    for count in [*range(STEP, trees, STEP), trees]:
        model.n_estimators = count
        model.fit(table.x, table.y, sample_weight=table.weights)
        # Threads add up their trees' answers in whatever order they are ready.
        model.n_jobs = 1
        if count < trees:
            training.report(count, getattr(model, answers))
            model.n_jobs = training.threads
    model.warm_start = False
    return Fitted(estimator=model)
