# SPDX-License-Identifier: Apache-2.0
"""Makes a model that MLflow has saved, and Penstock has not, a version that can be served.

    mlflow/               the model, as MLflow has it
    model.onnx            of an ONNX model: that file
    model.pnst            of one that was compiled
    model.py              of one that MLflow answers, in a process of its own
    config.pbtxt, signature.json, penstock-manifest.json

Runs in a short-lived process of its own: reading a model may need its library, and, where that is
allowed, runs the code that is in it.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from penstock.backends.pyfunc import MLFLOW_FOLDER
from penstock.errors import PenstockError, RegistryError
from penstock.native.artifact import CompiledModel, write_artifact
from penstock.native.compiler import compile_file, compile_model
from penstock.package.answers import graph_tensors
from penstock.package.manifest import write_manifest
from penstock.package.signature import SIGNATURE_FILE, ModelSignature, TensorSignature
from penstock.registry.flavours import LIGHTGBM_TYPES, Flavour, flavour_of
from penstock.registry.pyfunc_signature import served_signature

__all__ = ["ALLOW_FLAG", "make_servable"]

MLMODEL_FILE = "MLmodel"
ALLOW_FLAG = "--registry-allow-code"
BATCH_ROWS_MAX = 1024

_MODEL_PY = '''\
"""Answers by MLflow."""

from penstock.backends.pyfunc import PyfuncModel


class Model(PyfuncModel):
    pass
'''


def make_servable(folder: Path, name: str, *, allows_code: bool) -> None:
    """Make what MLflow has saved in `folder` a package of the model `name`.

    `allows_code`: pickles are read, and MLflow's own code answers where nothing else can.

    Raises:
        PenstockError: it cannot be served.
    """
    told = _read_mlmodel(folder)
    flavour = flavour_of(told.get("flavors") or {})
    if flavour.runs_code and not allows_code:
        raise RegistryError(
            f"It is a model of MLflow's flavour {flavour.name} that can run code as it is read: "
            f"register a package or an ONNX model, or allow that with {ALLOW_FLAG}."
        )
    _move_down(folder)
    file = folder / MLFLOW_FOLDER / flavour.file
    try:
        if flavour.way == "graph":
            signature = _serve_graph(folder, file)
        elif flavour.way == "code":
            signature = _serve_by_code(folder, told)
        else:
            signature = _serve_compiled(folder, _compiled(flavour, file, allows_code=allows_code))
    except PenstockError as error:
        if flavour.way != "object" or not allows_code:
            raise
        try:
            signature = _serve_by_code(folder, told)
        except RegistryError as other:
            raise RegistryError(f"It does not compile ({error}), and MLflow: {other}") from None
    _write_json(folder / SIGNATURE_FILE, signature.model_dump(mode="json"))
    write_manifest(folder, name)


def _read_mlmodel(folder: Path) -> dict[str, Any]:
    try:
        told = yaml.safe_load((folder / MLMODEL_FILE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RegistryError(
            f"It has neither a manifest nor a file {MLMODEL_FILE}: wanted a package of Penstock or "
            "a model of MLflow."
        ) from None
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise RegistryError(f"Its {MLMODEL_FILE} cannot be read: {error}.") from None
    if not isinstance(told, dict):
        raise RegistryError(f"Its {MLMODEL_FILE} cannot be read: wanted a mapping.")
    return told


def _move_down(folder: Path) -> None:
    inner = folder / MLFLOW_FOLDER
    entries = list(folder.iterdir())
    if inner in entries:
        inner.rename(folder / f"{MLFLOW_FOLDER}.own")
        entries = list(folder.iterdir())
    inner.mkdir()
    for entry in entries:
        own = MLFLOW_FOLDER if entry.name == f"{MLFLOW_FOLDER}.own" else entry.name
        entry.rename(inner / own)


# --- the ways ---


def _serve_graph(folder: Path, file: Path) -> ModelSignature:
    if not file.is_file():
        raise RegistryError(f"Its graph {file.name} is missing.")
    os.link(file, folder / "model.onnx")
    # Weights beside the graph are named by it.
    for beside in file.parent.iterdir():
        if beside.is_file() and beside != file and not (folder / beside.name).exists():
            os.link(beside, folder / beside.name)
    inputs, outputs = graph_tensors(folder / "model.onnx")
    config = 'backend: "onnxruntime"\n'
    if all(shape[:1] == [-1] for _, shape in (*inputs.values(), *outputs.values())):
        config += f"max_batch_size: {BATCH_ROWS_MAX}\n"
    (folder / "config.pbtxt").write_text(config)
    return ModelSignature(
        inputs=tuple(_tensors(inputs)),
        outputs=tuple(_tensors(outputs)),
    )


def _tensors(found: Mapping[str, tuple[str, list[int]]]) -> list[TensorSignature]:
    return [
        TensorSignature(name=name, datatype=datatype, shape=tuple(shape))
        for name, (datatype, shape) in found.items()
    ]


def _serve_compiled(folder: Path, model: CompiledModel) -> ModelSignature:
    write_artifact(model, folder / "model.pnst")
    (folder / "config.pbtxt").write_text(f'backend: "native"\nmax_batch_size: {BATCH_ROWS_MAX}\n')
    return ModelSignature(
        inputs=tuple(
            TensorSignature(name=one.name, datatype=one.datatype, shape=(-1, *one.dims))
            for one in model.manifest.inputs
        ),
        outputs=tuple(
            TensorSignature(name=one.name, datatype=one.datatype, shape=(-1, *one.dims))
            for one in model.manifest.outputs
        ),
    )


def _compiled(flavour: Flavour, file: Path, *, allows_code: bool) -> CompiledModel:
    if not file.is_file():
        raise RegistryError(f"Its file {flavour.file} is missing.")
    if flavour.way == "file":
        return compile_file(file)
    if flavour.name == "xgboost":
        import xgboost

        estimator = getattr(xgboost, flavour.class_name)()
        estimator.load_model(file)
        return compile_model(estimator)
    return compile_model(_read_object(flavour, file, allows_code=allows_code))


def _read_object(flavour: Flavour, file: Path, *, allows_code: bool) -> Any:
    if flavour.runs_code:
        from mlflow import pyfunc

        load: Any = pyfunc.load_model
        return load(str(file.parent)).get_raw_model()
    from skops import io

    trusted = list(LIGHTGBM_TYPES) if flavour.name == "lightgbm" else []
    unknown = [one for one in io.get_untrusted_types(file=file) if one not in trusted]
    if unknown and not allows_code:
        raise RegistryError(
            f"Its file {flavour.file} makes objects of {unknown[0]}, which is not safe to read: "
            f"register a package or an ONNX model, or allow that with {ALLOW_FLAG}."
        )
    return io.load(file, trusted=[*trusted, *unknown])


def _serve_by_code(folder: Path, told: Mapping[str, Any]) -> ModelSignature:
    signature = served_signature(told.get("signature"))
    (folder / "model.py").write_text(_MODEL_PY)
    (folder / "config.pbtxt").write_text(_python_config(signature))
    return signature


def _python_config(signature: ModelSignature) -> str:
    lines = ['backend: "python"', f"max_batch_size: {BATCH_ROWS_MAX}"]
    for kind, tensors in (("input", signature.inputs), ("output", signature.outputs)):
        for tensor in tensors:
            datatype = "STRING" if tensor.datatype == "BYTES" else tensor.datatype
            dims = f" dims: [ {', '.join(map(str, tensor.shape[1:]))} ]" if tensor.shape[1:] else ""
            name = json.dumps(tensor.name, ensure_ascii=False)
            lines.append(f"{kind} {{ name: {name} data_type: TYPE_{datatype}{dims} }}")
    lines.append('parameters { key: "penstock.isolation" value { string_value: "process" } }')
    return "\n".join(lines) + "\n"


def _write_json(path: Path, told: Any) -> None:
    path.write_text(json.dumps(told, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
