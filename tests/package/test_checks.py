# SPDX-License-Identifier: Apache-2.0
"""`penstock verify`: the parts of a package are held against each other, and the model is run."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from penstock.cli import app
from penstock.package import write_manifest
from penstock.package.checks import check_package

Copy = Callable[[str], Path]


def failures(folder: Path) -> dict[str, str]:
    """What does not pass, once the manifest fits again."""
    write_manifest(folder, "m")
    return {one.name: one.reason for one in check_package(folder)[1] if not one.passed}


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_a_package_as_it_was_written_passes_every_check(made_packages: dict[str, Path]) -> None:
    for folder in made_packages.values():
        assert all(check.passed for check in check_package(folder)[1])


def test_an_answer_that_is_not_the_expected_one_is_found(package: Copy) -> None:
    folder = package("iris")
    edit(folder / "smoke.json", '"virginica"', '"setosa"')
    found = failures(folder)
    assert "wanted 'setosa'" in found["smoke request"]
    assert "wanted 'setosa'" in found["compiled form"]


def test_a_compiled_form_of_another_model_is_found(
    package: Copy, made_packages: dict[str, Path]
) -> None:
    folder = package("iris")
    shutil.copyfile(made_packages["diabetes"] / "model.pnst", folder / "model.pnst")
    assert "compiled form" in failures(folder)


@pytest.mark.parametrize(
    ("file", "old", "new", "check", "reason"),
    [
        ("signature.json", '"name": "features"', '"name": "rows"', "signature", "no input 'rows'"),
        ("signature.json", '"FP32"', '"FP64"', "signature", "is FP32 in model.onnx, not FP64"),
        ("config.pbtxt", 'name: "features"', 'name: "x"', "configuration", "has the inputs x"),
        ("config.pbtxt", "TYPE_FP32", "TYPE_FP64", "configuration", "is FP64 in config.pbtxt"),
        ("config.pbtxt", "labels.txt", "others.txt", "configuration", "others.txt, which"),
        ("config.pbtxt", "max_batch_size", "max_batch", "configuration", "max_batch"),
        ("profile.json", '"rows":1', '"rows":2', "profile", "profile.json"),
        ("evaluation.json", "{", "", "evaluation.json", "is not JSON"),
        ("MLmodel", "data: model.onnx", "data: x.onnx", "MLflow model", "data: model.onnx"),
        ("smoke.json", '"request"', '"ask"', "signature and smoke request", "no smoke request"),
    ],
)
def test_parts_that_do_not_fit_each_other_are_named(
    file: str, old: str, new: str, check: str, reason: str, package: Copy
) -> None:
    folder = package("iris")
    edit(folder / file, old, new)
    assert reason in failures(folder)[check]


def test_a_value_of_a_sensitive_column_is_found(package: Copy) -> None:
    folder = package("towns")
    smoke = json.loads((folder / "smoke.json").read_text())
    smoke["request"]["inputs"][2]["data"][1] = "secret-one"
    (folder / "smoke.json").write_text(json.dumps(smoke))
    assert "has values of creed, which is sensitive" in failures(folder)["sensitive columns"]


def test_a_missing_part_is_named(package: Copy) -> None:
    folder = package("iris")
    (folder / "smoke.json").unlink()
    assert failures(folder) == {"parts": "smoke.json is missing"}


def test_the_command_says_what_passed_and_exits_1_if_something_did_not(package: Copy) -> None:
    folder = package("iris")
    runner = CliRunner()
    passed = runner.invoke(app, ["verify", str(folder)])
    assert passed.exit_code == 0
    assert "passed  compiled form" in passed.stdout
    assert "digest" in passed.stdout
    edit(folder / "smoke.json", '"virginica"', '"setosa"')
    write_manifest(folder, "iris")
    failed = runner.invoke(app, ["verify", str(folder)])
    assert failed.exit_code == 1
    assert "failed  smoke request" in failed.stdout
    (folder / "card.md").unlink()
    damaged = runner.invoke(app, ["verify", str(folder)])
    assert damaged.exit_code == 1
    assert "card.md is missing" in damaged.output
