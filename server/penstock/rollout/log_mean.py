# SPDX-License-Identifier: Apache-2.0
"""Means of e-values, which are kept as natural logarithms."""

import math
from collections.abc import Sequence

__all__ = ["log_mean_exp"]


def log_mean_exp(logs: Sequence[float], weights: Sequence[float] | None = None) -> float:
    """The logarithm of the mean of exp(`logs`); with `weights`, which sum to 1, the weighted one.

    A mean of e-values is an e-value, whatever they depend on each other. Minus infinity stands for
    an e-value of 0.
    """
    largest = max(logs)
    if largest == -math.inf:
        return largest
    if weights is None:
        return largest + math.log(sum(math.exp(log - largest) for log in logs) / len(logs))
    pairs = zip(logs, weights, strict=True)
    return largest + math.log(sum(weight * math.exp(log - largest) for log, weight in pairs))
