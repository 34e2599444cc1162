# SPDX-License-Identifier: Apache-2.0
"""Gradient boosting by XGBoost."""

from typing import Any

import xgboost

from penstock_training.candidates.family import Fitted, Training

__all__ = ["fit"]

#: Rounds after which a trial says how far it is.
STEP = 25


class _Watch(xgboost.callback.TrainingCallback):
    """Says how far a trial is."""

    def __init__(self, training: Training) -> None:
        super().__init__()
        self._training = training

    def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
        """Never stops the training itself."""
        if (epoch + 1) % STEP == 0:
            self._training.report(epoch + 1, model.inplace_predict)
        return False


def fit(training: Training) -> Fitted:
    """Train one; stop when the validation rows' loss has not fallen for `patience` rounds."""
    parameters: dict[str, Any] = dict(training.parameters)
    if training.rounds is not None:
        parameters["n_estimators"] = training.rounds
    held_out = training.validation
    if training.is_classifier:
        # The score that it starts from is 0, as its converter to ONNX has it of all models.
        parameters["base_score"] = 0.5
    kind = xgboost.XGBClassifier if training.is_classifier else xgboost.XGBRegressor
    model: Any = kind(
        **parameters,
        tree_method="hist",
        random_state=training.seed,
        n_jobs=training.threads,
        verbosity=0,
        early_stopping_rounds=None if held_out is None else training.patience,
        callbacks=None if held_out is None else [_Watch(training)],
    )
    table = training.train
    watched: dict[str, Any] = (
        {} if held_out is None else {"eval_set": [(held_out.x, held_out.y)], "verbose": False}
    )
    model.fit(table.x, table.y, sample_weight=table.weights, **watched)
    model.set_params(callbacks=None)
    if held_out is None:
        return Fitted(estimator=model, rounds=training.rounds)
    return Fitted(estimator=model, rounds=int(model.best_iteration) + 1)
