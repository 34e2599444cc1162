# SPDX-License-Identifier: Apache-2.0
"""Whether false alarms are bounded, in a sentence: as far as a reference can tell. Pure.

The bound is of rows that depend on each other no longer than the overdispersion takes up, which is
told by rows in the order of time, and by 50 blocks of them at least.
"""

from collections.abc import Collection
from dataclasses import dataclass

from penstock.profile import CategoricalFeature, NumericFeature, ReferenceProfile
from penstock.profile.features import BLOCKS_MIN

__all__ = ["Bound", "bound_of"]

_NAMED_MAX = 3


@dataclass(frozen=True, slots=True)
class Bound:
    """`is_claimed`: whether there is one; `sentence`: what it rests on, or how it is to be had."""

    is_claimed: bool
    sentence: str


def bound_of(
    profile: ReferenceProfile,
    names: Collection[str],
    promise: str,
    *,
    is_self_reference: bool = False,
) -> Bound:
    """Of columns of some `names`. `promise`: what is bounded, as the start of a sentence."""
    watched = [
        feature
        for feature in profile.features
        if isinstance(feature, NumericFeature | CategoricalFeature) and feature.name in names
    ]
    short = [one for one in watched if one.history is not None and not one.history.is_enough]
    if short:
        wanted = max(BLOCKS_MIN * one.history.block_rows for one in short if one.history)
        told = ", ".join(one.name for one in short[:_NAMED_MAX])
        more = len(short) - _NAMED_MAX
        told += f" and {more} more" if more > 0 else ""
        return Bound(
            False,
            f"No bound of false alarms is claimed: how long rows of {told} depend on each other "
            f"cannot be told of {profile.rows:,} rows; make the profile of {wanted:,} rows or "
            "more, over a longer time.",
        )
    if any(one.history is not None for one in watched):
        return Bound(
            True,
            f"{promise}, however rows depend on each other, as far as the reference's order in "
            "time tells.",
        )
    if any(one.overdispersion is not None for one in watched):
        return Bound(
            True,
            f"{promise}, if rows depend on each other no longer than over a tick: the profile is "
            "of an older format, make it anew to have that looked at.",
        )
    how = (
        "the first live rows do not tell"
        if is_self_reference
        else "the reference has no order in time to tell"
    )
    return Bound(True, f"{promise}, if rows do not depend on each other: {how}.")
