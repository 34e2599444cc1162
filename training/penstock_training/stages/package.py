# SPDX-License-Identifier: Apache-2.0
"""`package`: puts all that the steps have written into one folder, a version."""

from pathlib import Path
from typing import Any

from penstock.digests import digest_of_file
from penstock_training.errors import PackageError
from penstock_training.files import read_json, write_json
from penstock_training.package.lineage import code_state, lineage_of
from penstock_training.spec import PipelineSpec
from penstock_training.stages import STEP_NAMES
from penstock_training.steps import Step, StepRun

__all__ = ["PACKAGE_FOLDER", "STEP", "signing_key_of"]

NAME = "package"
PACKAGE_FOLDER = "package"


def _run(run: StepRun) -> None:
    from penstock_training.package import PackageParts, write_package

    inputs, spec = run.inputs, run.spec
    source = inputs["ingest"] / "source.json"
    parts = PackageParts(
        name=spec.name,
        problem=spec.problem,
        package=spec.package,
        model=inputs["select"] / "model.onnx",
        signature=inputs["select"] / "signature.json",
        rows=inputs["split"] / "train.parquet",
        evaluation=inputs["evaluate"] / "evaluation.json",
        explanation=inputs["explain"] / "explanation.json",
        profile=inputs["profile"] / "profile.json",
        told={
            "source": source,
            "validation": inputs["validate"] / "validation.json",
            "split": inputs["split"] / "split.json",
            "selection": inputs["select"] / "selection.json",
        },
        pictures=tuple(
            (step, picture)
            for step in ("evaluate", "explain")
            for picture in sorted(inputs[step].glob("*.png"))
        ),
        timings={step: inputs[step] / "timings.json" for step in ("evaluate",)},
        lineage=lineage_of(
            spec,
            code_state(spec.folder),
            source=read_json(source),
            parent=_parent(spec),
        ),
        signing_key=signing_key_of(spec),
    )
    folder = run.folder / PACKAGE_FOLDER
    folder.mkdir()
    manifest = write_package(folder, parts)
    write_json(run.folder / "package.json", {"digest": manifest.digest, "name": manifest.name})
    run.note(NAME, f"{spec.name}: {len(manifest.files)} files, digest {manifest.digest[:16]}")


def _parent(spec: PipelineSpec) -> dict[str, Any] | None:
    """The champion that the version was compared with, if that is a package."""
    from penstock.package import is_package, read_manifest

    if spec.evaluate.champion is None:
        return None
    folder = spec.folder / spec.evaluate.champion
    if not is_package(folder):
        return None
    manifest = read_manifest(folder)
    return {"name": manifest.name, "digest": manifest.digest}


def signing_key_of(spec: PipelineSpec) -> Path | None:
    """The file of the key that signs the package, if the spec names one. Cheap: a pipeline asks
    before it begins.

    Raises:
        PackageError: it is not there.
    """
    if spec.package.signing_key is None:
        return None
    path = spec.folder / Path(spec.package.signing_key).expanduser()
    if not path.is_file():
        raise PackageError(
            f"package.signing_key is {spec.package.signing_key}, and {path} is not there: wanted a "
            "PEM file with an EC key."
        )
    return path


def _reads(spec: PipelineSpec) -> Any:
    key = signing_key_of(spec)
    code = code_state(spec.folder)
    return {
        "code": [code.commit, code.is_dirty],
        "parent": _parent(spec),
        "signing_key": digest_of_file(key) if key else None,
    }


STEP = Step(
    name=NAME,
    revision=2,
    needs=STEP_NAMES[: STEP_NAMES.index(NAME)],
    run=_run,
    # The whole spec stands in the lineage.
    settings=lambda spec: spec.model_dump(mode="json"),
    reads=_reads,
)
