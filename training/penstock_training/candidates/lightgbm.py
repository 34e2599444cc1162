# SPDX-License-Identifier: Apache-2.0
"""Gradient boosting by LightGBM."""

from typing import Any

import lightgbm

from penstock_training.candidates.family import Fitted, Training

__all__ = ["fit"]

#: Rounds after which a trial says how far it is.
STEP = 25


def fit(training: Training) -> Fitted:
    """Train one; stop when the validation rows' loss has not fallen for `patience` rounds."""
    parameters: dict[str, Any] = dict(training.parameters)
    if training.rounds is not None:
        parameters["n_estimators"] = training.rounds
    kind = lightgbm.LGBMClassifier if training.is_classifier else lightgbm.LGBMRegressor
    model: Any = kind(
        **parameters,
        subsample_freq=1,
        random_state=training.seed,
        n_jobs=training.threads,
        deterministic=True,
        force_row_wise=True,
        verbosity=-1,
    )
    table, held_out = training.train, training.validation
    if held_out is None:
        model.fit(table.x, table.y, sample_weight=table.weights)
        return Fitted(estimator=model, rounds=training.rounds)

    def tell(environment: Any) -> None:
        done = environment.iteration + 1
        if done % STEP == 0:
            training.report(done, environment.model.predict)

    model.fit(
        table.x,
        table.y,
        sample_weight=table.weights,
        eval_X=held_out.x,
        eval_y=held_out.y,
        callbacks=[lightgbm.early_stopping(training.patience, verbose=False), tell],
    )
    return Fitted(estimator=model, rounds=max(int(model.best_iteration_), 1))
