# SPDX-License-Identifier: Apache-2.0
"""The counts of the core, as the rest of the house sees them."""

from collections.abc import Sequence

import numpy as np

from penstock._core import CoreError
from penstock._core.drift import Column, Counts
from penstock._core.drift import Drift as CoreDrift
from penstock._core.drift import Watch as CoreWatch
from penstock.drift.layout import Layout, WatchedColumn
from penstock.drift.ports import Unserved
from penstock.drift.taken import Sample, Taken
from penstock.errors import EngineError

__all__ = ["EngineWatches", "Watch"]


class Watch:
    """One served version whose rows are counted by `layout`. Made by `EngineWatches.open`.

    It remains when its version is unloaded, with what was counted until then.
    """

    def __init__(
        self, core: CoreWatch, layout: Layout, *, now: float, share: float, sample_rows: int
    ) -> None:
        self.layout = layout
        self.share = share
        self._core = core
        self._since = now
        self._sample_rows = sample_rows
        self._takes_sample = sample_rows > 0

    def take(self, now: float, *, ends_tick: bool, forgets_keys: bool = False) -> Taken:
        """What was counted since the last call; `now`: seconds since 1970, UTC.

        `forgets_keys`: each sticky key may bring rows again, as after the end of a tick.
        Waits until all that was answered before the call is counted, some milliseconds, without
        the interpreter's lock. Raises EngineError once the engine has stopped.
        """
        try:
            counts = self._core.take(ends_tick or forgets_keys)
        except CoreError as error:
            raise EngineError(str(error), code=error.code) from None
        since, self._since = self._since, now
        takes_sample, self._takes_sample = self._takes_sample, self._sample_rows > 0
        return Taken(
            at=now,
            since=since,
            shown=counts.shown,
            tested=counts.tested,
            outside=counts.outside,
            moments=counts.moments,
            requests=counts.requests,
            rows=counts.rows,
            tested_rows=counts.tested_rows,
            dropped_rows=counts.full_rows + counts.large_rows + counts.replaced_rows,
            large_rows=counts.large_rows,
            replaced_rows=counts.replaced_rows,
            unsampled_rows=counts.unsampled_rows,
            unfit_rows=counts.unfit_rows,
            repeated_rows=counts.repeated_rows,
            capped_rows=counts.capped_rows,
            share=self.share,
            ends_tick=ends_tick,
            sample=_sample(counts) if takes_sample else None,
        )

    def keep_sample(self, rows: int) -> None:
        """From the next `take` on, so many rows are drawn of each span; 0: none.

        No more than 8 MiB of numbers hold.
        """
        self._sample_rows = rows
        self._core.keep_sample(rows)

    @property
    def memory_bytes(self) -> int:
        """Of its counts and maps."""
        return self._core.memory_bytes


class EngineWatches:
    """What the versions of one engine are watched by. From any thread."""

    def __init__(self, core: CoreDrift) -> None:
        self._core = core

    def open(
        self,
        model: str,
        version: int,
        layout: Layout,
        *,
        now: float,
        share: float = 1.0,
        sample_rows: int = 0,
        unserved: Unserved | None = None,
    ) -> Watch:
        """Counts the rows of a loaded version from now on, in place of the watch that it had.

        `unserved`: that version, where no request reaches it yet.

        Raises EngineError: NOT_FOUND for a version that is not loaded, INVALID_ARGUMENT, with the
        column at fault, for a layout that is not of this version.
        """
        try:
            columns = [_column(column) for column in layout.columns]
            core: CoreWatch
            if unserved is not None:
                core = unserved.open_watch(columns, share, sample_rows)
            else:
                core = self._core.open_watch(model, version, columns, share, sample_rows)
        except CoreError as error:
            raise EngineError(str(error), code=error.code) from None
        return Watch(core, layout, now=now, share=share, sample_rows=sample_rows)

    @property
    def ring_bytes(self) -> int:
        """Memory of all watches together, between those that answer and the one that counts."""
        return self._core.ring_bytes


def _column(column: WatchedColumn) -> Column:
    made = Column(column.name, column.tensor, column.is_output, column.reading)
    made.element = column.element
    made.edges = np.asarray(column.edges, np.float32).tolist()
    made.minimum = column.minimum
    made.maximum = column.maximum
    made.shift = column.shift
    made.is_sensitive = column.is_sensitive
    texts = [name for name in column.categories if isinstance(name, str)]
    integers = [name for name in column.categories if not isinstance(name, str)]
    if texts and integers:
        raise EngineError(
            f"column {column.name!r} cannot be watched: its categories are both texts and numbers.",
            code="INVALID_ARGUMENT",
        )
    if texts:
        made.texts = [text.encode() for text in texts]
    elif integers:
        made.integers = integers
    return made


def _sample(counts: Counts) -> Sample:
    texts: dict[int, Sequence[str | int]] = {
        column: [text.decode(errors="replace") for text in values]
        for column, values in counts.sample_texts.items()
    }
    for column, values in counts.sample_integers.items():
        texts[column] = ["" if value is None else value for value in values]
    return Sample(numbers=counts.sample_numbers, texts=texts)
