# SPDX-License-Identifier: Apache-2.0
"""How much speaks for a difference between two samples: p-values, and e-values made of them. Pure.

Drift: the G test of merged bins (Wilks 1938), over the dispersion, against chi-square with as many
degrees of freedom as bins but one. Rates: whether one is above the reference's by more than is
tolerated, as a normal deviate. A p-value p becomes the e-value (1 - p + p ln p) / (p ln(p)^2), the
mean of the calibrators k p^(k - 1) over k in [0, 1] (Vovk & Wang 2021), so that e-BH (Wang & Ramdas
2022) bounds false discoveries among columns that depend on each other in any way.
"""

from math import exp, log, log1p

import numpy as np
import numpy.typing as npt

__all__ = ["log_e_of", "log_p_of_bins", "log_p_of_rate"]

#: Where the calibrator is at its limit of one half.
_NEAR_ONE = -1e-4


def log_p_of_bins(
    live: npt.NDArray[np.float64], reference: npt.NDArray[np.float64], *, dispersion: float = 1.0
) -> float:
    """Logarithm of the chance of bins that differ so much, or more, without drift.

    `live`, `reference`: rows (bins,) of two samples; `dispersion`: how many times more counts vary
    than those of independent rows.
    """
    table = np.stack([live, reference])
    table = table[:, table.sum(axis=0) > 0]
    totals = table.sum(axis=1, keepdims=True)
    if table.shape[1] < 2 or totals.min() <= 0:
        return 0.0
    expected = totals * table.sum(axis=0) / table.sum()
    ratios = np.where(table > 0, table, 1.0) / expected
    g = 2.0 * float((table * np.log(ratios)).sum()) / max(1.0, dispersion)
    return _log_upper_tail(g, table.shape[1] - 1)


def log_p_of_rate(
    live: tuple[float, float],
    reference: tuple[float, float],
    *,
    tolerance: float,
    dispersion: float = 1.0,
) -> float:
    """Logarithm of the chance of a rate so high, were it above the reference's by `tolerance` only.

    `live`, `reference`: how many rows are so, of how many.
    """
    from scipy.special import log_ndtr

    n, m = live[1], reference[1]
    if n <= 0:
        return 0.0
    # Agresti and Caffo's added rows: no rate is known to be exactly none.
    p, q = (live[0] + 1) / (n + 2), (reference[0] + 1) / (m + 2)
    spread = (max(1.0, dispersion) * p * (1 - p) / n + q * (1 - q) / max(m, 1.0)) ** 0.5
    return float(log_ndtr(-(p - q - tolerance) / spread))


def log_e_of(log_p: float) -> float:
    """Logarithm of the e-value that a p-value, given as its logarithm, is worth."""
    if log_p > _NEAR_ONE:
        return -log(2.0)
    p = exp(log_p)
    return log1p(p * log_p - p) - log_p - 2.0 * log(-log_p)


def _log_upper_tail(g: float, freedom: int) -> float:
    """Of chi-square; its leading term where it is smaller than floats can be."""
    from scipy.special import gammaincc, gammaln

    half = freedom / 2
    tail = float(gammaincc(half, g / 2))
    return log(tail) if tail > 0 else float((half - 1) * log(g / 2) - g / 2 - gammaln(half))
