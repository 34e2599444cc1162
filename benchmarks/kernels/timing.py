# SPDX-License-Identifier: Apache-2.0
"""timing.h and rows.h for rivals that are called from Python: the same trials, the same lines."""

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

BATCHES = (1, 8, 64, 1024)
TRIALS = 150
_TRIAL_NS = 3e5
# Calls so long that a trial is one of them get fewer trials.
_ALL_TRIALS_NS = 3e8
_TRIALS_MIN = 12
_TRIALS_COLD = 20
_MORE_THAN_CACHES = 256 << 20

Floats = npt.NDArray[np.float32]


class Rows:
    """Rows of floats from a file, taken in turn, so that no row is always the one before."""

    def __init__(self, path: Path, columns: int) -> None:
        """Read all of them."""
        self.all = np.fromfile(path, np.float32).reshape(-1, columns)
        self._at = 0

    def next(self, batch: int) -> Floats:
        """Return so many rows, as they lie."""
        if self._at + batch > len(self.all):
            self._at = 0
        rows = self.all[self._at : self._at + batch]
        self._at += batch
        return rows


def _run(work: Callable[[], object], calls: int) -> int:
    begin = time.perf_counter_ns()
    for _ in range(calls):
        work()
    return time.perf_counter_ns() - begin


def time_calls(work: Callable[[], object]) -> list[float]:
    """Return how many ns a call took in each trial."""
    _run(work, 2)
    calls = max(1, int(_TRIAL_NS / (_run(work, 3) / 3)))
    taken: list[float] = []
    all_ns = 0
    while len(taken) < TRIALS and (len(taken) < _TRIALS_MIN or all_ns < _ALL_TRIALS_NS):
        ns = _run(work, calls)
        all_ns += ns
        taken.append(ns / calls)
    return taken


def time_cold(work: Callable[[], object]) -> list[float]:
    """Return how many ns each call took after more than any cache holds had been read."""
    evictor = np.ones(_MORE_THAN_CACHES, np.uint8)[::64]
    taken: list[float] = []
    for _ in range(_TRIALS_COLD):
        evictor.sum()
        taken.append(float(_run(work, 1)))
    return taken


def tell(kind: str, batch: int, taken: list[float]) -> None:
    """Print a line for the program that started this one: the best and the median, per row."""
    best, median = min(taken) / batch, float(np.median(taken)) / batch
    print(f"{kind}\t{batch}\t{best:.1f}\t{median:.1f}", flush=True)
