# SPDX-License-Identifier: Apache-2.0
"""smoke.json: one request as the V2 protocol has it in JSON, and what must be answered.

    {
      "request": {"inputs": [{"name": "features", "datatype": "FP32", "shape": [3, 2],
                              "data": [0.5, 1.0, ...]}]},
      "expected": {"outputs": [...]},
      "tolerance": 0.0001
    }

`request` can be sent as it stands to /v2/models/NAME/infer.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from penstock.package.answers import Arrays
from penstock.package.smoke_file import reading_smoke

__all__ = ["Smoke", "read_smoke", "smoke_json"]

DTYPES: Mapping[str, Any] = {
    "BOOL": np.bool_,
    "BYTES": np.object_,
    "FP16": np.float16,
    "FP32": np.float32,
    "FP64": np.float64,
    "INT8": np.int8,
    "INT16": np.int16,
    "INT32": np.int32,
    "INT64": np.int64,
    "UINT8": np.uint8,
    "UINT16": np.uint16,
    "UINT32": np.uint32,
    "UINT64": np.uint64,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Smoke:
    """A request and its expected answer. Text is str."""

    inputs: Arrays
    expected: Arrays
    #: Relative difference of floats that is no error.
    tolerance: float


def smoke_json(smoke: Smoke) -> dict[str, Any]:
    """`smoke` as the file has it."""
    return {
        "request": {"inputs": _tensors(smoke.inputs)},
        "expected": {"outputs": _tensors(smoke.expected)},
        "tolerance": smoke.tolerance,
    }


def read_smoke(path: Path) -> Smoke:
    """The smoke request in the file at `path`.

    Raises:
        SmokeError: it cannot be read, or is none.
    """
    with reading_smoke(path) as told:
        return Smoke(
            inputs=_arrays(told["request"]["inputs"]),
            expected=_arrays(told["expected"]["outputs"]),
            tolerance=float(told["tolerance"]),
        )


def _tensors(arrays: Arrays) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "datatype": _datatype(array),
            "shape": list(array.shape),
            "data": array.ravel().tolist(),
        }
        for name, array in arrays.items()
    ]


def _arrays(tensors: Sequence[Mapping[str, Any]]) -> dict[str, NDArray[Any]]:
    return {
        str(one["name"]): np.array(one["data"], DTYPES[one["datatype"]]).reshape(one["shape"])
        for one in tensors
    }


def _datatype(array: NDArray[Any]) -> str:
    if array.dtype.kind in "OSU":
        return "BYTES"
    return next(name for name, dtype in DTYPES.items() if array.dtype == dtype)
