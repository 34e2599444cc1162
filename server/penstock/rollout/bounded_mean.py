# SPDX-License-Identifier: Apache-2.0
"""Confidence sequences of means that values come in for one after another: scores, losses, costs.

`BettingMean` holds from the first value on, for values in [0, 1]. `AsymptoticMean` takes values
without bounds, and holds once there are enough: some two thousand for skewed ones.
"""

import math
from collections.abc import Sequence

__all__ = ["AsymptoticMean", "BettingMean"]

#: Part of what may be lost that a bet stakes at most.
_STAKE_MAX = 0.5
_CANDIDATES = tuple((index + 0.5) / 500 for index in range(500))


class BettingMean:
    """The hedged betting confidence sequence, for values in [0, 1] of one conditional mean.

    Source: Waudby-Smith and Ramdas, "Estimating means of bounded random variables by betting",
    JRSS B 2024 (arXiv 2010.09686), theorem 3. Against every candidate m two capitals are played,

        K+ = prod (1 + min(l, c / m) (x - m)),  K- = prod (1 - min(l, c / (1 - m)) (x - m)),

    with the bets l_t = sqrt(2 ln(2 / alpha) / (s2_{t-1} t ln(1 + t))) that only the past decides,
    and c = 1/2. A candidate is out while the larger of both halves is at least 1 / alpha; the true
    mean ever is with a probability of alpha at most.
    """

    def __init__(self, alpha: float = 0.05, *, candidates: Sequence[float] = _CANDIDATES) -> None:
        """`candidates`: means to tell apart, ascending, in (0, 1)."""
        self._candidates = tuple(candidates)
        self._alpha = alpha
        self._limit = math.log(2.0 / alpha)
        self._up = [0.0] * len(self._candidates)  # logarithms of both capitals
        self._down = [0.0] * len(self._candidates)
        self._count = 0
        self._sum = 0.5  # as if one value of 1/2, and a variance of 1/4, had been seen before
        self._squares = 0.25

    def add(self, value: float) -> None:
        """One more value, in [0, 1]."""
        self._count += 1
        t = self._count
        variance = self._squares / t
        bet = math.sqrt(2.0 * self._limit / (variance * t * math.log1p(t)))
        for index, mean in enumerate(self._candidates):
            gain = value - mean
            self._up[index] += math.log1p(min(bet, _STAKE_MAX / mean) * gain)
            self._down[index] += math.log1p(-min(bet, _STAKE_MAX / (1.0 - mean)) * gain)
        self._sum += value
        self._squares += (value - self._sum / (t + 1)) ** 2

    def is_out(self, index: int) -> bool:
        """Whether the candidate of this index is rejected now."""
        return max(self._up[index], self._down[index]) >= self._limit

    def interval(self) -> tuple[float, float]:
        """From just below the first candidate that is not rejected to just above the last.

        (0, 1) while nothing is known. If all are out, the true mean lies between two of them: the
        two about the mean of the values.
        """
        means = self._candidates
        left = [index for index in range(len(means)) if not self.is_out(index)]
        if not left:
            mean = (self._sum - 0.5) / max(self._count, 1)
            above = sum(one <= mean for one in means)
            left = [max(0, above - 1), min(len(means) - 1, above)]
        low = means[left[0] - 1] if left[0] else 0.0
        high = means[left[-1] + 1] if left[-1] + 1 < len(means) else 1.0
        return low, high


class AsymptoticMean:
    """The asymptotic confidence sequence, for values of one mean and a finite variance.

    Source: Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas, "Time-uniform central limit theory and
    asymptotic confidence sequences", Annals of Statistics 2024 (arXiv 2103.06476):

        mean +- s sqrt(2 (t r^2 + 1) / (t^2 r^2) ln(sqrt(t r^2 + 1) / alpha)),

    with s the standard deviation so far, and r such that it is narrowest at about `best_at` values.
    """

    def __init__(self, alpha: float = 0.05, *, best_at: int = 1000) -> None:
        self._alpha = alpha
        log = -2.0 * math.log(alpha)
        self._r2 = (log + math.log1p(log)) / best_at
        self._count = 0
        self._mean = 0.0
        self._squares = 0.0  # of deviations from the mean (Welford)

    def add(self, value: float) -> None:
        """One more value."""
        self._count += 1
        before = value - self._mean
        self._mean += before / self._count
        self._squares += before * (value - self._mean)

    def interval(self) -> tuple[float, float]:
        """Both ends; infinite before the second value."""
        t = self._count
        if t < 2:
            return -math.inf, math.inf
        grown = t * self._r2 + 1.0
        radius = math.sqrt(
            self._squares / t * 2.0 * grown / (t * t * self._r2)
            * math.log(math.sqrt(grown) / self._alpha)
        )  # fmt: skip
        return self._mean - radius, self._mean + radius
