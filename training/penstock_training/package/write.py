# SPDX-License-Identifier: Apache-2.0
"""The parts list of a package: copies and makes its files, then its manifest, then its signature.

Nothing of it depends on the time, so that the same parts make the same bytes; but for what was
timed, which is in timings.json alone.
"""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from penstock.digests import digest_of_file
from penstock.errors import PackageError as DamagedPackage
from penstock.package import (
    Manifest,
    ModelSignature,
    TensorSignature,
    read_signature,
    write_manifest,
)
from penstock.package.answers import graph_answers
from penstock.package.signature import SIGNATURE_FILE
from penstock.package.signing import sign_manifest
from penstock.package.smoke import Smoke, smoke_json
from penstock.package.smoke_file import SMOKE_FILE
from penstock_training.errors import PackageError
from penstock_training.files import read_json, write_json
from penstock_training.package.card import card_markdown
from penstock_training.package.card_page import card_html
from penstock_training.package.config_text import LABELS_FILE, config_text
from penstock_training.package.environment import environment_lock, python_env, requirements
from penstock_training.package.mlmodel import MLMODEL_FILE, mlmodel_text
from penstock_training.package.native_form import NativeForm, add_native_form
from penstock_training.package.parts import PackageParts
from penstock_training.package.smoke_rows import row_inputs, smoke_inputs

__all__ = ["named_columns", "write_package"]

#: Relative difference of numbers between the graph's answer and that of the compiled form, and
#: between an answer and the one that a smoke request expects.
TOLERANCE = 1e-4
#: Rows that the compiled form is asked for besides the smoke request, the first that train.
ROWS_COMPARED = 1000
PICTURES = "pictures"


def write_package(folder: Path, parts: PackageParts) -> Manifest:
    """Write the package into `folder`, which is empty.

    Raises:
        PackageError: a part is missing, or does not fit another.
    """
    written = read_signature(parts.signature)
    signature = named_columns(written, parts.package.feature_names)
    try:
        shutil.copyfile(parts.model, folder / "model.onnx")
    except OSError as error:
        raise PackageError(f"{parts.model} cannot be packaged: {error.strerror}.") from None
    write_json(folder / SIGNATURE_FILE, _without_defaults(signature))
    if signature.classes:
        _write_labels(folder / LABELS_FILE, signature.classes)
    inputs = smoke_inputs(written, parts.rows)  # the rows' columns are those of the data
    expected = _expected(folder / "model.onnx", signature, inputs)
    smoke = Smoke(inputs=inputs, expected=expected, tolerance=TOLERANCE)
    write_json(folder / SMOKE_FILE, smoke_json(smoke))
    form = _native_form(folder, parts, written, smoke)
    (folder / "config.pbtxt").write_text(config_text(signature, form.backend), encoding="utf-8")
    _copy_documents(folder, parts)
    write_json(
        folder / "lineage.json",
        {**parts.lineage, "serving": {"backend": form.backend, "reason": form.reason}},
    )
    _write_environment(folder, signature)
    _write_card(folder, parts, signature)
    manifest = write_manifest(folder, parts.name)
    if parts.signing_key is not None:
        sign_manifest(folder, parts.signing_key)
    return manifest


def named_columns(signature: ModelSignature, names: Sequence[str]) -> ModelSignature:
    """`signature` with a name for every column of its inputs of several. Pure.

    Columns that have none are input[0], input[1], ...; `names` overrides all that they are. An
    input of one column goes by its own name, unless it has a list of columns.

    Raises:
        PackageError: there are more or fewer `names` than columns.
    """
    wanted = list(names)
    inputs = []
    for tensor in signature.inputs:
        count = _named_count(tensor)
        if not count:
            inputs.append(tensor)
            continue
        columns = tensor.columns or tuple(f"input[{i}]" for i in range(count))
        if names:
            columns, wanted = tuple(wanted[:count]), wanted[count:]
            if len(columns) < count:
                break
        renamed = dict(zip(tensor.columns, columns, strict=False))
        sensitive = tuple(renamed.get(column, column) for column in tensor.sensitive)
        inputs.append(tensor.model_copy(update={"columns": columns, "sensitive": sensitive}))
    if len(inputs) < len(signature.inputs) or wanted:
        raise PackageError(
            f"feature_names has {len(names)} names, and the model has "
            f"{sum(map(_named_count, signature.inputs))} numeric columns: wanted a name for each."
        )
    return signature.model_copy(update={"inputs": tuple(inputs)})


