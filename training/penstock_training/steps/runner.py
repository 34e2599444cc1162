# SPDX-License-Identifier: Apache-2.0
"""Runs steps in their order, each at most once for what it depends on."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from penstock.digests import digest_of
from penstock_training.spec import PipelineSpec
from penstock_training.steps.digest import digest_of_folder
from penstock_training.steps.progress import Progress
from penstock_training.steps.step import Step, StepRun
from penstock_training.steps.store import Kept, StepStore

__all__ = ["StepResult", "run_steps"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StepResult:
    """What became of a step."""

    name: str
    folder: Path
    #: Of all that the step depends on.
    digest: str
    #: Of all that it wrote.
    output_digest: str
    seconds: float
    is_cached: bool


def run_steps(
    steps: Sequence[Step],
    spec: PipelineSpec,
    store: StepStore,
    progress: Progress,
    *,
    libraries: Mapping[str, str],
) -> dict[str, StepResult]:
    """Run `steps`, of which each needs only earlier ones; the result is by name.

    `libraries`: versions of what results depend on.

    Raises:
        TrainingError: a step cannot go on. The ones before it are kept.
    """
    results: dict[str, StepResult] = {}
    with store.locked():
        for step in steps:
            digest = _digest(step, spec, results, libraries)
            kept = store.find(step.name, digest) if step.keeps(spec) else None
            is_cached = kept is not None
            if kept is None:
                progress.begin(step.name)
                kept = _run(step, spec, digest, results, store, progress)
            progress.end(step.name, kept.seconds, is_cached=is_cached)
            results[step.name] = StepResult(
                name=step.name,
                folder=kept.folder,
                digest=digest,
                output_digest=kept.output_digest,
                seconds=kept.seconds,
                is_cached=is_cached,
            )
    return results


def _digest(
    step: Step,
    spec: PipelineSpec,
    results: Mapping[str, StepResult],
    libraries: Mapping[str, str],
) -> str:
    return digest_of(
        {
            "step": step.name,
            "revision": step.revision,
            "settings": step.settings(spec),
            "reads": step.reads(spec),
            "needs": {name: results[name].output_digest for name in step.needs},
            "libraries": dict(libraries),
        }
    )


def _run(
    step: Step,
    spec: PipelineSpec,
    digest: str,
    results: Mapping[str, StepResult],
    store: StepStore,
    progress: Progress,
) -> Kept:
    folder = store.begin(step.name)
    inputs = {name: results[name].folder for name in step.needs}
    begin = time.monotonic()
    step.run(StepRun(spec=spec, folder=folder, inputs=inputs, progress=progress))
    seconds = time.monotonic() - begin
    output_digest = digest_of_folder(folder, outside=step.outside)
    return store.finish(step.name, digest, output_digest, seconds)
