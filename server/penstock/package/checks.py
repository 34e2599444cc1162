# SPDX-License-Identifier: Apache-2.0
"""Everything that can be checked of a package without a server: what `penstock verify` does.

A server that loads a package checks its files and its signature and lets the model answer the
smoke request: it has to be quick. Here the files are held against each other as well.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from penstock.errors import PackageError, PenstockError
from penstock.package.answers import compiled_answers, difference_of, graph_answers, graph_tensors
from penstock.package.manifest import Manifest
from penstock.package.signature import SIGNATURE_FILE, ModelSignature, read_signature
from penstock.package.smoke import Smoke, read_smoke
from penstock.package.smoke_file import SMOKE_FILE
from penstock.package.verify import verify_package
from penstock.profile import PROFILE_FILE, read_profile
from penstock.repository.config_file import parse_config
from penstock.repository.layout import CONFIG_FILE
from penstock.repository.support import refuse_unsupported
from penstock_client._proto.model_config_pb2 import DataType

__all__ = ["PackageCheck", "check_package"]

GRAPH_FILE = "model.onnx"
COMPILED_FILE = "model.pnst"
#: What no package does without.
REQUIRED = (
    GRAPH_FILE,
    CONFIG_FILE,
    SIGNATURE_FILE,
    SMOKE_FILE,
    "MLmodel",
    "card.md",
    "environment.lock",
    "lineage.json",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageCheck:
    """One thing that was looked at; `reason` says what is wrong, and is empty if nothing is."""

    name: str
    reason: str = ""

    @property
    def passed(self) -> bool:
        """Whether nothing is wrong."""
        return not self.reason


def check_package(
    folder: Path, *, public_keys: Sequence[Path] = ()
) -> tuple[Manifest, list[PackageCheck]]:
    """The manifest of the package in `folder`, and what came of every check.

    `public_keys`: PEM files; the manifest must be signed with a key that belongs to one of them.

    Raises:
        PackageError: it is no package, or its files are not those of its manifest: nothing else is
            looked at then.
    """
    manifest = verify_package(folder, public_keys=public_keys)
    files = "files and signature" if public_keys else "files"
    checks = [PackageCheck(name=files), *_checks(folder, manifest)]
    return manifest, checks


def _checks(folder: Path, manifest: Manifest) -> Iterator[PackageCheck]:
    missing = [name for name in REQUIRED if name not in manifest.files]
    reason = f"{', '.join(missing)} is missing" if missing else ""
    yield PackageCheck(name="parts", reason=reason)
    if missing:
        return
    try:
        signature = read_signature(folder / SIGNATURE_FILE)
        smoke = read_smoke(folder / SMOKE_FILE)
    except PackageError as error:
        yield PackageCheck(name="signature and smoke request", reason=str(error))
        return
    yield _checked("signature", lambda: _fits_graph(folder, signature))
    yield _checked("configuration", lambda: _fits_config(folder, signature))
    yield _checked("sensitive columns", lambda: _tells_nothing(signature, smoke))
    yield _checked("smoke request", lambda: _answers(folder, smoke))
    if COMPILED_FILE in manifest.files:
        yield _checked("compiled form", lambda: _compiled_answers(folder, smoke))
    for name in sorted(manifest.files):
        if name.endswith(".json") and name != PROFILE_FILE:
            yield _checked(name, lambda name=name: _reads(folder / name))  # type: ignore[misc]
    if PROFILE_FILE in manifest.files:
        yield _checked("profile", lambda: _is_profile(folder))
    yield _checked("MLflow model", lambda: _is_mlflow_model(folder))


def _checked(name: str, look: Callable[[], str]) -> PackageCheck:
    try:
        return PackageCheck(name=name, reason=look())
    except (PenstockError, OSError) as error:
        return PackageCheck(name=name, reason=str(error))


def _fits_graph(folder: Path, signature: ModelSignature) -> str:
    inputs, outputs = graph_tensors(folder / GRAPH_FILE)
    for kind, tensors, found in (
        ("input", signature.inputs, inputs),
        ("output", signature.outputs, outputs),
    ):
        for tensor in tensors:
            if tensor.name not in found:
                return f"{GRAPH_FILE} has no {kind} {tensor.name!r}: it has {', '.join(found)}"
            datatype, shape = found[tensor.name]
            if datatype != tensor.datatype:
                return (
                    f"{kind} {tensor.name!r} is {datatype} in {GRAPH_FILE}, not {tensor.datatype}"
                )
            is_like = len(shape) == len(tensor.shape) and all(
                -1 in (has, wants) or has == wants
                for has, wants in zip(shape, tensor.shape, strict=True)
            )
            if shape and not is_like:
                return f"{kind} {tensor.name!r} has shape {shape} in {GRAPH_FILE}"
        if kind == "input" and (more := set(found) - {one.name for one in tensors}):
            return f"{GRAPH_FILE} has an input {min(more)!r}, which the signature has not"
    return ""


def _fits_config(folder: Path, signature: ModelSignature) -> str:
    config = parse_config((folder / CONFIG_FILE).read_text(encoding="utf-8")).config
    refuse_unsupported(config)
    for kind, tensors, found in (
        ("input", signature.inputs, config.input),
        ("output", signature.outputs, config.output),
    ):
        written = {one.name: one for one in found}
        if found and set(written) != {one.name for one in tensors}:
            return f"{CONFIG_FILE} has the {kind}s {', '.join(written)}: the signature has others"
        for tensor in tensors if found else ():
            name = DataType.Name(written[tensor.name].data_type).removeprefix("TYPE_")
            if ("BYTES" if name == "STRING" else name) != tensor.datatype:
                return f"{kind} {tensor.name!r} is {name} in {CONFIG_FILE}, not {tensor.datatype}"
    for output in config.output:
        if output.label_filename and not (folder / output.label_filename).is_file():
            return f"{output.label_filename}, which {CONFIG_FILE} names, is missing"
    return ""


def _tells_nothing(signature: ModelSignature, smoke: Smoke) -> str:
    for tensor in signature.inputs:
        array = smoke.inputs.get(tensor.name)
        columns = tensor.columns or (tensor.name,)
        for i, column in enumerate(columns):
            if array is not None and column in tensor.sensitive:
                values = array.reshape(len(array), -1)[:, i]
                if any(value not in (0, "") for value in values.tolist()):
                    return f"the smoke request has values of {column}, which is sensitive"
    return ""


def _answers(folder: Path, smoke: Smoke) -> str:
    found = graph_answers(folder / GRAPH_FILE, smoke.inputs)
    return difference_of(found, smoke.expected, tolerance=smoke.tolerance)


def _compiled_answers(folder: Path, smoke: Smoke) -> str:
    return difference_of(
        compiled_answers(folder / COMPILED_FILE, smoke.inputs),
        smoke.expected,
        tolerance=smoke.tolerance,
    )


def _reads(path: Path) -> str:
    try:
        json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        return f"{path.name} is not JSON: {error}"
    return ""


def _is_profile(folder: Path) -> str:
    read_profile(folder)  # raises what is wrong
    return ""


def _is_mlflow_model(folder: Path) -> str:
    """Without a reader of YAML: what MLflow looks for first."""
    lines = (folder / "MLmodel").read_text(encoding="utf-8").splitlines()
    for wanted in ("flavors:", "  onnx:", "  python_function:", f"    data: {GRAPH_FILE}"):
        if wanted not in lines:
            return f"MLmodel has no line {wanted.strip()!r}"
    return ""
