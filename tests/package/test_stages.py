# SPDX-License-Identifier: Apache-2.0
"""The steps `verify` and `register`, and what a run leaves in MLflow."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from tests.doubles.package_parts import spec_for
from tests.package.conftest import Opened
from typer.testing import CliRunner

from penstock.cli import app
from penstock.errors import RegistryError
from penstock.package import read_manifest, write_manifest
from penstock.registry.registry import DIGEST_TAG, Registry
from penstock_training.errors import PackageError
from penstock_training.stages import register, verify
from penstock_training.steps import QuietProgress, StepRun
from penstock_training.tracking import TrackedRun, check_registry, track, trials_told

TRIALS = [
    {"family": "linear", "number": 0, "parameters": {"c": 1.0}, "score": 0.9, "state": "complete"},
    {"family": "linear", "number": 1, "parameters": {"c": 9.0}, "score": 0.5, "state": "pruned"},
    {"family": "forest", "number": 0, "parameters": {}, "score": None, "state": "failed"},
]


@pytest.fixture
def inputs(
    tmp_path: Path, made_inputs: dict[str, dict[str, Path]], made_packages: dict[str, Path]
) -> dict[str, Path]:
    """The folders of the steps before `register`."""
    folders = dict(made_inputs["iris"])
    for step in ("candidates", "evaluate"):
        folders[step] = Path(shutil.copytree(folders[step], tmp_path / "steps" / step))
    (folders["candidates"] / "trials.json").write_text(json.dumps(TRIALS))
    folders["package"] = made_packages["iris"].parent
    return folders


def run(step: ModuleType, inputs: dict[str, Path], folder: Path) -> Path:
    """Runs a step beside the registry in `folder`; gives what it wrote to."""
    out = folder / str(step.STEP.name)
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    spec = spec_for("iris", folder)
    step.STEP.run(StepRun(spec=spec, folder=out, inputs=inputs, progress=QuietProgress()))
    return out


def test_verify_writes_what_passed(inputs: dict[str, Path], tmp_path: Path) -> None:
    told = json.loads((run(verify, inputs, tmp_path) / "verification.json").read_text())
    assert told["digest"] == read_manifest(inputs["package"] / "package").digest
    assert all(check["passed"] for check in told["checks"])


def test_verify_stops_a_package_whose_parts_do_not_fit(
    inputs: dict[str, Path], tmp_path: Path
) -> None:
    folder = tmp_path / "broken/package"
    folder.mkdir(parents=True)
    write_manifest(folder, "iris")
    with pytest.raises(PackageError, match=r"does not pass: parts: model\.onnx, .* is missing"):
        run(verify, {**inputs, "package": folder.parent}, tmp_path / "out")


def folder_of(registry: Registry) -> Path:
    assert registry.place.file is not None
    return registry.place.file.parent


def registered(folder: Path) -> dict[str, Any]:
    told: dict[str, Any] = json.loads((folder / "registration.json").read_text())
    return told


def test_register_tracks_the_run_with_its_trials_and_registers_once(
    inputs: dict[str, Path], registry: Opened
) -> None:
    opened = registry()
    folder = folder_of(opened)
    first = registered(run(register, inputs, folder))
    assert first["is_registered"]
    assert (first["name"], first["version"], first["alias"]) == ("iris", 1, "candidate")
    assert registered(run(register, inputs, folder)) == first
    found = opened.client.get_run(first["run_id"])
    assert found.info.status == "FINISHED"
    assert found.data.params["family"] == "linear"
    assert found.data.params["model.c"] == "1.0"
    assert found.data.params["data.digest"] == "ab" * 32
    assert found.data.metrics["accuracy"] == 0.97
    assert found.data.metrics["accuracy_low"] == 0.95
    assert found.data.metrics["latency.row_us_median"] == 3.5
    assert found.data.tags[DIGEST_TAG] == first["digest"]
    experiment = opened.client.get_experiment_by_name("iris").experiment_id
    nested = opened.client.search_runs(
        [experiment], f"tags.`mlflow.parentRunId` = '{first['run_id']}'"
    )
    states = {one.info.run_name: one.info.status for one in nested}
    assert states == {"linear-0": "FINISHED", "linear-1": "KILLED", "forest-0": "FAILED"}
    reports = opened.client.list_artifacts(first["run_id"], "report")
    assert [one.path for one in reports] == ["report/card.html", "report/evaluation.json"]


def test_a_version_that_misses_its_bounds_is_tracked_and_not_registered(
    inputs: dict[str, Path], registry: Opened
) -> None:
    timings = json.loads((inputs["evaluate"] / "timings.json").read_text())
    timings["verdict"]["reasons"] = ["latency of one row is 9, wanted at most 5: missed."]
    (inputs["evaluate"] / "timings.json").write_text(json.dumps(timings))
    opened = registry()
    folder = folder_of(opened)
    told = registered(run(register, inputs, folder))
    assert not told["is_registered"]
    assert told["reasons"] == timings["verdict"]["reasons"]
    assert opened.client.search_registered_models() == []
    assert opened.client.get_run(told["run_id"]).data.tags["penstock.verdict"] == "rejected"


def test_a_run_that_was_killed_is_ended_as_such_and_made_again(registry: Opened) -> None:
    opened = registry()
    told = TrackedRun(name="run")
    client = opened.client
    where = client.create_experiment("tests", artifact_location=str(opened.place.artifacts))
    left = client.create_run(where, tags={DIGEST_TAG: "d"}).info.run_id
    child = client.create_run(where, tags={"mlflow.parentRunId": left}).info.run_id
    made = track(opened, "tests", "d", told)
    assert made != left
    assert [client.get_run(one).info.status for one in (left, child)] == ["KILLED", "KILLED"]
    assert track(opened, "tests", "d", told) == made


def test_a_run_that_fails_is_not_left_running(registry: Opened, tmp_path: Path) -> None:
    opened = registry()
    with pytest.raises(RegistryError):
        track(opened, "tests", "d", TrackedRun(name="run"), [], [tmp_path / "absent"])
    experiment = opened.client.get_experiment_by_name("tests").experiment_id
    (found,) = opened.client.search_runs([experiment])
    assert found.info.status == "FAILED"


def test_long_values_are_cut_and_numbers_that_are_none_are_left_out() -> None:
    (told,) = trials_told(
        [{"family": "mlp", "number": 3, "parameters": {"layers": "x" * 9000}, "score": None}]
    )
    assert len(told.parameters["layers"]) == 500
    assert told.metrics == {}


def test_a_wrong_registry_is_told_before_anything_is_trained(tmp_path: Path) -> None:
    spec = spec_for("iris", tmp_path, registry={"uri": "ftp://host"})
    with pytest.raises(RegistryError, match="wanted sqlite:///FILE"):
        check_registry(spec)
    check_registry(spec_for("iris", tmp_path))


def test_the_commands_show_what_is_registered(inputs: dict[str, Path], registry: Opened) -> None:
    opened: Registry = registry()
    folder = folder_of(opened)
    run(register, inputs, folder)
    runner = CliRunner()
    uri = ["--registry", opened.place.uri]
    listed = runner.invoke(app, ["registry", "list", *uri])
    assert listed.exit_code == 0
    assert "iris" in listed.stdout
    assert "candidate: 1" in listed.stdout
    shown = runner.invoke(app, ["registry", "show", "iris", "--version", "candidate", *uri])
    assert shown.exit_code == 0
    assert read_manifest(inputs["package"] / "package").digest in shown.stdout
    absent = runner.invoke(app, ["registry", "show", "rose", *uri])
    assert absent.exit_code == 1
    assert "has no version of a model 'rose'" in absent.output
