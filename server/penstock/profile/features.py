# SPDX-License-Identifier: Apache-2.0
"""What a profile knows of one column of a model's inputs."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from penstock.profile.places import CATEGORY_SPECIALS, SPECIALS, ascend

__all__ = [
    "BLOCKS_MIN",
    "CATEGORIES_MAX",
    "CategoricalFeature",
    "EDGES_MAX",
    "Feature",
    "HOURS",
    "History",
    "NumericFeature",
    "SensitiveFeature",
    "is_none",
]

#: 64 bins.
EDGES_MAX = 63
CATEGORIES_MAX = 256
#: Of a week, from the first one of Monday.
HOURS = 7 * 24
#: Of fewer blocks of rows nobody can tell how rows depend on each other.
BLOCKS_MIN = 50

Count = Annotated[int, Field(ge=0)]
#: A number for each of the model's answers.
Answers = tuple[float, ...]


def is_none(value: object) -> bool:
    """Of blocks that need not be there: format 1 does not know even their names."""
    return value is None


class Part(BaseModel):
    """A part of a profile: unknown keys are refused, nothing is infinite, nothing changes."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class History(Part):
    """What rows in the order of time tell of how they depend on each other.

    Neighbouring blocks of `block_rows` rows do not, as far as can be seen; there are `blocks`.
    """

    block_rows: Annotated[int, Field(ge=1)]
    blocks: Count

    @property
    def is_enough(self) -> bool:
        """Whether false alarms can be bounded by what they tell."""
        return self.blocks >= BLOCKS_MIN


class _Counted(Part):
    """What all columns have whose values may be known. Tuples are by place: see places.py."""

    name: Annotated[str, Field(min_length=1)]
    #: Reference rows at each place.
    counts: tuple[Count, ...]
    #: The mean answer of the rows at each place; None: there are none. (mu of B6.)
    response: tuple[Answers | None, ...]
    #: Their mean loss (ell of B6); None at all places: nobody knows what was true.
    loss: tuple[float | None, ...]
    #: How much worse the metric is with the column shuffled; None: not measured.
    importance: float | None = None
    #: How many times more counts of blocks of rows vary than those of rows drawn independently:
    #: an upper estimate. None: the rows have no order in time, or are too few.
    overdispersion: Annotated[float, Field(gt=0)] | None = None
    #: None: the rows have no order in time, or a format before 3.
    history: History | None = Field(default=None, exclude_if=is_none)
    #: The counts of each hour of the week; of an hour without rows none. None: not told.
    by_hour: Annotated[
        tuple[tuple[Count, ...], ...] | None, Field(min_length=HOURS, max_length=HOURS)
    ] = Field(default=None, exclude_if=is_none)

    @model_validator(mode="after")
    def _has_a_number_at_each_place(self) -> "_Counted":
        if not len(self.counts) == len(self.response) == len(self.loss):
            raise ValueError(
                f"{self.name} has {len(self.counts)} counts, {len(self.response)} responses and "
                f"{len(self.loss)} losses"
            )
        for count, response, loss in zip(self.counts, self.response, self.loss, strict=True):
            has_no_loss = loss is None and (count == 0 or not self.has_losses)
            if (count == 0) != (response is None) or (loss is None) != has_no_loss:
                raise ValueError(f"{self.name} has a place without rows that answers, or one with")
        return self

    @model_validator(mode="after")
    def _has_the_same_rows_by_hour(self) -> "_Counted":
        hours = [hour for hour in self.by_hour or () if hour]
        if any(len(hour) != len(self.counts) for hour in hours) or (
            self.by_hour is not None and tuple(map(sum, zip(*hours, strict=True))) != self.counts
        ):
            raise ValueError(f"{self.name} has other counts by hour of the week than in all")
        return self

    @property
    def has_losses(self) -> bool:
        """Whether it was known what was true."""
        return any(loss is not None for loss in self.loss)

    def blocks(self) -> Iterator[str]:
        """Names of what format 1 has not, and this has."""
        if self.by_hour is not None:
            yield "by_hour"
        if not self.has_losses:
            yield "no loss"

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
    #: A KLL sketch of the finite values, as datasketches writes one of floats; in base64.
    kll: str | None = Field(default=None, exclude_if=is_none)

    def blocks(self) -> Iterator[str]:
        """See _Counted."""
        yield from super().blocks()
        if self.kll is not None:
            yield "kll"

    @model_validator(mode="after")
    def _has_a_count_for_each_bin(self) -> "NumericFeature":
        if not ascend(self.edges):
            raise ValueError(f"{self.name} has edges that do not ascend, as float32 holds them")
        least, greatest = self.minimum, self.maximum
        if least is not None and greatest is not None and least > greatest:
            raise ValueError(f"{self.name} has a minimum above its maximum")
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
        if any(not _is_of(self.datatype, one) for one in self.categories):
            raise ValueError(f"{self.name} has a category that is no {self.datatype}")
        if len(set(self.categories)) != len(self.categories):
            raise ValueError(f"{self.name} has a category twice")
        if len(self.counts) != len(self.categories) + len(CATEGORY_SPECIALS):
            raise ValueError(
                f"{self.name} has {len(self.categories)} categories, {len(self.counts)} counts"
            )
        return self


def _is_of(datatype: str, category: str | int) -> bool:
    if isinstance(category, str):
        return datatype == "BYTES"
    return datatype == "INT64" and -(2**63) <= category < 2**63


class SensitiveFeature(Part):
    """A column of whose values nothing is kept but how many there are not."""

    kind: Literal["sensitive"] = "sensitive"
    name: Annotated[str, Field(min_length=1)]
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
