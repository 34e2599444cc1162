"""Watches: what is counted of the rows of served versions.

`penstock.drift.counting` gives these to the rest of the house; what the words mean stands in
`penstock.drift.layout` and `penstock.drift.taken`.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

#: What a row of one watched tensor may have.
ROW_BYTES_MAX: int
#: That one watch may have.
COLUMNS_MAX: int

class Column:
    """One column. `reading`: see `penstock.drift.layout.Reading`; CoreError for another word."""

    element: int
    edges: Sequence[float]
    minimum: float | None
    maximum: float | None
    shift: float
    is_sensitive: bool
    def __init__(self, name: str, tensor: str, is_output: bool, reading: str) -> None: ...

    integers: Sequence[int]  # the categories of a tensor of integers; only to be set
    texts: Sequence[bytes]  # and of one of texts

class Counts:
    """Of one span of time. Each array is a copy of its own."""

    @property
    def shown(self) -> npt.NDArray[np.uint32]: ...
    @property
    def tested(self) -> npt.NDArray[np.uint32]: ...
    @property
    def outside(self) -> npt.NDArray[np.uint32]: ...
    @property
    def moments(self) -> npt.NDArray[np.float64]: ...
    @property
    def requests(self) -> int: ...
    @property
    def rows(self) -> int: ...
    @property
    def tested_rows(self) -> int: ...
    @property
    def full_rows(self) -> int:
        """Not counted: there was no room."""

    @property
    def large_rows(self) -> int:
        """Not counted: of requests that have more than is taken of one."""

    @property
    def replaced_rows(self) -> int:
        """Not counted: they were under way while another watch took this one's place."""

    @property
    def unsampled_rows(self) -> int:
        """Not counted: of requests that are not looked at."""
    @property
    def repeated_rows(self) -> int: ...
    @property
    def capped_rows(self) -> int: ...
    @property
    def unfit_rows(self) -> int:
        """Of which a tensor had fewer elements than the columns look at: counted as missing."""

    @property
    def sample_numbers(self) -> npt.NDArray[np.float32]:
        """(rows, columns); NaN in columns that are no numbers."""

    @property
    def sample_texts(self) -> dict[int, list[bytes]]:
        """By the index of a column; empty: missing."""

    @property
    def sample_integers(self) -> dict[int, list[int | None]]:
        """By the index of a column; None: missing."""

class Watch:
    """One version that is being watched. Made by `Drift.open_watch`."""

    def take(self, ends_tick: bool) -> Counts:
        """Since the last call. Waits until all that was answered before is counted.

        CoreError once the engine has stopped.
        """

    def keep_sample(self, rows: int) -> None:
        """From the next call of take() on."""

    @property
    def memory_bytes(self) -> int: ...

class Drift:
    """The watches of one engine."""

    def open_watch(
        self,
        model: str,
        version: int,
        columns: Sequence[Column],
        share: float,
        sample_rows: int,
    ) -> Watch:
        """From now on. CoreError, a sentence, for columns that the version does not have."""

    @property
    def ring_bytes(self) -> int:
        """Memory between the io threads and the aggregator; 0 until the first watch."""
