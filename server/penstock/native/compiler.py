# SPDX-License-Identifier: Apache-2.0
"""Compiles the models that people have into penstock.native.Artifact: files, or objects.

A file's format is told by its content, never by its name. No library is imported but that of an
object that is handed in, and scikit-learn's exporter for an object of scikit-learn.
"""

import math
import tempfile
from pathlib import Path
from typing import Any

from penstock.errors import ModelFileError, NotCompiledError, PenstockError
from penstock.native.artifact import CompiledModel
from penstock.native.onnx.compiled import compile_onnx
from penstock.native.onnx.model_file import looks_like_onnx
from penstock.native.options import CompileOptions
from penstock.native.sources.classes import class_labels
from penstock.native.sources.lightgbm import compile_lightgbm
from penstock.native.sources.lightgbm_text import parse_text
from penstock.native.sources.sklearn import exported
from penstock.native.sources.sklearn_trial import try_out
from penstock.native.sources.xgboost import compile_xgboost
from penstock.native.sources.xgboost_file import parse_xgboost

__all__ = ["compile_bytes", "compile_file", "compile_model"]

FILE_BYTES_MAX = 2 << 30

#: First bytes of files that are no model that can be read, and what to do about each.
KNOWN_BUT_UNREAD = {
    b"CBM1": "it is CatBoost's own format: export it with save_model(FILE, format='onnx').",
    b"\x89PNST": "it is a compiled model already.",
    b"\x80": "it is a pickle, which could run any code: load it yourself, and hand the object to "
    "penstock.native.compiler.compile_model.",
    b"PK": "it is a zip archive, such as PyTorch's: export the model to ONNX.",
}


def compile_file(path: Path, options: CompileOptions | None = None) -> CompiledModel:
    """Compiles a file. Raises ModelFileError or NotCompiledError, which name the file."""
    try:
        if (size := path.stat().st_size) > FILE_BYTES_MAX:
            raise ModelFileError(f"it has {size} bytes: wanted {FILE_BYTES_MAX} at most.")
        return compile_bytes(path.read_bytes(), options)
    except OSError as error:
        raise ModelFileError(f"{path} cannot be read: {error.strerror or error}.") from None
    except PenstockError as error:
        error.args = (f"{path}: {error}",)
        raise


def compile_bytes(content: bytes, options: CompileOptions | None = None) -> CompiledModel:
    """Compiles what a file holds."""
    options = options or CompileOptions()
    for start, why in KNOWN_BUT_UNREAD.items():
        if content.startswith(start):
            raise ModelFileError(why)
    if content.startswith((b"tree\n", b"tree\r\n")):
        return compile_lightgbm(parse_text(content.decode("utf-8", "replace")), options)
    if content.startswith(b"{"):
        return compile_xgboost(parse_xgboost(content), options)
    if looks_like_onnx(content):
        return compile_onnx(content, options)
    raise ModelFileError(
        "it is none of an ONNX model, a LightGBM model's text, and an XGBoost model in JSON "
        "or UBJSON."
    )


def compile_model(
    model: Any, options: CompileOptions | None = None, *, example: Any = None
) -> CompiledModel:
    """Compiles a trained object: a booster of LightGBM or XGBoost, or an estimator around one, a
    model of CatBoost, an estimator or a pipeline of scikit-learn.

    An estimator's predictions are its own: a classifier gives labels and probabilities, and one
    that stopped early uses the rounds that its predict uses. `example`: rows as scikit-learn's
    model takes them, of which names and types of its inputs are taken; without it the input is rows
    of float32.
    """
    options = options or CompileOptions()
    library = type(model).__module__.partition(".")[0]
    match library:
        case "lightgbm":
            return _lightgbm_object(model, options)
        case "xgboost":
            return _xgboost_object(model, options)
        case "catboost":
            return _catboost_object(model, options)
        case "sklearn":
            return _sklearn_object(model, options, example)
    raise NotCompiledError(
        f"an object of {type(model).__module__}.{type(model).__qualname__} cannot be compiled: "
        "export it to ONNX, and compile the file."
    )


def _lightgbm_object(model: Any, options: CompileOptions) -> CompiledModel:
    booster = getattr(model, "booster_", model)
    labels = class_labels(model.classes_) if hasattr(model, "classes_") else None
    return compile_lightgbm(parse_text(booster.model_to_string()), options, labels)


def _xgboost_object(model: Any, options: CompileOptions) -> CompiledModel:
    booster, missing, labels = model, math.nan, None
    if hasattr(model, "get_booster"):
        booster = model.get_booster()
        missing = model.missing
        labels = class_labels(model.classes_) if hasattr(model, "classes_") else None
        # The booster says where it stopped, by whatever means; a model that was read from a file
        # does not. A linear one predicts with all it has.
        best = getattr(booster, "best_iteration", None)
        if best is not None and model.booster != "gblinear":
            booster = booster[: best + 1]
    content = bytes(booster.save_raw("ubj"))
    return compile_xgboost(parse_xgboost(content), options, labels, missing=missing)


def _sklearn_object(model: Any, options: CompileOptions, example: Any) -> CompiledModel:
    compiled = compile_onnx(exported(model, example), options)
    try_out(compiled, model, example)
    return compiled


def _catboost_object(model: Any, options: CompileOptions) -> CompiledModel:
    """CatBoost writes ONNX, but only to a file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.onnx")
        try:
            model.save_model(str(path), format="onnx")
        except Exception as error:  # its own class, which has no meaning but its text
            raise NotCompiledError(f"CatBoost cannot write it as ONNX: {error}.") from None
        return compile_onnx(path.read_bytes(), options)
