# SPDX-License-Identifier: Apache-2.0
"""What the repository tells of versions that come and go."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from penstock.drift.course import Course
from penstock.drift.files import VersionFiles
from penstock.drift.ports import Unserved, Watch
from penstock.repository.plan import TensorPlan

__all__ = ["EarlyWatch", "NobodyListens", "ServedListener", "ServedVersion"]


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


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlyWatch:
    """What counts the rows of a version from its first request on; the files that say which, and
    the course that was made of them.
    """

    files: VersionFiles
    course: Course
    watch: Watch


class ServedListener(Protocol):
    """Is told on the control thread, and delays nothing."""

    def coming(self, version: ServedVersion, unserved: Unserved) -> EarlyWatch | None:
        """A version was loaded; no request reaches it before this returns, which is soon.

        On a thread that loads, of which there may be several. What it gives is for `served`.
        """

    def served(self, version: ServedVersion, early: EarlyWatch | None = None) -> None:
        """A version was loaded, for the first time or again."""

    def unserved(self, model: str, version: int) -> None:
        """A version was unloaded, or sleeps."""


class NobodyListens:
    """A ServedListener for those who need none."""

    def coming(self, version: ServedVersion, unserved: Unserved) -> EarlyWatch | None:
        """Nothing."""

    def served(self, version: ServedVersion, early: EarlyWatch | None = None) -> None:
        """Nothing."""

    def unserved(self, model: str, version: int) -> None:
        """Nothing."""
