# SPDX-License-Identifier: Apache-2.0
"""Compiles the models that people have into penstock.native.Artifact: files, or objects.

A file's format is told by its content, never by its name. No library is imported but that of an
object that is handed in, and scikit-learn's exporter for an object of scikit-learn.
"""

from pathlib import Path

from penstock.errors import ModelFileError, PenstockError
from penstock.native.artifact import CompiledModel
from penstock.native.options import CompileOptions
from penstock.native.sources.lightgbm import compile_lightgbm
from penstock.native.sources.lightgbm_text import parse_text
from penstock.native.sources.xgboost import compile_xgboost
from penstock.native.sources.xgboost_file import parse_xgboost

__all__ = ["compile_bytes", "compile_file"]

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
    raise ModelFileError(
        "it is none of an ONNX model, a LightGBM model's text, and an XGBoost model in JSON "
        "or UBJSON."
    )
