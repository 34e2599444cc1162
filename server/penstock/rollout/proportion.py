# SPDX-License-Identifier: Apache-2.0
"""Confidence bounds of a proportion from two counts, valid whenever one looks.

Source: Waudby-Smith and Ramdas, "Estimating means of bounded random variables by betting", JRSS B
2024 (arXiv 2010.09686): the mean of the capitals of several constant bets, their grid-Kelly
process. For outcomes that are 0 or 1, a constant bet is a likelihood ratio, and the capital
depends on the counts alone:

    E(p0) = sum over f of weight(f) f^bad ((1 - f p0) / (1 - p0))^(n - bad).

It is a supermartingale as long as each outcome is bad with a probability of at least p0, given
all that went before.
"""

import math

from penstock.rollout.log_mean import log_mean_exp

__all__ = ["log_e_below", "proportion_high", "proportion_low"]

#: Alternatives as parts of p0, and how much of the capital bets on each. The first is a proportion
#: of 0, for which a stream without any bad outcome is all the evidence there is.
_PARTS = (0.0, 0.1, 0.25, 0.5, 0.75)
_WEIGHTS = (0.6, 0.1, 0.1, 0.1, 0.1)


def log_e_below(bad: int, n: int, proportion: float) -> float:
    """The logarithm of the evidence that the chance of a bad outcome is below `proportion`.

    `bad` of `n` outcomes were; `proportion` lies in (0, 1).
    """
    good = n - bad
    logs = [
        -math.inf
        if bad and not part
        else (bad * math.log(part) if bad else 0.0)
        + good * (math.log1p(-part * proportion) - math.log1p(-proportion))
        for part in _PARTS
    ]
    return log_mean_exp(logs, _WEIGHTS)


def proportion_high(bad: int, n: int, alpha: float) -> float:
    """The bound that the chance of a bad outcome is above with a probability of alpha at most,
    ever. 3 300 good outcomes and no bad one give 0.1 % at 0.05.

    The evidence grows with the proportion that it speaks against, so bisection finds the bound.
    """
    limit = -math.log(alpha)
    low, high = 0.0, 1.0
    while high - low > 1e-3 * high:
        middle = (low + high) / 2
        if log_e_below(bad, n, middle) >= limit:
            high = middle
        else:
            low = middle
        if high < 1e-12:
            break
    return high


def proportion_low(good: int, n: int, alpha: float) -> float:
    """The bound that the chance of a good outcome is below with a probability of alpha at most,
    ever.
    """
    return 1.0 - proportion_high(n - good, n, alpha)
