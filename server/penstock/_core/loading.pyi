"""Versions that are loaded and not served yet."""

from collections.abc import Sequence

from penstock._core import TensorSpec
from penstock._core.drift import Column, Watch

class LoadedModel:
    """What became of a ModelSpec."""

    @property
    def name(self) -> str: ...
    @property
    def version(self) -> int: ...
    @property
    def inputs(self) -> list[TensorSpec]: ...
    @property
    def outputs(self) -> list[TensorSpec]: ...
    @property
    def batch_rows_max(self) -> int:
        """Rows of one batch at most; 0: no batch dimension."""

    @property
    def lane(self) -> str:
        """Where it runs: "inline" or "batch"."""

    @property
    def row_cost_us(self) -> float | None:
        """Measured at load with one row; None if it could not be."""

class UnservedVersion:
    """A version that is loaded, and that no request reaches until it is served."""

    @property
    def loaded(self) -> LoadedModel: ...
    def open_watch(self, columns: Sequence[Column], share: float, sample_rows: int) -> Watch:
        """From its first request on. CoreError, a sentence, for columns that it does not have."""

    def serve(self) -> None:
        """Blocks until what was served under its name and version before has answered. Once."""
