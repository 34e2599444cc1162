# SPDX-License-Identifier: Apache-2.0
"""Which buckets an arm has. Pure, and nothing else decides: every replica has the same.

A bucket is one of 10000, by the hash of a request's key. An arm whose share grows keeps those that
it has.
"""

from collections.abc import Mapping, Sequence

from penstock.rollout.evidence import Role
from penstock.rollout.spec import FULL_BP

__all__ = ["Interval", "arm_intervals", "shared_intervals"]

#: Buckets [begin, end).
Interval = tuple[int, int]


def arm_intervals(shares_bp: Mapping[Role, int]) -> dict[Role, list[Interval]]:
    """The buckets of a rollout's arms.

    The canary's begin at the first bucket and grow at their end; the control slice's begin in the
    middle, until the canary comes there. Stable has the rest.
    """
    canary, control = shares_bp.get("canary", 0), shares_bp.get("control", 0)
    begin = max(FULL_BP // 2, canary)
    taken = _kept([(0, canary), (begin, begin + control)])
    return {
        "stable": _gaps(taken),
        "control": _kept([(begin, begin + control)]),
        "canary": _kept([(0, canary)]),
    }


def shared_intervals(shares_bp: Sequence[int]) -> list[list[Interval]]:
    """The buckets of a route's arms, whose shares sum to 10000.

    Each arm but the first has a region of its own, all equally large, and grows in it from its
    beginning on; what does not fit there lies in what others leave free. The first has the rest. So
    an arm that grows within its region takes buckets of the first arm alone.
    """
    others = shares_bp[1:]
    edges = [i * FULL_BP // max(len(others), 1) for i in range(len(others) + 1)]
    intervals = [
        _kept([(begin, min(begin + share, end))])
        for share, begin, end in zip(others, edges, edges[1:], strict=False)
    ]
    free = _gaps(sorted(interval for arm in intervals for interval in arm))
    for share, arm in zip(others, intervals, strict=True):
        missing = share - sum(end - begin for begin, end in arm)
        while missing > 0:
            begin, end = free.pop(0)
            taken = min(missing, end - begin)
            arm.append((begin, begin + taken))
            free = _kept([(begin + taken, end)]) + free
            missing -= taken
    return [free, *intervals]


def _kept(intervals: Sequence[Interval]) -> list[Interval]:
    return [(begin, end) for begin, end in intervals if begin < end]


def _gaps(taken: Sequence[Interval]) -> list[Interval]:
    """What ascending intervals leave over."""
    gaps, at = [], 0
    for begin, end in taken:
        gaps.append((at, begin))
        at = end
    return _kept([*gaps, (at, FULL_BP)])
