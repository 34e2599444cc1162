# SPDX-License-Identifier: Apache-2.0
"""One step of a pipeline: what it needs, what it depends on, and what it does."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from penstock_training.spec import PipelineSpec
from penstock_training.steps.progress import Progress

__all__ = ["Step", "StepRun"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRun:
    """What a step that runs is given."""

    spec: PipelineSpec
    #: Where it writes all that it has to say. Empty when it begins.
    folder: Path
    #: What the steps that it needs wrote, by their names. To be read only.
    inputs: Mapping[str, Path]
    progress: Progress

    def note(self, step: str, text: str) -> None:
        """Say a line."""
        self.progress.note(step, text)


def _nothing(_: PipelineSpec) -> Any:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A step is run again when anything of this differs: its revision, its settings, what lies
    outside, what the steps that it needs wrote, or the versions of the libraries.
    """

    name: str
    needs: tuple[str, ...] = ()
    run: Callable[[StepRun], None]
    #: Raised when the step's code would write something else.
    revision: int = 1
    #: The part of the spec that it depends on, as json.dumps takes it.
    settings: Callable[[PipelineSpec], Any] = _nothing
    #: Of what it reads that is no step's: digests of files, say.
    reads: Callable[[PipelineSpec], Any] = _nothing
    #: Names in its folder that may differ from run to run: what is timed or dated.
    outside: frozenset[str] = frozenset({"timings.json"})
    #: False: it is always run. It must do no harm when it is run again.
    is_kept: bool | Callable[[PipelineSpec], bool] = True

    def keeps(self, spec: PipelineSpec) -> bool:
        """Whether an earlier run's result may serve."""
        return self.is_kept if isinstance(self.is_kept, bool) else self.is_kept(spec)
