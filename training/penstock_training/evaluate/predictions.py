# SPDX-License-Identifier: Apache-2.0
"""What a model said of rows, beside what is true of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from penstock_training.errors import DataError
from penstock_training.spec import Task

__all__ = ["Floats", "Integers", "Predictions", "class_numbers", "positive_class"]

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Predictions:
    """n rows of a task with c classes, or of regression."""

    task: Task
    #: The true class's number (n,), as int64; of regression the true value (n,), as float64.
    target: npt.NDArray[Any]
    #: A probability per class (n, c); of regression the predicted value (n,).
    predicted: Floats
    #: Names of the classes, by number.
    classes: tuple[Any, ...] = ()
    #: Of a binary task: the number of the class that is looked for.
    positive: int = 1
    #: What an outcome is worth: see ProblemSpec.values.
    values: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        n = len(self.target)
        wanted = (n,) if self.task == "regression" else (n, len(self.classes))
        if self.predicted.shape != wanted:
            raise ValueError(f"predicted is {self.predicted.shape}: wanted {wanted}")

    def __len__(self) -> int:
        return len(self.target)

    @property
    def labels(self) -> Integers:
        """The number of the likeliest class (n,); of equal ones the first."""
        return np.asarray(np.argmax(self.predicted, axis=1), dtype=np.int64)

    @property
    def scores(self) -> Floats:
        """Of a binary task: the positive class's probability (n,)."""
        scores: Floats = self.predicted[:, self.positive]
        return scores

    def take(self, rows: npt.NDArray[Any]) -> "Predictions":
        """The same of some rows: their numbers, or a truth value for each."""
        return Predictions(
            task=self.task,
            target=self.target[rows],
            predicted=self.predicted[rows],
            classes=self.classes,
            positive=self.positive,
            values=self.values,
        )

    def losses(self) -> Floats:
        """What each row adds to the loss (n,): its log loss in nats, or its squared error."""
        if self.task == "regression":
            squares: Floats = np.square(self.predicted - self.target)
            return squares
        eps = np.finfo(np.float64).eps
        likelihood = self.predicted[np.arange(len(self)), self.target]
        losses: Floats = -np.log(np.clip(likelihood, eps, 1 - eps))
        return losses


def class_numbers(target: Sequence[Any], classes: Sequence[Any]) -> Integers:
    """The number of each row's class (n,).

    Raises:
        DataError: a row is of none of `classes`.
    """
    numbers = {name: number for number, name in enumerate(classes)}
    try:
        return np.fromiter((numbers[name] for name in target), np.int64, len(target))
    except KeyError:
        unknown = sum(name not in numbers for name in target)
        raise DataError(
            f"{unknown} rows are of classes that no row of the training part is of: "
            "split by stratified, or put those rows aside."
        ) from None


def positive_class(classes: Sequence[Any], wanted: str | int | bool | None) -> int:
    """The number of a binary task's positive class. None: the one that sorts last.

    Raises:
        DataError: `wanted` is none of `classes`.
    """
    if wanted is None:
        return len(classes) - 1
    for number, name in enumerate(classes):
        if name == wanted:
            return number
    found = ", ".join(repr(name) for name in classes)
    raise DataError(f"[problem] positive is {wanted!r}: wanted one of the target's {found}.")
