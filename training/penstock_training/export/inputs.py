# SPDX-License-Identifier: Apache-2.0
"""A frame of features as the arrays that a served graph takes."""

import numpy as np
import pandas as pd

from penstock_training.candidates.family import Array
from penstock_training.export.signature import FEATURES
from penstock_training.features import FeaturePlan

__all__ = ["inputs_of"]


def inputs_of(rows: pd.DataFrame, plan: FeaturePlan) -> dict[str, Array]:
    """Arrays by input for a frame of features_of(): [n, k] float32, and [n, 1] of each text."""
    made: dict[str, Array] = {}
    if plan.numeric:
        made[FEATURES] = rows[list(plan.numeric)].to_numpy(np.float32)
    for one in plan.categorical:
        dtype = object if one.datatype == "BYTES" else np.int64
        made[one.name] = rows[[one.name]].to_numpy(dtype)
    return made
