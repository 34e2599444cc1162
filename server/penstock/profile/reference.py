# SPDX-License-Identifier: Apache-2.0
"""A reference profile as a whole."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from penstock.profile.features import EDGES_MAX, HOURS, Count, Feature, Part, is_none
from penstock.profile.places import ascend

__all__ = [
    "FORMAT",
    "FORMAT_OF_BLOCKS",
    "FORMAT_OF_HISTORY",
    "HoursOfWeek",
    "ReferenceProfile",
    "ScoreBins",
    "TargetClasses",
    "TargetNumbers",
]

FORMAT: Literal[1] = 1
#: Where something stands in it, or is left out, that format 1 does not know of.
FORMAT_OF_BLOCKS: Literal[2] = 2
#: Where it tells of rows in the order of time, of which format 2 does not know.
FORMAT_OF_HISTORY: Literal[3] = 3
FEATURES_MAX = 10_000


class ScoreBins(Part):
    """One answer of the model, in bins of about as many rows each."""

    #: The class whose probability it is; None: the prediction of a regression.
    answer: str | int | None
    edges: Annotated[tuple[float, ...], Field(max_length=EDGES_MAX)]
    #: len(edges) + 1, as are the others.
    counts: tuple[Count, ...]
    #: Rows of that class; none of regression, or where nobody knows what was true.
    hits: tuple[Count, ...] = ()
    #: The share of them, made monotonous (isotonic regression); the last known one where a bin has
    #: no rows. None where there are no hits.
    calibrated: tuple[Annotated[float, Field(ge=0, le=1)], ...] = ()
    #: The rows' mean loss; None: there are none.
    loss: tuple[float | None, ...]

    @model_validator(mode="after")
    def _has_a_number_for_each_bin(self) -> "ScoreBins":
        if not ascend(self.edges):
            raise ValueError("edges of scores do not ascend, as float32 holds them")
        sizes = {len(self.counts), len(self.loss), len(self.edges) + 1}
        if self.answer is not None and self.has_losses:
            sizes |= {len(self.hits), len(self.calibrated)}
        if len(sizes) != 1:
            raise ValueError(f"scores of {self.answer} have not as many numbers as bins")
        return self

    @property
    def has_losses(self) -> bool:
        """Whether it was known what was true."""
        return any(loss is not None for loss in self.loss)


class TargetClasses(Part):
    """How often each class was true."""

    kind: Literal["classes"] = "classes"
    classes: tuple[str | int, ...]
    counts: tuple[Count, ...]

    @model_validator(mode="after")
    def _has_a_count_for_each_class(self) -> "TargetClasses":
        if len(self.classes) != len(self.counts):
            raise ValueError(f"{len(self.classes)} classes have {len(self.counts)} counts")
        return self


class TargetNumbers(Part):
    """How the true values of a regression lie."""

    kind: Literal["numbers"] = "numbers"
    edges: Annotated[tuple[float, ...], Field(max_length=EDGES_MAX)]
    counts: tuple[Count, ...]
    mean: float
    variance: Annotated[float, Field(ge=0)]

    @model_validator(mode="after")
    def _has_a_count_for_each_bin(self) -> "TargetNumbers":
        if len(self.counts) != len(self.edges) + 1:
            raise ValueError(f"the target has {len(self.edges)} edges, {len(self.counts)} counts")
        return self


class HoursOfWeek(Part):
    """When the rows came, by hours of the week."""

    #: An IANA name: that of the clock on the wall.
    timezone: str
    rows: Annotated[tuple[Count, ...], Field(min_length=HOURS, max_length=HOURS)]


class ReferenceProfile(Part):
    """What live rows are compared with: held-out rows, never those that the model learnt from."""

    format: Literal[1, 2, 3] = FORMAT
    model: str
    #: Rows that it is of.
    rows: Annotated[int, Field(ge=1)]
    #: Names of the answers that `response` has a number for each of, in order.
    answers: tuple[str | int, ...]
    features: Annotated[tuple[Feature, ...], Field(max_length=FEATURES_MAX)]
    #: None: the target is sensitive, or unknown.
    target: Annotated[TargetClasses | TargetNumbers, Field(discriminator="kind")] | None
    scores: tuple[ScoreBins, ...]
    #: What the model reached on these rows, by metric.
    metrics: dict[str, float]
    #: Of a table of thresholds for alarms; None: those of whoever reads it.
    thresholds: str | None = None
    #: What all chances in it were drawn with.
    seed: Annotated[int, Field(ge=0)]
    #: SHA-256 of all the rest: digest_of_profile().
    digest: str
    #: None: the features have no counts by hour.
    hours: HoursOfWeek | None = Field(default=None, exclude_if=is_none)

    @model_validator(mode="after")
    def _is_of_the_same_rows_throughout(self) -> "ReferenceProfile":
        names = [feature.name for feature in self.features]
        if len(set(names)) != len(names):
            raise ValueError("a feature stands in it twice")
        for feature in self.features:
            if feature.rows != self.rows:
                raise ValueError(f"{feature.name} is of {feature.rows} rows, not of {self.rows}")
            if feature.kind != "sensitive" and any(
                response is not None and len(response) != len(self.answers)
                for response in feature.response
            ):
                raise ValueError(f"{feature.name} responds with other than one number per answer")
        return self

    @model_validator(mode="after")
    def _is_of_its_format(self) -> "ReferenceProfile":
        told = ["hours"] if self.hours is not None else []
        told += [
            f"{block} of {feature.name}"
            for feature in self.features
            if feature.kind != "sensitive"
            for block in feature.blocks()
        ]
        if told and self.format == FORMAT:
            raise ValueError(f"format {FORMAT} has not {told[0]}: wanted {FORMAT_OF_BLOCKS}")
        has_history = any(
            feature.kind != "sensitive" and feature.history is not None for feature in self.features
        )
        if has_history and self.format != FORMAT_OF_HISTORY:
            raise ValueError(f"format {self.format} has not history: wanted {FORMAT_OF_HISTORY}")
        return self
