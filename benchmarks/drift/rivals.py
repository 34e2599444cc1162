# SPDX-License-Identifier: Apache-2.0
"""river's detectors, one after the other as they are, and two of them many streams at once.

PageHinkley and KSWIN are computed here for many streams in numpy, because tuning them to a rate of
false alarms takes a thousand times more updates than river does in the time; `agree` holds both to
river's own classes. ADWIN is river's throughout.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["agree", "first_alarms", "kswin_statistics", "page_hinkley_statistics"]

Floats = npt.NDArray[np.float64]
#: The next value of each stream (n,), to the statistic that a threshold is held against (n,).
Step = Callable[[Floats], Floats]

KSWIN_WINDOW, KSWIN_RECENT = 100, 30


def page_hinkley_statistics(n: int, *, delta: float, alpha: float) -> Step:
    """PageHinkley() of river 0.26.1 in mode "both": an alarm is where it is above `threshold`."""
    least = 30
    count = 0
    mean = np.zeros(n)
    up, down = np.zeros(n), np.zeros(n)
    lowest, highest = np.full(n, np.inf), np.full(n, -1.0)

    def step(x: Floats) -> Floats:
        nonlocal count, mean, up, down, lowest, highest
        count += 1
        mean = mean + (x - mean) / count
        off = x - mean
        up = alpha * up + off - delta
        down = alpha * down + off + delta
        lowest, highest = np.minimum(lowest, up), np.maximum(highest, down)
        if count < least:
            return np.zeros(n)
        return np.asarray(np.maximum(up - lowest, highest - down))

    return step


def kswin_statistics(n: int, seed: int) -> Step:
    """KSWIN() of river 0.26.1: the Kolmogorov-Smirnov distance times 30."""
    random = np.random.default_rng(seed)
    window = np.zeros((n, KSWIN_WINDOW))
    count = 0
    sides = np.repeat([1, -1], KSWIN_RECENT)

    def step(x: Floats) -> Floats:
        nonlocal count
        window[:, :-1] = window[:, 1:]
        window[:, -1] = x
        count += 1
        if count < KSWIN_WINDOW:
            return np.zeros(n)
        older = KSWIN_WINDOW - KSWIN_RECENT
        drawn = np.argpartition(random.random((n, older)), KSWIN_RECENT, axis=1)[:, :KSWIN_RECENT]
        both = np.concatenate(
            [np.take_along_axis(window, drawn, axis=1), window[:, older:]], axis=1
        )
        walked = np.cumsum(sides[np.argsort(both, axis=1)], axis=1)
        return np.asarray(np.abs(walked).max(axis=1), dtype=np.float64)

    return step


def first_alarms(make: Callable[[], Any], values: Floats) -> npt.NDArray[np.int64]:
    """Of streams (n, observations) after how many observations river's detector first alarms.

    One more than there are observations where it does not.
    """
    found = np.full(len(values), values.shape[1] + 1)
    for stream, numbers in enumerate(values.tolist()):
        detector = make()
        for place, x in enumerate(numbers, start=1):
            detector.update(x)
            if detector.drift_detected:
                found[stream] = place
                break
    return found


def agree(drift: Any) -> bool:
    """Whether the statistics here and river's classes tell the same of the same streams."""
    random = np.random.default_rng(5)
    values = random.normal(size=(4, 3000))
    values[:, 2000:] += 0.7
    step = page_hinkley_statistics(4, delta=0.005, alpha=1 - 0.0001)
    ours = np.array([step(column) for column in values.T]).T > 30
    mine = [int(np.argmax(row)) + 1 for row in ours]
    theirs = first_alarms(lambda: drift.PageHinkley(threshold=30), values)
    from scipy import stats

    one, other = random.normal(size=30), random.normal(0.5, 1, size=30)
    walked = np.cumsum(np.repeat([1, -1], 30)[np.argsort(np.concatenate([one, other]))])
    distance = stats.ks_2samp(one, other).statistic
    return bool(mine == theirs.tolist() and abs(np.abs(walked).max() / 30 - distance) < 1e-12)
