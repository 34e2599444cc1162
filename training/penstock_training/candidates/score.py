# SPDX-License-Identifier: Apache-2.0
"""How good answers are by the spec's own metric, and the direction in which it gets better."""

import math

import numpy as np

from penstock_training.candidates.family import Array
from penstock_training.evaluate.metrics import score
from penstock_training.evaluate.predictions import Predictions, positive_class
from penstock_training.features.plan import FeaturePlan
from penstock_training.spec import PipelineSpec
from penstock_training.spec.problem import is_loss

__all__ = ["Scorer"]


class Scorer:
    """Scores answers for rows by [problem] metric."""

    def __init__(self, spec: PipelineSpec, plan: FeaturePlan) -> None:
        self._problem = spec.problem
        self._classes = plan.classes
        self._positive = 1
        if spec.problem.task == "binary":
            self._positive = positive_class(plan.classes, spec.problem.positive)

    @property
    def is_loss(self) -> bool:
        """Whether less is better."""
        return is_loss(self._problem.metric)

    @property
    def worst(self) -> float:
        """What stands for a score that is not defined."""
        return math.inf if self.is_loss else -math.inf

    def __call__(self, target: Array, answers: Array) -> float:
        """The metric of rows (n,) and probabilities (n, classes) or predicted values (n,).

        Of two classes the second's probability (n,) is enough.
        """
        if self._classes and answers.ndim == 1:
            answers = np.column_stack([1 - answers, answers])
        found = score(
            self._problem.metric,
            Predictions(
                task=self._problem.task,
                target=target,
                predicted=np.asarray(answers, np.float64),
                classes=self._classes,
                positive=self._positive,
                values=self._problem.values,
            ),
        )
        return found if math.isfinite(found) else self.worst

    def is_better(self, one: float, other: float) -> bool:
        """Whether `one` is the better score."""
        return one < other if self.is_loss else one > other
