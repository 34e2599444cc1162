# SPDX-License-Identifier: Apache-2.0
"""Three judges. Each says when it rolls a stream's canary back, in seconds; None: never.

`by_event` is Penstock's arithmetic for all events at once; tests hold it against
`penstock.rollout.judge`. The others are written from their documentation and sources:

* Flagger and Argo Rollouts: every interval the rate of bad answers of the canary in that interval
  is held against a fixed limit; a check without traffic fails. Failed checks add up; the canary is
  rolled back at the look after their number reached the threshold. The interval of 60 s, the limit
  of 1 % and the 5 checks are those of Flagger's documentation.
* Kayenta: a Mann-Whitney test on a metric's time series, a point a minute, of the canary and of a
  baseline of the same size; at confLevel 0.98, with the tolerance of 0.25 times the absolute
  Hodges-Lehmann estimate; it fails if the lower end of the interval of the difference is above.
  It is asked every 10 minutes about all points so far.
"""

import math

import numpy as np
import numpy.typing as npt

from benchmarks.canary.streams import Stream
from penstock.rollout.event_odds import WORSE_RATIOS

__all__ = ["by_event", "by_mann_whitney", "by_threshold", "evidence_of"]

Floats = npt.NDArray[np.float64]


def evidence_of(stream: Stream, *, dedupes: bool = True) -> tuple[Floats, npt.NDArray[np.int64]]:
    """log E after each event that counts, and the second of each."""
    when, canary = stream.events_second, stream.events_canary
    if dedupes:
        _, first = np.unique(stream.events_key, return_index=True)
        first.sort()
        when, canary = when[first], canary[first]
    share = stream.shares[when]
    ratios = np.array(WORSE_RATIOS)[:, None]
    steps = np.where(canary, np.log(ratios), 0.0) - np.log(1 - share + share * ratios)
    logs = np.cumsum(steps, axis=1)
    if not logs.size:
        return np.zeros(0), when
    largest = logs.max(axis=0)
    return largest + np.log(np.exp(logs - largest).mean(axis=0)), when


def by_event(
    stream: Stream, *, alpha: float = 0.01, weight: float = 1.0, dedupes: bool = True
) -> int | None:
    """Penstock's judge."""
    log_e, when = evidence_of(stream, dedupes=dedupes)
    reached = np.flatnonzero(log_e >= -math.log(alpha * weight))
    return int(when[reached[0]]) + 1 if len(reached) else None


def by_threshold(
    stream: Stream, *, interval_s: int = 60, rate_max: float = 0.01, checks_max: int = 5
) -> int | None:
    """As Flagger and Argo Rollouts judge."""
    failed = 0
    for end in range(interval_s, len(stream.shares) + 1, interval_s):
        if failed >= checks_max:
            return end
        requests = stream.canary[end - interval_s : end].sum()
        bad = stream.canary_bad[end - interval_s : end].sum()
        failed += bool(requests == 0 or bad / requests > rate_max)
    return None


def by_mann_whitney(
    stream: Stream, *, point_s: int = 60, look_s: int = 600, tolerance: float = 0.25
) -> int | None:
    """As Kayenta judges."""
    canary = _points(stream.canary_bad, stream.canary, point_s)
    control = _points(stream.control_bad, stream.control, point_s)
    for end in range(look_s, len(stream.shares) + 1, look_s):
        here = slice(0, end // point_s)
        ours = canary[here][~np.isnan(canary[here])]
        theirs = control[here][~np.isnan(control[here])]
        if is_high(ours, theirs, tolerance=tolerance):
            return end
    return None


def is_high(ours: Floats, theirs: Floats, *, tolerance: float) -> bool:
    """Whether the interval of the shift lies above the tolerance.

    The interval is that of R's wilcox.test by its normal approximation: order statistics of all
    differences, at 98 %.
    """
    if not len(ours) or not len(theirs) or not theirs.any():
        return False  # without an error in the baseline it passes: issue 377 of Kayenta
    differences = np.sort((ours[:, None] - theirs[None, :]).ravel())
    n, m = len(ours), len(theirs)
    z = 2.3263  # of 0.99
    rank = math.floor(n * m / 2 - z * math.sqrt(n * m * (n + m + 1) / 12))
    if rank < 0:
        return False
    return bool(differences[rank] > tolerance * abs(float(np.median(differences))))


def _points(bad: npt.NDArray[np.int64], requests: npt.NDArray[np.int64], point_s: int) -> Floats:
    """The rate of each interval; not a number where there was no request."""
    sums = [counts.reshape(-1, point_s).sum(axis=1).astype(float) for counts in (bad, requests)]
    with np.errstate(invalid="ignore"):
        return np.asarray(sums[0] / sums[1], dtype=np.float64)
