# SPDX-License-Identifier: Apache-2.0
"""Trains the model that a search has found, once more, and joins it to its transformation."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sklearn.pipeline import Pipeline

from penstock_training.candidates.calibration import calibrated
from penstock_training.candidates.model import Classifier, answers_of
from penstock_training.candidates.outcome import TrialSetting, training_of
from penstock_training.candidates.table import fit_family
from penstock_training.candidates.tables import Transformed
from penstock_training.features import FeaturePlan
from penstock_training.spec import PipelineSpec

__all__ = ["pipeline_of"]


def pipeline_of(
    family: str,
    parameters: Mapping[str, Any],
    rounds: int | None,
    rows: Transformed,
    spec: PipelineSpec,
    plan: FeaturePlan,
) -> Pipeline:
    """A fitted pipeline: it takes the frame of features_of(), and answers as the trial did.

    `rounds`: after how many the trial's training stopped.
    """
    setting = TrialSetting(family=family, rows=rows, spec=spec, plan=plan)
    training = training_of(setting, parameters)
    fitted = fit_family(family, replace(training, validation=None, rounds=rounds))
    model = fitted.estimator
    if plan.is_classifier:
        calibration = None
        if spec.candidates.calibration is not None:
            held_out = rows.validation
            calibration = calibrated(
                spec.candidates.calibration, answers_of(model, held_out.x), held_out.y
            )
        model = Classifier(model, plan.classes, calibration)
    return Pipeline([("features", rows.transformation), ("model", model)])
