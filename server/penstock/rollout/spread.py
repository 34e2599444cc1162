# SPDX-License-Identifier: Apache-2.0
"""Whether the canary's answers are spread over bins as the baseline's are.

Source: the test of `event_odds` (Lindon and Malek 2022), once per bin and direction. An event is
the first answer to a key that falls into the bin; theta is the ratio of the canary's part of
answers in that bin to the baseline's. The hypothesis is that in every bin theta lies within
[1 / (1 + tolerance), 1 + tolerance].

Why this is an e-value: given that an answer fell into a bin, it is the canary's with probability
p(theta) of that bin, whatever came before, for keys are assigned without regard to their answers.
So of all the processes only the two of that bin move with it, each a supermartingale while its
half of the hypothesis holds. The mean of any number of supermartingales is one: over both
directions, then over all bins. Answers of one time of constant shares may be added up, for the
processes depend on the counts of each share alone.

It tells that the canary differs, not that it is worse.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from penstock.rollout.event_odds import EventCount, log_e_worse
from penstock.rollout.log_mean import log_mean_exp

__all__ = ["BinCounts", "log_e_spread"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BinCounts:
    """First answers by bin, while the canary's share was `share`, in (0, 1)."""

    share: float
    canary: tuple[int, ...]
    baseline: tuple[int, ...]


def log_e_spread(counts: Sequence[BinCounts], tolerance: float) -> float:
    """The logarithm of the evidence that in some bin the ratio is outside of the tolerance.

    All of `counts` have the same number of bins.
    """
    bins = max((len(one.canary) for one in counts), default=0)
    if not bins:
        return 0.0
    return log_mean_exp([_log_e_bin(counts, index, 1.0 + tolerance) for index in range(bins)])


def _log_e_bin(counts: Sequence[BinCounts], index: int, tolerated: float) -> float:
    more = [
        EventCount(share=one.share, canary=one.canary[index], baseline=one.baseline[index])
        for one in counts
    ]
    # Fewer of the canary's are more of the baseline's, whose share is the rest.
    fewer = [
        EventCount(share=1.0 - one.share, canary=one.baseline, baseline=one.canary) for one in more
    ]
    return log_mean_exp([log_e_worse(more, tolerated), log_e_worse(fewer, tolerated)])
