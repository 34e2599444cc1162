# SPDX-License-Identifier: Apache-2.0
"""`[features]`: the transformation that becomes part of the served graph."""

from typing import Any

from pydantic import Field, model_validator

from penstock_training.spec.table import Table

__all__ = ["FeaturesSpec", "StepSpec"]


class StepSpec(Table):
    """One step, of one or more columns. Steps of a column follow each other as written."""

    #: impute, standard, minmax, robust, power, log1p, clip, bins, onehot, ordinal, ...
    kind: str
    #: Names, or "numeric" and "categorical": all of them.
    columns: tuple[str, ...] | str
    #: Parameters of the step, as its library calls them.
    options: dict[str, Any] = Field(default_factory=dict)


class FeaturesSpec(Table):
    """Which columns are features, of what kind, and what happens to them.

    Columns that are named nowhere are numeric if they are numbers, else categorical. Without steps,
    numeric columns are imputed and scaled, and categorical ones are imputed and one-hot encoded.
    """

    numeric: tuple[str, ...] = ()
    categorical: tuple[str, ...] = ()
    #: In the data, but no features: identifiers, what is known only afterwards.
    drop: tuple[str, ...] = ()
    #: Values of these are never stored, shown, logged or used as metric labels.
    sensitive: tuple[str, ...] = ()
    step: tuple[StepSpec, ...] = ()
    #: Relative difference of served and trained predictions that is let pass.
    parity: float = Field(default=1e-4, gt=0)

    @model_validator(mode="after")
    def _names_each_column_once(self) -> "FeaturesSpec":
        seen: dict[str, str] = {}
        for kind in ("numeric", "categorical", "drop"):
            for column in getattr(self, kind):
                if column in seen:
                    raise ValueError(f"column {column} is in {seen[column]} and in {kind}")
                seen[column] = kind
        return self
