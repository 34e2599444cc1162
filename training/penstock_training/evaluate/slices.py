# SPDX-License-Identifier: Apache-2.0
"""Where a model is at its worst: parts of the rows whose loss is greater than the others'.

A slice is a value or a range of one column, or of two together; its mean loss is held against the
rest's by Welch's test, one-sided, as in Slice Finder (Chung et al., ICDE 2019). Of all that were
looked at, those are told for sure of which at most a twentieth is expected to be chance (Benjamini
and Hochberg 1995).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np

from penstock_training.evaluate.groups import Group, groups_of
from penstock_training.evaluate.predictions import Floats

__all__ = ["Slice", "worst_slices"]

ROWS_MIN = 20
#: Slices of one column that are tried together with each other, the worst ones.
PAIRED_MAX = 24
SLICES_MAX = 10
#: Of two slices that have more of their rows in common (intersection by union) the worse is told.
SHARED_MAX = 0.5
FALSE_SHARE = 0.05
#: Columns that are looked at, in the order in which they are given.
COLUMNS_MAX = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """Some rows, and their mean loss beside that of all others."""

    name: str
    rows: int
    loss: float
    loss_of_others: float
    #: The difference in standard deviations of a row's loss.
    effect: float
    #: That so great a difference is chance, for this slice alone.
    p_value: float
    #: Whether it stands when so many were looked at.
    is_significant: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tested:
    group: Group
    columns: tuple[str, ...]
    slice: Slice


def worst_slices(
    frame: Any, columns: Sequence[str], losses: Floats, sensitive: frozenset[str]
) -> list[Slice]:
    """The slices with the greatest effect, those that are significant first; SLICES_MAX at most.

    `losses` (n,) of the frame's rows. Sensitive columns' groups are numbered, not named.
    """
    singles = []
    for column in list(columns)[:COLUMNS_MAX]:
        groups = groups_of(column, frame[column], is_sensitive=column in sensitive)
        singles += [
            _Tested(group=g, columns=(column,), slice=s) for g, s in _tested(groups, losses)
        ]
    singles.sort(key=_rank)
    pairs = [
        pair
        for one, other in combinations(singles[:PAIRED_MAX], 2)
        if one.columns != other.columns
        for pair in _together(one, other, losses)
    ]
    everything = sorted(singles + pairs, key=_rank)
    limit = _significance_limit([tested.slice.p_value for tested in everything])
    ranked = sorted(
        (tested for tested in everything if tested.slice.effect > 0),
        key=lambda tested: tested.slice.p_value > limit,
    )
    return [
        replace(tested.slice, is_significant=tested.slice.p_value <= limit)
        for tested in _different(ranked)
    ]


def _different(ranked: Sequence[_Tested]) -> list[_Tested]:
    """The first SLICES_MAX that are not much the same rows as one before."""
    chosen: list[_Tested] = []
    for tested in ranked:
        if len(chosen) == SLICES_MAX:
            break
        if all(_shared(tested.group, one.group) <= SHARED_MAX for one in chosen):
            chosen.append(tested)
    return chosen


def _shared(one: Group, other: Group) -> float:
    return float((one.rows & other.rows).sum() / (one.rows | other.rows).sum())


def _rank(tested: _Tested) -> tuple[float, str]:
    return -tested.slice.effect, tested.slice.name


def _tested(groups: Sequence[Group], losses: Floats) -> list[tuple[Group, Slice]]:
    found = []
    for group in groups:
        rows = int(group.rows.sum())
        if rows >= ROWS_MIN and len(losses) - rows >= ROWS_MIN:
            found.append((group, _welch(group, losses)))
    return found


def _together(one: _Tested, other: _Tested, losses: Floats) -> list[_Tested]:
    """Rows of both, where that is worse than either: else the single slice says it better."""
    both = Group(
        name=f"{one.group.name} and {other.group.name}", rows=one.group.rows & other.group.rows
    )
    least = max(one.slice.effect, other.slice.effect)
    return [
        _Tested(group=group, columns=one.columns + other.columns, slice=found)
        for group, found in _tested([both], losses)
        if found.effect > least
    ]


def _welch(group: Group, losses: Floats) -> Slice:
    from scipy.special import stdtr

    inside, outside = losses[group.rows], losses[~group.rows]
    variances = np.array([inside.var(ddof=1), outside.var(ddof=1)])
    sizes = np.array([len(inside), len(outside)])
    difference = float(inside.mean() - outside.mean())
    effect, p_value = 0.0, 1.0
    if variances.sum() > 0:
        errors = variances / sizes
        freedom = errors.sum() ** 2 / (errors**2 / (sizes - 1)).sum()
        effect = difference / float(np.sqrt(variances.mean()))
        p_value = float(stdtr(freedom, -difference / np.sqrt(errors.sum())))
    return Slice(
        name=group.name,
        rows=len(inside),
        loss=float(inside.mean()),
        loss_of_others=float(outside.mean()),
        effect=effect,
        p_value=p_value,
        is_significant=False,
    )


def _significance_limit(p_values: Sequence[float]) -> float:
    """The greatest p-value that Benjamini and Hochberg's procedure lets stand; -1: none."""
    ranked = np.sort(np.asarray(p_values))
    limits = FALSE_SHARE * np.arange(1, len(ranked) + 1) / max(1, len(ranked))
    standing = ranked[ranked <= limits]
    return float(standing[-1]) if len(standing) else -1.0
