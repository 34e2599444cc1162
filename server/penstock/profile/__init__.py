# SPDX-License-Identifier: Apache-2.0
"""The reference profile of a model's version, as it is read: docs/profile.md.

What held-out rows looked like, and what the model said of them, in counts by bins. It is what live
rows are compared with. It is written by penstock_monitoring.profile, and nothing here writes.
"""

from penstock.profile.features import (
    CategoricalFeature,
    History,
    NumericFeature,
    SensitiveFeature,
)
from penstock.profile.places import SPECIALS, category_places, number_places
from penstock.profile.read import PROFILE_FILE, digest_of_profile, profile_of, read_profile
from penstock.profile.reference import (
    HoursOfWeek,
    ReferenceProfile,
    ScoreBins,
    TargetClasses,
    TargetNumbers,
)

__all__ = [
    "CategoricalFeature",
    "History",
    "HoursOfWeek",
    "NumericFeature",
    "PROFILE_FILE",
    "ReferenceProfile",
    "SPECIALS",
    "ScoreBins",
    "SensitiveFeature",
    "TargetClasses",
    "TargetNumbers",
    "category_places",
    "digest_of_profile",
    "number_places",
    "profile_of",
    "read_profile",
]
