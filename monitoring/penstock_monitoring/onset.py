# SPDX-License-Identifier: Apache-2.0
"""When, among spans of time, rows began to differ from a reference. Pure."""

import numpy as np
import numpy.typing as npt

__all__ = ["onset_of"]


def onset_of(spans: npt.NDArray[np.float64], reference: npt.NDArray[np.float64]) -> int:
    """The span from which on all rows together speak most for a difference.

    `spans`: rows in bins (w, bins); `reference`: its rows (bins,). It is the first span of the
    suffix whose log-likelihood ratio, of its own shares against the reference's, is the largest.
    """
    suffixes = np.cumsum(spans[::-1], axis=0)[::-1]
    totals = np.maximum(suffixes.sum(axis=1, keepdims=True), 1.0)
    expected = (reference + 0.5) / (reference + 0.5).sum()
    ratios = np.log(np.where(suffixes > 0, suffixes, totals * expected) / (totals * expected))
    return int(np.argmax((suffixes * ratios).sum(axis=1)))
