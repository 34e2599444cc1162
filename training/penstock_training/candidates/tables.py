# SPDX-License-Identifier: Apache-2.0
"""The rows of the parts, transformed for a family."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from penstock_training.candidates.family import Array, Table, balanced_weights
from penstock_training.errors import CandidateError
from penstock_training.features import FeaturePlan, features_of, target_of, transformation_of

__all__ = ["Parts", "Transformed", "parts_of", "transformed_for"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """Features and target of the rows that train, and of those that choose."""

    train: pd.DataFrame
    train_target: Array
    validation: pd.DataFrame
    validation_target: Array


@dataclass(frozen=True, slots=True, kw_only=True)
class Transformed:
    """The same, after a fitted transformation."""

    transformation: Any
    train: Table
    validation: Table


def parts_of(train: pd.DataFrame, validation: pd.DataFrame, plan: FeaturePlan) -> Parts:
    """Raises DataError: a column is not there, or the target is not what it was."""
    return Parts(
        train=features_of(train, plan),
        train_target=target_of(train, plan),
        validation=features_of(validation, plan),
        validation_target=target_of(validation, plan),
    )


def transformed_for(
    family: str, parts: Parts, plan: FeaturePlan, *, class_weight: str | None
) -> Transformed:
    """Fit the family's transformation to the training rows, and apply it.

    Raises:
        CandidateError: a step cannot be fitted to these rows.
    """
    made = transformation_of(plan, family)
    weights = None
    if plan.is_classifier and class_weight == "balanced":
        weights = balanced_weights(parts.train_target)
    try:
        train = _floats(made.fit_transform(parts.train, parts.train_target))
        validation = _floats(made.transform(parts.validation))
    except ValueError as error:
        raise CandidateError(f"[features] cannot be fitted to the training rows: {error}") from None
    for part, x in {"training": train, "validation": validation}.items():
        _refuse_missing(x, part, family)
    return Transformed(
        transformation=made,
        train=Table(x=train, y=parts.train_target, weights=weights),
        validation=Table(x=validation, y=parts.validation_target),
    )


def _floats(found: Any) -> Array:
    return np.ascontiguousarray(found, np.float32)


#: What these families' libraries take for missing.
_TAKES_MISSING: Mapping[str, bool] = {"forest": True, "lightgbm": True, "xgboost": True}


def _refuse_missing(x: Array, part: str, family: str) -> None:
    if np.isinf(x).any() or (np.isnan(x).any() and not _TAKES_MISSING.get(family, False)):
        places = np.flatnonzero(~np.isfinite(x).all(axis=0))
        raise CandidateError(
            f"the {part} rows hold missing or infinite numbers after [features], in {len(places)} "
            f"columns, which the family {family} does not take: add the step impute, or leave the "
            "family out."
        )
