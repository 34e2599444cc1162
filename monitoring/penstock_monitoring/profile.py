# SPDX-License-Identifier: Apache-2.0
"""Builds the reference profile of a version from held-out rows. The format is penstock.profile's.

Rows that the model learnt from must not be among them: its answers to those are better than any
that it will give. Of a sensitive column nothing is kept but how many values it has not.
"""

from pathlib import Path
from typing import Any

import numpy as np

from penstock.digests import canonical_json
from penstock.errors import ProfileError
from penstock.profile import ReferenceProfile, digest_of_profile, profile_of
from penstock.profile.features import HOURS
from penstock.profile.reference import FORMAT, FORMAT_OF_BLOCKS, FORMAT_OF_HISTORY
from penstock_monitoring.held_out import Column, Reference
from penstock_monitoring.profile_features import feature_of
from penstock_monitoring.profile_scores import scores_of, target_of
from penstock_monitoring.rounded import rounded

__all__ = ["Column", "Reference", "build_profile", "write_profile"]


def build_profile(reference: Reference) -> ReferenceProfile:
    """The profile of n rows.

    Raises:
        ProfileError: there are no rows, or parts of different rows.
    """
    n = _rows(reference)
    content: dict[str, Any] = {
        "format": FORMAT,
        "model": reference.model,
        "rows": n,
        "answers": list(reference.answers),
        "features": [feature_of(column, reference) for column in reference.columns],
        "target": target_of(reference),
        "scores": [scores_of(reference, place) for place in range(len(reference.answers))],
        "metrics": {
            name: rounded(value)
            for name, value in sorted(reference.metrics.items())
            if np.isfinite(value)
        },
        "thresholds": None,
        "seed": reference.seed,
    }
    if reference.hours is not None:
        rows = np.bincount(reference.hours, minlength=HOURS)
        content["hours"] = {"timezone": reference.timezone, "rows": rows.tolist()}
    if reference.losses is None or reference.hours is not None or reference.has_sketches:
        content["format"] = FORMAT_OF_BLOCKS
    if reference.is_in_time_order:
        content["format"] = FORMAT_OF_HISTORY
    content["digest"] = digest_of_profile(content)
    return profile_of(content)


def write_profile(profile: ReferenceProfile, path: Path) -> None:
    """Write profile.json: the same bytes for the same profile."""
    content = profile.model_dump(mode="json")
    path.write_text(canonical_json(content) + "\n", encoding="utf-8")


def _rows(reference: Reference) -> int:
    """How many rows all of its parts are of."""
    losses, answered, truth = reference.losses, reference.answered, reference.truth
    n = (
        len(losses)
        if losses is not None
        else max((len(c.values) for c in reference.columns), default=0)
    )
    if n == 0:
        raise ProfileError("a reference profile needs held-out rows: there are none.")
    for column in reference.columns:
        if len(column.values) != n:
            others = "losses" if losses is not None else "another column"
            raise ProfileError(f"{column.name} has {len(column.values)} rows, {others} {n}.")
    shape = (0, 0) if answered is None else answered.shape
    is_answered = shape == (n, len(reference.answers)) or (
        answered is None and not reference.answers
    )
    is_known = len(truth) == n if truth is not None else losses is None
    if not is_answered or not is_known:
        raise ProfileError(f"answers and true values are not those of {n} rows.")
    if reference.hours is not None and len(reference.hours) != n:
        raise ProfileError(f"hours of the week are not those of {n} rows.")
    return n
