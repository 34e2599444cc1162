# SPDX-License-Identifier: Apache-2.0
"""What a package consists of, and that its files fit each other."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.doubles.package_parts import spec_for

from penstock.package import (
    ModelSignature,
    TensorSignature,
    read_manifest,
    read_signature,
)
from penstock.package.smoke import read_smoke
from penstock_training.errors import PackageError
from penstock_training.package.lineage import without_secrets
from penstock_training.package.native_form import add_native_form
from penstock_training.package.write import named_columns
from penstock_training.stages.package import PACKAGE_FOLDER, STEP
from penstock_training.steps import QuietProgress, StepRun

FILES = {
    "MLmodel",
    "card.html",
    "card.md",
    "config.pbtxt",
    "environment.lock",
    "evaluation.json",
    "explanation.json",
    "labels.txt",
    "lineage.json",
    "model.onnx",
    "model.pnst",
    "pictures/evaluate-calibration.png",
    "pictures/explain-importance.png",
    "profile.json",
    "python_env.yaml",
    "requirements.txt",
    "signature.json",
    "smoke.json",
    "timings.json",
}


def packaged(inputs: dict[str, Path], folder: Path, name: str, **tables: Any) -> Path:
    folder.mkdir()
    spec = spec_for(name, folder, **tables)
    STEP.run(StepRun(spec=spec, folder=folder, inputs=inputs, progress=QuietProgress()))
    return folder / PACKAGE_FOLDER


def test_a_package_has_all_that_belongs_to_a_version(made_packages: dict[str, Path]) -> None:
    assert set(read_manifest(made_packages["iris"]).files) == FILES


def test_the_same_parts_make_the_same_bytes(
    made_inputs: dict[str, dict[str, Path]], made_packages: dict[str, Path], tmp_path: Path
) -> None:
    again = packaged(made_inputs["iris"], tmp_path / "again", "iris")
    assert read_manifest(again) == read_manifest(made_packages["iris"])


def test_what_was_timed_lies_outside_the_digest(
    made_inputs: dict[str, dict[str, Path]], made_packages: dict[str, Path], tmp_path: Path
) -> None:
    slower = tmp_path / "evaluate"
    slower.mkdir()
    for path in made_inputs["iris"]["evaluate"].iterdir():
        content = path.read_bytes()
        (slower / path.name).write_bytes(content.replace(b"3.5", b"4.5"))
    inputs = {**made_inputs["iris"], "evaluate": slower}
    manifest = read_manifest(packaged(inputs, tmp_path / "slower", "iris"))
    first = read_manifest(made_packages["iris"])
    assert manifest.digest == first.digest
    assert manifest.files["timings.json"] != first.files["timings.json"]


def test_the_configuration_has_one_tensor_of_numbers_and_one_for_each_text(
    made_packages: dict[str, Path],
) -> None:
    text = (made_packages["towns"] / "config.pbtxt").read_text()
    assert 'name: "features"\n  data_type: TYPE_FP32\n  dims: [ 2 ]' in text
    assert 'name: "town"\n  data_type: TYPE_STRING\n  dims: [ 1 ]' in text
    assert 'label_filename: "labels.txt"' in text
    assert (made_packages["towns"] / "labels.txt").read_text() == "0\n1\n"
    assert not (made_packages["diabetes"] / "labels.txt").exists()


def test_values_of_sensitive_columns_are_nowhere_in_the_package(
    made_packages: dict[str, Path],
) -> None:
    folder = made_packages["towns"]
    smoke = read_smoke(folder / "smoke.json")
    assert smoke.inputs["creed"].ravel().tolist() == ["", "", ""]
    # The graph itself has the categories that it encodes.
    told = [path for path in folder.rglob("*") if path.is_file()]
    told = [path for path in told if path.name not in ("model.onnx", "model.pnst")]
    assert [path.name for path in told if b"secret-one" in path.read_bytes()] == []
    assert "creed (sensitive)" in (folder / "card.md").read_text()
    sex = read_signature(made_packages["diabetes"] / "signature.json").inputs[0]
    column = read_smoke(made_packages["diabetes"] / "smoke.json").inputs["features"]
    assert column[:, sex.columns.index("sex")].tolist() == [0, 0, 0]
    assert np.ptp(column[:, sex.columns.index("bmi")]) > 0


def test_a_smoke_request_is_like_the_data(made_packages: dict[str, Path]) -> None:
    smoke = read_smoke(made_packages["towns"] / "smoke.json")
    assert smoke.inputs["features"].shape == (3, 2)
    assert 20 < float(smoke.inputs["features"][1, 0]) < 60
    assert set(smoke.inputs["town"].ravel()) == {"Bonn", "Köln", "Ulm"}


def test_lineage_has_data_spec_seed_and_code_and_no_password(
    made_inputs: dict[str, dict[str, Path]], tmp_path: Path
) -> None:
    registry = {"uri": "https://user:hunter2@registry.example/path"}
    folder = packaged(made_inputs["iris"], tmp_path / "made", "iris", registry=registry, seed=11)
    lineage = json.loads((folder / "lineage.json").read_text())
    assert lineage["data"]["digest"] == "ab" * 32
    assert lineage["seed"] == 11
    assert lineage["spec"]["registry"]["uri"] == "https://***@registry.example/path"
    assert lineage["code"] == {"commit": None, "is_dirty": False}
    told = [path for path in folder.rglob("*") if path.is_file()]
    assert not any(b"hunter2" in path.read_bytes() for path in told)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("postgresql://me:pw@host/db", "postgresql://***@host/db"),
        ("https://host/a@b", "https://host/a@b"),
        ("select '@' from t", "select '@' from t"),
        ("sqlite:///a/b@c.db", "sqlite:///a/b@c.db"),
    ],
)
def test_users_and_passwords_of_urls_are_not_told(text: str, told: str) -> None:
    assert without_secrets({"a": [text]}) == {"a": [told]}


def test_the_spec_may_keep_a_model_from_being_compiled(
    made_inputs: dict[str, dict[str, Path]], tmp_path: Path
) -> None:
    asked = {"backend": "onnxruntime"}
    folder = packaged(made_inputs["iris"], tmp_path / "made", "iris", package=asked)
    assert not (folder / "model.pnst").exists()
    assert 'backend: "onnxruntime"' in (folder / "config.pbtxt").read_text()


def test_a_compiled_form_that_answers_a_row_otherwise_is_not_packaged(
    made_packages: dict[str, Path], tmp_path: Path
) -> None:
    shutil.copyfile(made_packages["iris"] / "model.onnx", tmp_path / "model.onnx")
    smoke = read_smoke(made_packages["iris"] / "smoke.json")
    right = (smoke.inputs, smoke.expected)
    assert add_native_form(tmp_path, [right], tolerance=1e-4).backend == "native"
    assert (tmp_path / "model.pnst").exists()
    moved = {**smoke.expected, "probabilities": smoke.expected["probabilities"] + 0.001}
    form = add_native_form(tmp_path, [right, (smoke.inputs, moved)], tolerance=1e-4)
    assert form.backend == "onnxruntime"
    assert form.reason.startswith("the compiled model differs: probabilities[0, 0] is ")
    assert not (tmp_path / "model.pnst").exists()


def signature_of(*inputs: TensorSignature) -> ModelSignature:
    return ModelSignature(inputs=inputs, outputs=())


def test_columns_without_names_are_numbered_and_can_be_named() -> None:
    bare = TensorSignature(name="x", datatype="FP32", shape=(-1, 2), sensitive=("x",))
    assert named_columns(signature_of(bare), ()).inputs[0].columns == ("input[0]", "input[1]")
    named = TensorSignature(
        name="x", datatype="FP32", shape=(-1, 2), columns=("a", "b"), sensitive=("b",)
    )
    given = named_columns(signature_of(named), ("first", "second")).inputs[0]
    assert (given.columns, given.sensitive) == (("first", "second"), ("second",))


def test_an_input_of_one_column_keeps_its_name() -> None:
    flag = TensorSignature(name="is_new", datatype="INT64", shape=(-1, 1))
    assert named_columns(signature_of(flag), ()).inputs == (flag,)


@pytest.mark.parametrize("names", [("a",), ("a", "b", "c")])
def test_as_many_names_as_columns_are_wanted(names: tuple[str, ...]) -> None:
    bare = TensorSignature(name="x", datatype="FP32", shape=(-1, 2))
    text = TensorSignature(name="t", datatype="BYTES", shape=(-1, 1))
    with pytest.raises(PackageError, match="the model has 2 numeric columns"):
        named_columns(signature_of(bare, text), names)


def test_a_signature_that_does_not_fit_the_graph_is_refused(
    made_inputs: dict[str, dict[str, Path]], tmp_path: Path
) -> None:
    select = tmp_path / "select"
    select.mkdir()
    for path in made_inputs["iris"]["select"].iterdir():
        content = path.read_bytes()
        is_signature = path.name == "signature.json"
        content = content.replace(b'"label"', b'"answer"') if is_signature else content
        (select / path.name).write_bytes(content)
    inputs = {**made_inputs["iris"], "select": select}
    with pytest.raises(PackageError, match="The signature has the output 'answer'"):
        packaged(inputs, tmp_path / "made", "iris")


def test_a_missing_signing_key_is_told_of(
    made_inputs: dict[str, dict[str, Path]], tmp_path: Path
) -> None:
    with pytest.raises(PackageError, match="wanted a PEM file with an EC key"):
        packaged(made_inputs["iris"], tmp_path / "made", "iris", package={"signing_key": "k.pem"})
