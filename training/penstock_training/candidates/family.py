# SPDX-License-Identifier: Apache-2.0
"""What a family of models is given to train with, and what it gives back.

A family is a function Training -> Fitted. It trains with `train` alone, looks at `validation` to
know when to stop, and is a function of its arguments: the same rows, parameters, seed and threads
make the same model.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from penstock_training.spec import Task

__all__ = ["Array", "Fitted", "Table", "Training", "Trial"]

Array = npt.NDArray[Any]
#: Told a round and what the model answers for the validation rows then; raises to stop the trial.
Trial = Callable[[int, Array], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """n transformed rows and what is true of them."""

    #: (n, width) float32.
    x: Array
    #: (n,): numbers of classes as int64, or values as float64.
    y: Array
    #: (n,) float64, or None: all rows weigh the same.
    weights: Array | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """One model to train."""

    task: Task
    #: How many classes there are; 0 for regression.
    classes: int
    train: Table
    #: None: the model is trained for `rounds` rounds, whatever they bring.
    validation: Table | None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    #: Of boosting: trees per class. Of nets: passes over the rows.
    rounds: int | None = None
    #: Rounds without gain on the validation rows after which training stops.
    patience: int = 50
    seed: int = 0
    threads: int = 1
    #: None: nobody wants to stop it.
    trial: Trial | None = None
    #: Of family torch: what makes the module.
    torch_module: str | None = None
    #: Where relative modules are looked for.
    folder: str | None = None

    @property
    def is_classifier(self) -> bool:
        """Whether classes are predicted."""
        return self.task != "regression"

    def report(self, round_: int, answers: Callable[[Array], Array]) -> None:
        """Let the trial see how far the model is; `answers` gives its answers for rows."""
        if self.trial is not None and self.validation is not None:
            self.trial(round_, answers(self.validation.x))


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """A trained model."""

    #: Has predict(), and of classes predict_proba() with a column for each number of a class.
    estimator: Any
    #: How many rounds it took; training that long again makes the same model.
    rounds: int | None = None


def balanced_weights(y: Array) -> Array:
    """Weights (n,) that make each class weigh the same, of mean 1: n / (classes * rows of it)."""
    _, places, counts = np.unique(y, return_inverse=True, return_counts=True)
    return np.asarray(len(y) / (len(counts) * counts[places]), np.float64)
