# SPDX-License-Identifier: Apache-2.0
"""What a run must have in common with the one it goes on with, for the answers to be the same. Pure
but for the machine's name of its instructions.
"""

import os
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from penstock import __version__
from penstock.local_model import isa
from penstock.predict.options import PredictOptions

__all__ = ["difference", "fingerprint_of"]

FORMAT = 1
_LIBRARIES = ("numpy", "onnxruntime", "pyarrow")


def fingerprint_of(
    options: PredictOptions,
    *,
    model: str,
    input_marks: Mapping[str, Any],
    kept: tuple[str, ...],
    part_rows: int,
    schema: str,
) -> dict[str, Any]:
    """Everything that the bytes of the output follow from. `model`: its digest."""
    return {
        "format": FORMAT,
        "model": model,
        "input": {name: list(marks) for name, marks in input_marks.items()},
        "options": {
            "output": options.output.name,
            "feature_columns": list(options.feature_columns),
            "kept": list(kept),
            "chunk_rows": options.bounds.chunk_rows,
            "chunk_bytes": options.bounds.chunk_bytes,
            "part_rows": part_rows,
            "schema": schema,
        },
        "versions": {
            "penstock": __version__,
            "isa": os.environ.get("PENSTOCK_ISA", isa()),
            **{library: _version(library) for library in _LIBRARIES},
        },
    }


def _version(library: str) -> str:
    try:
        return version(library)
    except PackageNotFoundError:
        return ""


def difference(begun: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """What has changed between two fingerprints, as a sentence begins; "": nothing. Pure."""
    if begun.get("input") != now["input"]:
        before, after = begun.get("input") or {}, now["input"]
        for name in after:
            if name not in before:
                return f"{name} is new in the input"
            if before[name] != after[name]:
                return f"{name} of the input has changed"
        return f"{next(name for name in before if name not in after)} of the input is gone"
    for key, what in (("model", "The model has"), ("options", "The options have")):
        if begun.get(key) != now[key]:
            return f"{what} changed"
    return "" if dict(begun) == dict(now) else "Penstock, or a library that it uses, has changed"
