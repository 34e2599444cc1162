# SPDX-License-Identifier: Apache-2.0
"""What is counted of the rows of one served version: columns, and the places of each."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from penstock.profile.places import CATEGORY_SPECIALS, SPECIALS

__all__ = ["PROJECTIONS", "PRESENCE", "Layout", "Reading", "WatchedColumn"]

#: How a row of a tensor becomes the value of a column. `number`, `category`: the element at
#: `element`. `present`: whether that is missing, and nothing else (sensitive columns). `length`:
#: bytes of a text. `norm`, `projection`: of all the row's elements (embeddings); `element` numbers
#: the projection.
Reading = Literal["number", "category", "present", "length", "norm", "projection"]

#: Of each embedding.
PROJECTIONS = 16
#: Places of a sensitive column.
PRESENCE = ("present", "missing")


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchedColumn:
    """One column, and what its places are: bins between `edges`, or `categories`; then specials."""

    #: As the reference profile calls it; of a score, the output's name and the answer.
    name: str
    #: An input or an output of the version.
    tensor: str
    is_output: bool = False
    reading: Reading
    #: Which of the row's elements, counted over all dimensions but that of the batch.
    element: int = 0
    #: Ascending, as float32 holds them.
    edges: tuple[float, ...] = ()
    categories: tuple[str | int, ...] = ()
    #: Of the reference's finite values; None: unknown, and nothing is counted as outside of them.
    minimum: float | None = None
    maximum: float | None = None
    #: What sums are taken of the difference to, so that they lose no digits.
    shift: float = 0.0
    #: Values may be told to nobody. Such a column is read as `present`.
    is_sensitive: bool = False

    @property
    def places(self) -> int:
        """How many counts it has."""
        if self.reading == "present":
            return len(PRESENCE)
        if self.reading == "category":
            return len(self.categories) + len(CATEGORY_SPECIALS)
        return len(self.edges) + 1 + len(SPECIALS)


@dataclass(frozen=True, kw_only=True)
class Layout:
    """All columns of a version in order; counts of all their places stand behind each other."""

    columns: tuple[WatchedColumn, ...]

    @cached_property
    def offsets(self) -> Sequence[int]:
        """Where the places of each column begin; one more at the end: how many there are."""
        found = [0]
        for column in self.columns:
            found.append(found[-1] + column.places)
        return tuple(found)
