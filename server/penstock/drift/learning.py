# SPDX-License-Identifier: Apache-2.0
"""The first live rows of a version of which no reference is known. No clock, no I/O."""

from collections.abc import Iterable, Sequence
from contextlib import suppress

import numpy as np

from penstock.drift.taken import Sample
from penstock.drift.taken_bytes import taken_of
from penstock.errors import MonitoringError

__all__ = ["Learning"]

#: Values that are gathered at most, whatever the number of columns.
VALUES_MAX = 10_000_000


class Learning:
    """Gathers samples until they have so many rows."""

    def __init__(self, rows: int, columns: int) -> None:
        self.rows_wanted = min(rows, max(1, VALUES_MAX // max(1, columns)))
        self.rows = 0
        self._samples: list[Sample] = []

    def add(self, sample: Sample) -> None:
        """Rows besides those before; those beyond what is wanted are left."""
        rows = min(_rows(sample), self.rows_wanted - self.rows)
        if rows <= 0:
            return
        texts: dict[int, Sequence[str | int]] = {
            place: values[:rows] for place, values in sample.texts.items()
        }
        self._samples.append(Sample(numbers=np.array(sample.numbers[:rows]), texts=texts))
        self.rows += rows

    def add_frames(self, frames: Iterable[bytes]) -> None:
        """The samples of counts that were kept; of those that are damaged none."""
        for frame in frames:
            with suppress(MonitoringError):
                if (sample := taken_of(frame).sample) is not None:
                    self.add(sample)

    @property
    def rows_left(self) -> int:
        """How many are still wanted."""
        return self.rows_wanted - self.rows

    @property
    def is_full(self) -> bool:
        """Whether there are as many as are wanted, if any are."""
        return self.rows_wanted > 0 and not self.rows_left

    @property
    def samples(self) -> Sequence[Sample]:
        """In the order in which they came."""
        return self._samples


def _rows(sample: Sample) -> int:
    return max([len(sample.numbers), *(len(values) for values in sample.texts.values())])
