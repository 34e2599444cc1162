# SPDX-License-Identifier: Apache-2.0
"""Held-out rows: what a reference profile is made of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

__all__ = ["Column", "Floats", "Reference"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of a model's inputs: n values, as the model reads them."""

    name: str
    #: FP32: numbers, NaN where one is missing. BYTES, INT64: texts or whole numbers, "" where one
    #: is.
    datatype: Literal["FP32", "BYTES", "INT64"]
    values: npt.NDArray[Any]
    is_sensitive: bool = False
    importance: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """What the model said of n held-out rows, and what was true, as far as that is known."""

    model: str
    columns: Sequence[Column]
    #: Classes whose probabilities are told; of regression one name for the prediction. None: the
    #: model was not asked.
    answers: Sequence[str | int] = ()
    #: (n, a) of the answers; None where there are none.
    answered: Floats | None = None
    #: Each row's loss (n,); None: nobody knows what was true, or what the model said.
    losses: Floats | None = None
    #: Each row's true class; of regression its true value (n,).
    truth: npt.NDArray[Any] | None = None
    #: All classes in order; none: regression.
    classes: Sequence[str | int] = ()
    metrics: Mapping[str, float] = field(default_factory=dict)
    #: Whether rows follow each other as they came.
    is_in_time_order: bool = False
    #: Each row's hour of the week (n,), 0 to 167 from Monday on, by the clock of `timezone`; given,
    #: counts are kept by hour too.
    hours: npt.NDArray[np.int64] | None = None
    timezone: str = "UTC"
    #: Whether sketches of the numbers are kept, for quantiles other than the edges.
    has_sketches: bool = False
    seed: int = 0

    @property
    def has_more_than_counts(self) -> bool:
        """Whether it matters which row is at which place."""
        return bool(self.answers) or self.is_in_time_order or self.hours is not None
