# SPDX-License-Identifier: Apache-2.0
"""What a profile knows of one column of a model's inputs."""

from itertools import pairwise
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from penstock.profile.places import CATEGORY_SPECIALS, SPECIALS

__all__ = [
    "CATEGORIES_MAX",
    "CategoricalFeature",
    "EDGES_MAX",
    "Feature",
    "NumericFeature",
    "SensitiveFeature",
]

#: 64 bins.
EDGES_MAX = 63
CATEGORIES_MAX = 256

Count = Annotated[int, Field(ge=0)]
#: A number for each of the model's answers.
Answers = tuple[float, ...]


class Part(BaseModel):
    """A part of a profile: unknown keys are refused, nothing is infinite, nothing changes."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class _Counted(Part):
    """What all columns have whose values may be known. Tuples are by place: see places.py."""

    name: str
    #: Reference rows at each place.
    counts: tuple[Count, ...]
    #: The mean answer of the rows at each place; None: there are none. (mu of B6.)
    response: tuple[Answers | None, ...]
    #: Their mean loss. (ell of B6.)
    loss: tuple[float | None, ...]
    #: How much worse the metric is with the column shuffled; None: not measured.
    importance: float | None = None
    #: How many times more counts vary from one tick to the next than those of rows drawn
    #: independently; None: the rows have no order in time, or are too few.
    overdispersion: Annotated[float, Field(gt=0)] | None = None

    @model_validator(mode="after")
    def _has_a_number_at_each_place(self) -> "_Counted":
        if not len(self.counts) == len(self.response) == len(self.loss):
            raise ValueError(
                f"{self.name} has {len(self.counts)} counts, {len(self.response)} responses and "
                f"{len(self.loss)} losses"
            )
        for count, response, loss in zip(self.counts, self.response, self.loss, strict=True):
            if (count == 0) != (response is None) or (count == 0) != (loss is None):
                raise ValueError(f"{self.name} has a place without rows that answers, or one with")
        return self

    @property
    def rows(self) -> int:
        """All reference rows."""
        return sum(self.counts)


class NumericFeature(_Counted):
    """A column of the float32 tensor."""

    kind: Literal["numeric"] = "numeric"
    #: Ascending, as float32 holds them; a value that many rows have stands in a bin of its own.
    edges: Annotated[tuple[float, ...], Field(max_length=EDGES_MAX)]
    #: Of the finite values; None: there are none.
    minimum: float | None
    maximum: float | None
    mean: float | None
    variance: Annotated[float, Field(ge=0)] | None

    @model_validator(mode="after")
    def _has_a_count_for_each_bin(self) -> "NumericFeature":
        if any(low >= high for low, high in pairwise(self.edges)):
            raise ValueError(f"{self.name} has edges that do not ascend")
        if len(self.counts) != len(self.edges) + 1 + len(SPECIALS):
            raise ValueError(f"{self.name} has {len(self.edges)} edges, {len(self.counts)} counts")
        return self


class CategoricalFeature(_Counted):
    """An input of texts or of whole numbers."""

    kind: Literal["categorical"] = "categorical"
    datatype: Literal["BYTES", "INT64"]
    #: The commonest first.
    categories: Annotated[tuple[str | int, ...], Field(max_length=CATEGORIES_MAX)]
    #: Different values among the reference rows, those without a place of their own as well.
    distinct: Count

    @model_validator(mode="after")
    def _has_a_count_for_each_category(self) -> "CategoricalFeature":
        if len(set(self.categories)) != len(self.categories):
            raise ValueError(f"{self.name} has a category twice")
        if len(self.counts) != len(self.categories) + len(CATEGORY_SPECIALS):
            raise ValueError(
                f"{self.name} has {len(self.categories)} categories, {len(self.counts)} counts"
            )
        return self


class SensitiveFeature(Part):
    """A column of whose values nothing is kept but how many there are not."""

    kind: Literal["sensitive"] = "sensitive"
    name: str
    datatype: Literal["FP32", "BYTES", "INT64"]
    rows: Count
    missing: Count

    @model_validator(mode="after")
    def _misses_no_more_than_it_has(self) -> "SensitiveFeature":
        if self.missing > self.rows:
            raise ValueError(f"{self.name} misses {self.missing} of {self.rows} rows")
        return self


Feature = Annotated[
    NumericFeature | CategoricalFeature | SensitiveFeature, Field(discriminator="kind")
]
