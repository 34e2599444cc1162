# SPDX-License-Identifier: Apache-2.0
"""How often what a model is so sure of comes true."""

from dataclasses import dataclass

import numpy as np

from penstock_training.evaluate.metrics import ECE_BINS, confidence_and_truth, sums_by
from penstock_training.evaluate.predictions import Predictions

__all__ = ["CalibrationBin", "calibration_bins"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationBin:
    """Rows whose probability lies between two bounds."""

    low: float
    high: float
    rows: int
    #: The mean probability, and the share that came true.
    confidence: float
    frequency: float


def calibration_bins(predictions: Predictions) -> list[CalibrationBin]:
    """Bins of equal width that have rows: of a binary task by the positive class's probability, of
    more classes by the likeliest one's. They are those of the metric `ece`.
    """
    confidence, truth = confidence_and_truth(predictions)
    bins = np.clip((confidence * ECE_BINS).astype(np.int64), 0, ECE_BINS - 1)
    table = np.stack([np.ones(len(predictions)), confidence, truth])
    rows, confidences, truths = sums_by(table, bins, ECE_BINS)
    return [
        CalibrationBin(
            low=k / ECE_BINS,
            high=(k + 1) / ECE_BINS,
            rows=int(rows[k]),
            confidence=float(confidences[k] / rows[k]),
            frequency=float(truths[k] / rows[k]),
        )
        for k in range(ECE_BINS)
        if rows[k]
    ]
