# SPDX-License-Identifier: Apache-2.0
"""What the repository tells of versions that come and go."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from penstock.repository.plan import TensorPlan

__all__ = ["NobodyListens", "ServedListener", "ServedVersion"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedVersion:
    """A version that requests reach from now on. `folder` has the model's files, `files` its own.

    `has_batches`: dims leave out the dimension of rows.
    """

    model: str
    version: int
    folder: Path
    files: Path
    file_bytes: int
    inputs: tuple[TensorPlan, ...]
    outputs: tuple[TensorPlan, ...]
    has_batches: bool


class ServedListener(Protocol):
    """Is told on the control thread, and delays nothing."""

    def served(self, version: ServedVersion) -> None:
        """A version was loaded, for the first time or again."""

    def unserved(self, model: str, version: int) -> None:
        """A version was unloaded, or sleeps."""


class NobodyListens:
    """A ServedListener for those who need none."""

    def served(self, version: ServedVersion) -> None:
        """Nothing."""

    def unserved(self, model: str, version: int) -> None:
        """Nothing."""
