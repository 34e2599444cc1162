# SPDX-License-Identifier: Apache-2.0
"""register: tracks the run, and registers its package unless something speaks against it.

It is never kept, and may be run again at any time: the run and the version are known by the
package's digest, so that what is there is found, and what is missing is made.
"""

from typing import Any

from penstock_training.files import read_json, write_json
from penstock_training.spec import PipelineSpec
from penstock_training.stages.evaluate import reasons_against
from penstock_training.stages.package import PACKAGE_FOLDER
from penstock_training.steps import Step, StepRun

__all__ = ["STEP"]

_VERDICT_TAG = "penstock.verdict"


def _run(run: StepRun) -> None:
    from penstock.package import read_manifest
    from penstock.registry.registry import Registry
    from penstock_training.tracking import registry_of, run_told, track, trials_told

    spec, inputs = run.spec, run.inputs
    package = inputs["package"] / PACKAGE_FOLDER
    manifest = read_manifest(package)
    reasons = reasons_against(inputs["evaluate"])
    told = run_told(
        spec,
        selection=read_json(inputs["select"] / "selection.json"),
        evaluation=read_json(inputs["evaluate"] / "evaluation.json"),
        timings=read_json(inputs["evaluate"] / "timings.json"),
        lineage=read_json(package / "lineage.json"),
    )
    trials = trials_told(read_json(inputs["candidates"] / "trials.json"))
    registry = Registry(registry_of(spec), creates=True)
    verdict = {_VERDICT_TAG: "rejected" if reasons else "accepted"}
    run_id = track(
        registry,
        spec.registry.experiment or spec.name,
        manifest.digest,
        told.with_tags(verdict),
        trials,
        [package / "card.html", package / "evaluation.json"],
    )
    content: dict[str, Any] = {
        "digest": manifest.digest,
        "name": manifest.name,
        "reasons": reasons,
        "registry": registry.shown,
        "run_id": run_id,
    }
    if reasons:
        for reason in reasons:
            run.note(STEP.name, reason)
        write_json(run.folder / "registration.json", {**content, "is_registered": False})
        return
    version = registry.register(
        package, run_id=run_id, alias=spec.registry.alias, tags=_version_tags(spec, told.tags)
    )
    run.note(STEP.name, f"{version.name} version {version.version} in {registry.shown}")
    content |= {
        "alias": spec.registry.alias,
        "is_registered": True,
        "source": version.source,
        "version": version.version,
    }
    write_json(run.folder / "registration.json", content)


def _version_tags(spec: PipelineSpec, tags: Any) -> dict[str, str]:
    return {**tags, "penstock.task": spec.problem.task, "penstock.metric": spec.problem.metric}


STEP = Step(
    name="register",
    needs=("candidates", "select", "evaluate", "package", "verify"),
    run=_run,
    is_kept=False,
)
