# SPDX-License-Identifier: Apache-2.0
"""Features: which columns they are, and the fitted transformation that is served with the model."""

from penstock_training.features.kinds import transformation_of
from penstock_training.features.plan import Categorical, FeaturePlan, PlannedStep, plan_of
from penstock_training.features.rows import features_of, holed, target_of

__all__ = [
    "Categorical",
    "FeaturePlan",
    "PlannedStep",
    "features_of",
    "holed",
    "plan_of",
    "target_of",
    "transformation_of",
]
