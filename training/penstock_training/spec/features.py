# SPDX-License-Identifier: Apache-2.0
"""`[features]`: the transformation that becomes part of the served graph."""

from typing import Any

from pydantic import Field, model_validator

from penstock_training.spec.candidates import Family
from penstock_training.spec.feature_kinds import option_error, step_error
from penstock_training.spec.table import Table

__all__ = ["FeaturesSpec", "StepSpec"]


class StepSpec(Table):
    """One step, of one or more columns. Steps of a column follow each other as written."""

    #: A name in the table of penstock_training.spec.feature_kinds.
    kind: str
    #: Names, or "numeric" and "categorical": all of them.
    columns: tuple[str, ...] | str
    #: Parameters of the step, as its library calls them.
    options: dict[str, Any] = Field(default_factory=dict)
    #: Families whose models need the step; None: all of them.
    families: tuple[Family, ...] | None = None

    @model_validator(mode="after")
    def _can_be_served(self) -> "StepSpec":
        wrong = step_error(self.kind, self.options) or option_error(self.kind, self.options)
        if wrong is not None:
            raise ValueError(wrong)
        if not self.columns:
            raise ValueError(
                f'{self.kind} has no columns: wanted names, "numeric" or "categorical"'
            )
        if isinstance(self.columns, str) and self.columns not in ("numeric", "categorical"):
            raise ValueError(
                f'{self.kind} has columns = "{self.columns}": wanted a list of names, "numeric" or '
                '"categorical"'
            )
        return self


class FeaturesSpec(Table):
    """Which columns are features, of what kind, and what happens to them.

    Columns that are named nowhere are numeric if they are numbers, else categorical; a column that
    only splits rows is none. A numeric column without steps is imputed with its median and, for
    families that need it, scaled; a categorical one is one-hot encoded, what is missing being a
    category of its own.
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
