# SPDX-License-Identifier: Apache-2.0
"""A package's smoke request as the core executes it: made without numpy, which servers may lack."""

import struct
from collections.abc import Iterator, Sequence
from math import isfinite, prod
from pathlib import Path
from typing import Any

from penstock.package.smoke_file import SMOKE_FILE, reading_smoke
from penstock.repository.plan import SmokePlan, SmokeTensor

__all__ = ["smoke_plan"]

#: Datatypes of the V2 protocol -> the letters of `struct`. BYTES has none.
LETTERS = {
    "BOOL": "?",
    "FP16": "e",
    "FP32": "f",
    "FP64": "d",
    "INT8": "b",
    "INT16": "h",
    "INT32": "i",
    "INT64": "q",
    "UINT8": "B",
    "UINT16": "H",
    "UINT32": "I",
    "UINT64": "Q",
}


def smoke_plan(folder: Path) -> SmokePlan | None:
    """The smoke request of the package in `folder`; None if it has none.

    Raises:
        SmokeError: it cannot be read, or is none.
    """
    path = folder / SMOKE_FILE
    if not path.exists():
        return None
    with reading_smoke(path) as told:
        tolerance = float(told["tolerance"])
        if not (isfinite(tolerance) and tolerance >= 0):
            raise ValueError(f"tolerance is {tolerance}: wanted 0 or more")
        return SmokePlan(
            inputs=_tensors(told["request"]["inputs"]),
            expected=_tensors(told["expected"]["outputs"]),
            tolerance=tolerance,
        )


def _tensors(told: Sequence[Any]) -> tuple[SmokeTensor, ...]:
    tensors = tuple(map(_tensor, told))
    names = [tensor.name for tensor in tensors]
    if len(set(names)) < len(names):
        raise ValueError(f"{next(n for n in names if names.count(n) > 1)!r} is there twice")
    return tensors


def _tensor(told: Any) -> SmokeTensor:
    name, datatype = str(told["name"]), str(told["datatype"])
    shape = tuple(int(size) for size in told["shape"])
    values = list(_flat(told["data"]))
    if min(shape, default=0) < 0 or prod(shape) != len(values):
        raise ValueError(f"{name!r} has {len(values)} values and shape {list(shape)}")
    return SmokeTensor(
        name=name, datatype=datatype, shape=shape, content=_content(datatype, values)
    )


def _flat(data: Any) -> Iterator[Any]:
    for one in data:
        if isinstance(one, list):
            yield from _flat(one)
        else:
            yield one


def _content(datatype: str, values: Sequence[Any]) -> bytes:
    """`values` in the protocol's raw form: little-endian; before a text stands its length."""
    if datatype == "BYTES":
        texts = [str(value).encode() for value in values]
        return b"".join(struct.pack("<I", len(text)) + text for text in texts)
    try:
        return struct.pack(f"<{len(values)}{LETTERS[datatype]}", *values)
    except struct.error as error:
        raise ValueError(f"a value is no {datatype}: {error}") from None
