# SPDX-License-Identifier: Apache-2.0
"""Arithmetic of comparisons: ratios of paired runs, their median and spread. Pure."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """The median of several runs, with the least and the greatest."""

    median: float
    least: float
    greatest: float

    def __str__(self) -> str:
        """Return median and range, for a table."""
        return f"{self.median:.4g} ({self.least:.4g}-{self.greatest:.4g})"


def spread(values: Sequence[float]) -> Spread:
    """Return median, least and greatest. Raises ValueError for no values."""
    if not values:
        raise ValueError("a spread of no runs")
    return Spread(median=statistics.median(values), least=min(values), greatest=max(values))


def paired_ratios(numerators: Sequence[float], denominators: Sequence[float]) -> Spread:
    """Return the spread of the ratios of the runs that were neighbours in time.

    Raises ValueError where the two are not of one length.
    """
    return spread([n / d for n, d in zip(numerators, denominators, strict=True)])


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the nearest-rank percentile: the least value that `percent` of them do not exceed."""
    if not values:
        raise ValueError("a percentile of no values")
    ordered = sorted(values)
    rank = -(-len(ordered) * percent // 100)
    return ordered[max(int(rank), 1) - 1]


def turns(names: Sequence[str], repeats: int) -> list[list[str]]:
    """Return the order of the contestants in each repeat: every other one is reversed.

    So a machine that gets slower or faster on the way favours nobody.
    """
    return [list(names) if i % 2 == 0 else list(reversed(names)) for i in range(repeats)]
