# SPDX-License-Identifier: Apache-2.0
"""Candidates: families of models, the search of each, and the model that is chosen."""

from penstock_training.candidates.family import Fitted, Training, Trial
from penstock_training.candidates.model import Classifier, answers_of, estimator_of
from penstock_training.candidates.table import fit_family

__all__ = [
    "Classifier",
    "Fitted",
    "Training",
    "Trial",
    "answers_of",
    "estimator_of",
    "fit_family",
]