def _named_count(tensor: TensorSignature) -> int:
    """How many columns of an input have names of their own."""
    if tensor.columns:
        return len(tensor.columns)
    is_several = len(tensor.shape) == 2 and tensor.shape[1] > 1 and tensor.datatype != "BYTES"
    return tensor.shape[1] if is_several else 0


def _without_defaults(signature: ModelSignature) -> dict[str, Any]:
    def told(tensor: TensorSignature) -> dict[str, Any]:
        kept = {"name", "datatype", "shape"}
        return {
            key: value
            for key, value in tensor.model_dump(mode="json").items()
            if key in kept or value
        }

    return {
        "inputs": [told(one) for one in signature.inputs],
        "outputs": [told(one) for one in signature.outputs],
    }


def _write_labels(path: Path, classes: Sequence[str]) -> None:
    for name in classes:
        if "\n" in name or "\r" in name:
            raise PackageError(
                f"the class {name!r} has a line break: a file of labels has a line for each class."
            )
    path.write_text("".join(f"{name}\n" for name in classes), encoding="utf-8")


def _expected(model: Path, signature: ModelSignature, inputs: dict[str, Any]) -> dict[str, Any]:
    try:
        answers = graph_answers(model, inputs)
    except DamagedPackage as error:
        raise PackageError(str(error)) from None
    missing = [one.name for one in signature.outputs if one.name not in answers]
    if missing:
        raise PackageError(
            f"The signature has the output {missing[0]!r}, and model.onnx has "
            f"{', '.join(answers)}: wanted the same."
        )
    return {one.name: answers[one.name] for one in signature.outputs}


def _native_form(
    folder: Path, parts: PackageParts, written: ModelSignature, smoke: Smoke
) -> NativeForm:
    if parts.package.backend != "auto":
        return NativeForm(backend=parts.package.backend, reason="the spec asks for it")
    inputs = row_inputs(written, parts.rows, ROWS_COMPARED)
    expected = _expected(folder / "model.onnx", written, inputs)
    # Of two classes that are as likely, either may be the label.
    numbers = {name: one for name, one in expected.items() if one.dtype.kind == "f"}
    asked = [(smoke.inputs, smoke.expected), (inputs, numbers)]
    return add_native_form(folder, asked, tolerance=smoke.tolerance)


def _copy_documents(folder: Path, parts: PackageParts) -> None:
    for name, path in (
        ("evaluation.json", parts.evaluation),
        ("explanation.json", parts.explanation),
        ("profile.json", parts.profile),
    ):
        if path is not None and path.is_file():
            shutil.copyfile(path, folder / name)
    if parts.pictures:
        (folder / PICTURES).mkdir()
    for step, picture in parts.pictures:
        shutil.copyfile(picture, folder / PICTURES / f"{step}-{picture.name}")
    timings = {step: read_json(path) for step, path in parts.timings.items() if path.is_file()}
    if timings:
        write_json(folder / "timings.json", timings)


def _write_environment(folder: Path, signature: ModelSignature) -> None:
    model = folder / "model.onnx"
    (folder / MLMODEL_FILE).write_text(
        mlmodel_text(signature, digest_of_file(model), model.stat().st_size), encoding="utf-8"
    )
    (folder / "environment.lock").write_text(environment_lock(), encoding="utf-8")
    (folder / "requirements.txt").write_text(requirements(), encoding="utf-8")
    (folder / "python_env.yaml").write_text(python_env(), encoding="utf-8")


def _write_card(folder: Path, parts: PackageParts, signature: ModelSignature) -> None:
    text = card_markdown(parts, signature, folder)
    (folder / "card.md").write_text(text, encoding="utf-8")
    (folder / "card.html").write_text(card_html(text, folder, title=parts.name), encoding="utf-8")
