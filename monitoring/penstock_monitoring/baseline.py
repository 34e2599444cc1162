# SPDX-License-Identifier: Apache-2.0
"""What live rows of a watched column are held against: reference rows, counted at its places."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from penstock.drift import Layout, WatchedColumn
from penstock.errors import ProfileError
from penstock.profile import (
    SPECIALS,
    CategoricalFeature,
    NumericFeature,
    ReferenceProfile,
    ScoreBins,
    SensitiveFeature,
)

__all__ = ["Baseline", "baseline_of", "baselines_of"]

Counts = npt.NDArray[np.int64]
Known = NumericFeature | CategoricalFeature | SensitiveFeature | ScoreBins


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """Reference rows at each place of a column (places,), and how they vary.

    `dispersion`: how many times more counts vary from tick to tick than those of independent rows
    would; 1 where the reference does not tell, or tells less.
    """

    counts: Counts
    dispersion: float = 1.0

    @property
    def rows(self) -> int:
        """All reference rows."""
        return int(self.counts.sum())


def baselines_of(profile: ReferenceProfile, layout: Layout) -> list[Baseline]:
    """Of each column of a layout, in its order.

    Raises:
        ProfileError: the profile lacks a column, or counts it at other places.
    """
    scores = list(profile.scores)
    found = []
    for column in layout.columns:
        known = _known(profile, scores, column)
        if isinstance(known, ScoreBins):
            scores.remove(known)
        found.append(_counted(known, column))
    return found


def baseline_of(profile: ReferenceProfile, column: WatchedColumn) -> Baseline:
    """Of one column. Raises ProfileError as baselines_of() does."""
    return baselines_of(profile, Layout(columns=(column,)))[0]


def _known(profile: ReferenceProfile, scores: Sequence[ScoreBins], column: WatchedColumn) -> Known:
    for feature in profile.features:
        if feature.name == column.name:
            return feature
    for bins in scores if column.is_output else ():
        if bins.edges == column.edges:
            return bins
    raise ProfileError(
        f"the reference profile has no column {column.name!r}: wanted one of "
        f"{', '.join(feature.name for feature in profile.features[:5]) or 'none'} and so on; "
        "make a profile of this version."
    )


def _counted(known: Known, column: WatchedColumn) -> Baseline:
    if column.reading == "present":
        missing = _missing(known)
        return Baseline(counts=np.array([_rows(known) - missing, missing], dtype=np.int64))
    counts: Sequence[Any] = ()
    match known:
        case NumericFeature() if known.edges == column.edges and column.reading != "category":
            counts = known.counts
        case CategoricalFeature() if known.categories == column.categories:
            counts = known.counts
        case ScoreBins():
            counts = (*known.counts, *(0 for _ in SPECIALS))
        case _:
            pass
    if len(counts) != column.places:
        raise ProfileError(
            f"column {column.name!r} is counted at {column.places} places, and the reference "
            f"profile has {len(counts)} for it: make a profile of this version."
        )
    told = getattr(known, "overdispersion", None) or 1.0
    return Baseline(counts=np.asarray(counts, dtype=np.int64), dispersion=max(1.0, told))


def _rows(known: Known) -> int:
    return sum(known.counts) if isinstance(known, ScoreBins) else known.rows


def _missing(known: Known) -> int:
    match known:
        case SensitiveFeature():
            return known.missing
        case NumericFeature():
            return known.counts[len(known.edges) + 1]
        case CategoricalFeature():
            return known.counts[-1]
        case _:
            return 0
