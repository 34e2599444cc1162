# SPDX-License-Identifier: Apache-2.0
"""Maps from what a model says to what comes true, fitted to the validation rows.

Of two classes the second one's probability is mapped, and the first has the rest. Of more, each
class's own is, and the results are divided by their sum (Zadrozny and Elkan, KDD 2002).
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from penstock_training.candidates.family import Array

__all__ = ["Calibration", "Isotonic", "Sigmoid", "calibrated"]

#: Bounds of a probability whose logit is taken. Near 1 float32 has no digits left.
LOW, HIGH = 1e-6, 1 - 1e-4
#: How near knots of an isotonic map may be: it must not be steeper than float32 can follow.
KNOT_GAP = 2e-3
#: What no mapped probability falls below.
FLOOR = 1e-6


def calibrated(method: Literal["sigmoid", "isotonic"], answers: Array, target: Array) -> Any:
    """A Sigmoid or Isotonic fitted to probabilities (n, classes) and numbers of classes (n,)."""
    mapped = _mapped(answers)
    truths = (
        [target == 1] if answers.shape[1] == 2 else [target == k for k in range(mapped.shape[1])]
    )
    kind = Sigmoid if method == "sigmoid" else Isotonic
    return kind.fitted(mapped, truths)


def _mapped(answers: Array) -> Array:
    return answers[:, 1:] if answers.shape[1] == 2 else answers


def _whole(mapped: Array) -> Array:
    mapped = np.maximum(mapped, FLOOR)
    if mapped.shape[1] == 1:
        mapped = np.minimum(mapped, 1 - FLOOR)
        return np.column_stack([1 - mapped, mapped])
    return np.asarray(mapped / mapped.sum(axis=1, keepdims=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class Sigmoid:
    """sigmoid(slope * logit(p) + offset) of each class that is mapped (Platt 1999, on logits)."""

    slopes: tuple[float, ...]
    offsets: tuple[float, ...]

    @classmethod
    def fitted(cls, answers: Array, truths: list[Array]) -> "Sigmoid":
        """With Platt's own targets, which keep it from certainty on few rows."""
        slopes, offsets = [], []
        for column, truth in zip(_logits(answers).T, truths, strict=True):
            positives, negatives = int(truth.sum()), int((~truth).sum())
            wanted = np.where(truth, (positives + 1) / (positives + 2), 1 / (negatives + 2))
            model = LogisticRegression(C=1e6, max_iter=1000)
            twice = np.concatenate([column, column])[:, None]
            is_true = np.repeat([1, 0], len(column))
            model.fit(twice, is_true, sample_weight=np.concatenate([wanted, 1 - wanted]))
            slopes.append(float(model.coef_[0, 0]))
            offsets.append(float(model.intercept_[0]))
        return cls(slopes=tuple(slopes), offsets=tuple(offsets))

    def applied(self, answers: Array) -> Array:
        """Probabilities (n, classes) of probabilities."""
        z = _logits(_mapped(answers)) * np.array(self.slopes) + np.array(self.offsets)
        return _whole(1 / (1 + np.exp(-z)))


def _logits(answers: Array) -> Array:
    clipped = np.clip(answers, LOW, HIGH)
    return np.asarray(np.log(clipped / (1 - clipped)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Isotonic:
    """A rising map of straight pieces for each class that is mapped."""

    #: Of each class: where pieces begin and end, and the values there.
    knots: tuple[tuple[float, ...], ...]
    values: tuple[tuple[float, ...], ...]

    @classmethod
    def fitted(cls, answers: Array, truths: list[Array]) -> "Isotonic":
        """By scikit-learn; knots that are too near are left out."""
        knots, values = [], []
        for column, truth in zip(answers.T, truths, strict=True):
            model = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip")
            model.fit(column, truth.astype(np.float64))
            places, heights = model.X_thresholds_, model.y_thresholds_
            kept = [0]
            for place in range(1, len(places)):
                if places[place] - places[kept[-1]] >= KNOT_GAP:
                    kept.append(place)
            knots.append(tuple(float(places[one]) for one in kept))
            values.append(tuple(float(heights[one]) for one in kept))
        return cls(knots=tuple(knots), values=tuple(values))

    def ramps(self) -> tuple[Array, Array, Array, Array, Array]:
        """Columns (m,), starts (m,), widths (m,), matrix (m, mapped) and offsets (mapped,).

        The map is min(max(p[columns] - starts, 0), widths) @ matrix + offsets.
        """
        counts = [len(one) - 1 for one in self.knots]
        matrix = np.zeros((sum(counts), len(self.knots)))
        starts, widths = [], []
        row = 0
        for place, (knots, values) in enumerate(zip(self.knots, self.values, strict=True)):
            for left, right, low, high in zip(knots, knots[1:], values, values[1:], strict=False):
                starts.append(left)
                widths.append(right - left)
                matrix[row, place] = (high - low) / (right - left)
                row += 1
        columns = np.repeat(np.arange(len(self.knots)), counts)
        offsets = np.array([one[0] for one in self.values])
        return columns, np.array(starts), np.array(widths), matrix, offsets

    def applied(self, answers: Array) -> Array:
        """Probabilities (n, classes) of probabilities."""
        columns, starts, widths, matrix, offsets = self.ramps()
        steps = np.clip(_mapped(answers)[:, columns] - starts, 0, widths)
        return _whole(steps @ matrix + offsets)


Calibration = Sigmoid | Isotonic
