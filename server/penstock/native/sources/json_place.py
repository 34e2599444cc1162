# SPDX-License-Identifier: Apache-2.0
"""A place in a tree of JSON, which says where it is when it does not hold what is wanted."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from penstock.errors import ModelFileError

__all__ = ["JsonPlace"]


class JsonPlace:
    """A value and the path to it. What is asked for and is not there raises ModelFileError."""

    def __init__(self, value: Any, path: str = "") -> None:
        self.value = value
        self.path = path

    def __contains__(self, key: str) -> bool:
        return isinstance(self.value, dict) and key in self.value

    def get(self, *keys: str) -> "JsonPlace":
        """What an object holds under a key; of several keys, one inside the other."""
        here = self
        for key in keys:
            if not isinstance(here.value, dict) or key not in here.value:
                raise ModelFileError(f"it has no {here.path}{key}: wanted an XGBoost model.")
            here = JsonPlace(here.value[key], f"{here.path}{key}.")
        return here

    def elements(self) -> Iterator["JsonPlace"]:
        """The elements of an array."""
        if not isinstance(self.value, list):
            raise self._wrong("an array")
        for place, element in enumerate(self.value):
            yield JsonPlace(element, f"{self.path}{place}.")

    def text(self) -> str:
        """A string."""
        if not isinstance(self.value, str):
            raise self._wrong("a string")
        return self.value

    def whole(self, end: int) -> int:
        """A number from 0 to `end` - 1; XGBoost writes it as a string."""
        found = str(self.value)
        if not found.isascii() or not found.isdecimal() or len(found) > 12 or int(found) >= end:
            raise self._wrong(f"a number below {end}")
        return int(found)

    def array(self, dtype: npt.DTypeLike, count: int = -1) -> npt.NDArray[Any]:
        """An array of numbers that are all of `dtype`, `count` of them if that is given."""
        wanted = np.dtype(dtype)
        try:
            with np.errstate(over="ignore", invalid="ignore"):
                given = np.array(self.value, np.float64)
                found = given.astype(wanted)
        except (TypeError, ValueError, OverflowError):
            raise self._wrong(f"an array of {wanted.name}") from None
        if given.ndim != 1 or (count >= 0 and len(given) != count):
            raise self._wrong(f"an array of {count if count >= 0 else 'any number of'} numbers")
        is_same = np.isfinite(found) if wanted.kind == "f" else found == given
        if not is_same.all():
            raise self._wrong(f"numbers of {wanted.name}, not {given[~is_same][0]}")
        return found

    def _wrong(self, wanted: str) -> ModelFileError:
        found = repr(self.value)
        return ModelFileError(
            f"{self.path.rstrip('.')}: wanted {wanted}, "
            f"found {found if len(found) <= 60 else f'{found[:57]}...'}."
        )
