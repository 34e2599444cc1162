# SPDX-License-Identifier: Apache-2.0
"""What a run says while it goes on."""

from typing import Protocol

__all__ = ["Progress", "QuietProgress"]


class Progress(Protocol):
    """Is told what happens, on the thread that runs the pipeline."""

    def begin(self, step: str) -> None:
        """A step begins to run."""

    def count(self, step: str, done: int, total: int) -> None:
        """`done` of `total` parts of a step are finished: trials, resamples, files."""

    def note(self, step: str, text: str) -> None:
        """One line that somebody may want to read."""

    def end(self, step: str, seconds: float, *, is_cached: bool) -> None:
        """A step has run, or an earlier run's result serves."""


class QuietProgress:
    """Says nothing."""

    def begin(self, step: str) -> None:
        """See Progress."""

    def count(self, step: str, done: int, total: int) -> None:
        """See Progress."""

    def note(self, step: str, text: str) -> None:
        """See Progress."""

    def end(self, step: str, seconds: float, *, is_cached: bool) -> None:
        """See Progress."""
