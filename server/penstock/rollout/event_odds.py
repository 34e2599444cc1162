# SPDX-License-Identifier: Apache-2.0
"""The ratio of the canary's rate of bad events to the baseline's, from the bad events alone.

Source: Lindon and Malek, "Anytime-Valid Inference for Multinomial Count Data", NeurIPS 2022
(arXiv 2011.03567). Given that a bad event happened, the arm that it happened in is a coin. With
theta the ratio of the rates and rho the canary's share of traffic when the request was assigned,
the coin falls on the canary with probability

    p(theta) = rho theta / (1 - rho + rho theta).

Whatever makes both arms fail together, and every change of the shares, cancels. All that is
reckoned here depends on the events only by how many there were of each arm at each rho, not on
their order, so counts are enough. `cpp/judging/event_test.h` has the same arithmetic, event by
event; it decides, and this is the twin by which its verdicts are checked.

Each test is a mean of likelihood ratios: a supermartingale while its hypothesis holds, that starts
at 1, so by Ville's inequality it ever reaches 1 / alpha with a probability of alpha at most,
however often one looks.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from penstock.rollout.log_mean import log_mean_exp

__all__ = [
    "NOT_WORSE_RATIOS",
    "WORSE_RATIOS",
    "EventCount",
    "log_e_not_worse",
    "log_e_worse",
    "ratio_high",
    "ratio_interval",
    "ratio_low",
]

#: Alternatives of the test for rollback, in units of what is tolerated: those of EventTest.
WORSE_RATIOS = (1.5, 2.0, 3.0, 4.0, 6.0, 10.0, 20.0, 50.0)
#: Alternatives of the test for promotion.
NOT_WORSE_RATIOS = (1.0, 0.9, 0.8, 0.6, 0.4)
#: Alternatives of the interval's ends, in units of the end; finer, for it is to be narrow.
_END_RATIOS = (1.1, 1.25, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0)
#: Ratios beyond are not told apart from 0 and from infinity.
_LOG_RATIO_MAX = math.log(1e6)


@dataclass(frozen=True, slots=True, kw_only=True)
class EventCount:
    """Bad events of requests that were assigned while the canary's share was `share`, in (0, 1)."""

    share: float
    canary: int
    baseline: int


def log_e_worse(counts: Sequence[EventCount], tolerated: float = 1.0) -> float:
    """The logarithm of the evidence that theta is above `tolerated`.

    A supermartingale for every theta up to `tolerated`, since the likelihood ratio is monotone.
    """
    return _mean(counts, [tolerated * ratio for ratio in WORSE_RATIOS], tolerated)


def log_e_not_worse(counts: Sequence[EventCount], margin: float) -> float:
    """The logarithm of the evidence that theta is below 1 + `margin`, which is positive."""
    return _mean(counts, NOT_WORSE_RATIOS, 1.0 + margin)


def ratio_low(counts: Sequence[EventCount], alpha: float) -> float:
    """The confidence bound that theta is below with a probability of alpha at most, ever; 0: none.

    The largest theta0 such that all up to it are rejected. The log-likelihood of log theta is
    concave, so the evidence against theta0 falls as theta0 grows, and bisection finds the end.
    """
    limit = -math.log(alpha)
    end = _last(lambda log: _log_e_above(counts, log) >= limit)
    return 0.0 if end is None else math.exp(end)


def ratio_high(counts: Sequence[EventCount], alpha: float) -> float:
    """The confidence bound that theta is above with a probability of alpha at most, ever;
    infinity: none.
    """
    limit = -math.log(alpha)
    end = _last(lambda log: _log_e_below(counts, -log) >= limit)
    return math.inf if end is None else math.exp(-end)


def ratio_interval(counts: Sequence[EventCount], alpha: float = 0.05) -> tuple[float, float]:
    """Both bounds, at alpha / 2 each: a confidence sequence, by inverting the tests."""
    return ratio_low(counts, alpha / 2), ratio_high(counts, alpha / 2)


def _mean(counts: Sequence[EventCount], alternatives: Sequence[float], null: float) -> float:
    return log_mean_exp([_log_ratio(counts, theta, null) for theta in alternatives])


def _log_ratio(counts: Sequence[EventCount], theta: float, null: float) -> float:
    """ln of the product of p(theta) / p(null), or of (1 - p(theta)) / (1 - p(null))."""
    log_odds = math.log(theta / null)
    total = 0.0
    for one in counts:
        quotient = (1 - one.share + one.share * null) / (1 - one.share + one.share * theta)
        total += one.canary * log_odds + (one.canary + one.baseline) * math.log(quotient)
    return total


def _log_e_above(counts: Sequence[EventCount], log_null: float) -> float:
    null = math.exp(log_null)
    return _mean(counts, [null * ratio for ratio in _END_RATIOS], null)


def _log_e_below(counts: Sequence[EventCount], log_null: float) -> float:
    null = math.exp(log_null)
    return _mean(counts, [null / ratio for ratio in _END_RATIOS], null)


def _last(is_rejected: Callable[[float], bool]) -> float | None:
    """Where a predicate that holds up to some logarithm ends to hold; None: it never does."""
    low, high = -_LOG_RATIO_MAX, _LOG_RATIO_MAX
    if not is_rejected(low):
        return None
    while high - low > 1e-4:
        middle = (low + high) / 2
        low, high = (middle, high) if is_rejected(middle) else (low, middle)
    return low
