# SPDX-License-Identifier: Apache-2.0
"""What a model said of held-out rows, and how far that was from what was true."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from penstock.errors import ProfileError
from penstock_monitoring.held_out import Floats

__all__ = ["Asked", "asked_of"]

#: Of a probability in a logarithm.
PROBABILITY_MIN = 1e-15


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Parts of a Reference; see there."""

    answers: tuple[str | int, ...] = ()
    answered: Floats | None = None
    losses: Floats | None = None
    truth: npt.NDArray[Any] | None = None
    classes: tuple[str | int, ...] = ()


def asked_of(
    answered: Mapping[str, Floats], answers: Sequence[str | int], truth: npt.NDArray[Any] | None
) -> Asked:
    """What n rows' predictions (n,), by column, and true values (n,) make of a reference.

    `answers`: the class whose probability each column is, in their order; none: the one column is
    the prediction of a regression. The loss is the log loss in nats, or the squared error; without
    predictions, or without true values, there is none.

    Raises:
        ProfileError: they do not belong together.
    """
    if not answered:
        if truth is None:
            return Asked()
        raise ProfileError("a target tells nothing without predictions: name their columns too.")
    stacked = np.column_stack(list(answered.values())).astype(np.float64)
    if not np.isfinite(stacked).all():
        raise ProfileError(
            "predictions are missing or infinite in some rows: leave those rows out."
        )
    return _classified(stacked, answers, truth) if answers else _estimated(stacked, truth)


def _estimated(answered: Floats, truth: npt.NDArray[Any] | None) -> Asked:
    if answered.shape[1] != 1:
        raise ProfileError(
            f"{answered.shape[1]} predictions without classes: wanted one, or COLUMN=CLASS."
        )
    if truth is None:
        return Asked(answers=("prediction",), answered=answered)
    try:
        true = truth.astype(np.float64)
    except ValueError:
        raise ProfileError("the target of a regression must be numbers: it has texts.") from None
    if not np.isfinite(true).all():
        raise ProfileError("the target is missing or infinite in some rows: leave those rows out.")
    losses = (answered[:, 0] - true) ** 2
    return Asked(answers=("prediction",), answered=answered, losses=losses, truth=true)


def _classified(
    answered: Floats, answers: Sequence[str | int], truth: npt.NDArray[Any] | None
) -> Asked:
    if answered.min() < 0 or answered.max() > 1:
        raise ProfileError(
            f"probabilities are from {answered.min():.6g} to {answered.max():.6g}: wanted 0 to 1."
        )
    if truth is None:
        return Asked(answers=tuple(answers), answered=answered, classes=tuple(answers))
    classes = sorted(set(truth.tolist()) | set(answers), key=lambda one: (str(type(one)), one))
    unknown = [name for name in classes if name not in answers]
    if len(unknown) > (1 if len(answers) == 1 else 0):
        raise ProfileError(
            f"the target has {unknown[0]!r}, whose probability no column is: wanted a column for "
            "each class, or one for one of two."
        )
    place = {name: number for number, name in enumerate(answers)}
    columns = np.array([place.get(name, -1) for name in truth.tolist()])
    of_truth = np.where(
        columns >= 0, answered[np.arange(len(columns)), columns], 1 - answered[:, 0]
    )
    return Asked(
        answers=tuple(answers),
        answered=answered,
        losses=-np.log(np.maximum(of_truth, PROBABILITY_MIN)),
        truth=truth,
        classes=tuple(classes),
    )
