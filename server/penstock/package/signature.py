# SPDX-License-Identifier: Apache-2.0
"""signature.json: the tensors of a version, and what stands in their columns.

Numeric features are one tensor of shape [-1, k]; `columns` names its k columns. Each column of text
is an input of its own, of shape [-1, 1]. Of a classifier, `classes` names the columns of the
probabilities.
"""

import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from penstock.errors import PackageError

__all__ = [
    "ModelSignature",
    "SIGNATURE_FILE",
    "TensorSignature",
    "read_signature",
    "sensitive_inputs",
    "signature_from",
]

SIGNATURE_FILE = "signature.json"
SIGNATURE_BYTES_MAX = 16 << 20


class TensorSignature(BaseModel):
    """One input or output. `shape` begins with -1, the rows."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    name: str
    #: As the V2 protocol has it: FP32, INT64, BYTES, ...
    datatype: str
    shape: tuple[int, ...]
    #: Names of the columns of an input of several.
    columns: tuple[str, ...] = ()
    #: Columns whose values are never stored, shown, logged or used as metric labels.
    sensitive: tuple[str, ...] = ()
    #: Of an output with a column for each class.
    classes: tuple[str | int | bool | float, ...] = ()

    @model_validator(mode="after")
    def _has_as_many_names_as_columns(self) -> "TensorSignature":
        for kind, names in (("columns", self.columns), ("classes", self.classes)):
            if names and (len(self.shape) != 2 or self.shape[1] not in (-1, len(names))):
                raise ValueError(
                    f"{self.name} has {len(names)} {kind} and shape {list(self.shape)}"
                )
        return self


class ModelSignature(BaseModel):
    """What a version reads and what it answers."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    inputs: tuple[TensorSignature, ...]
    outputs: tuple[TensorSignature, ...]

    @property
    def sensitive(self) -> frozenset[str]:
        """Columns whose values nobody may see; an input of one column counts by its own name."""
        return frozenset(column for one in self.inputs for column in one.sensitive)

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, as text; empty for a regression."""
        return next((tuple(map(str, one.classes)) for one in self.outputs if one.classes), ())


def sensitive_inputs(folder: Path) -> frozenset[str]:
    """Inputs of the version in `folder` that have a sensitive column; none of one without a
    signature. Of an input of several columns nothing may be kept, by whoever knows tensors alone.

    Raises:
        PackageError: its signature cannot be read.
    """
    path = folder / SIGNATURE_FILE
    if not path.is_file():
        return frozenset()
    return frozenset(one.name for one in read_signature(path).inputs if one.sensitive)


def read_signature(path: Path) -> ModelSignature:
    """The signature in the file at `path`.

    Raises:
        PackageError: it cannot be read, or is none.
    """
    try:
        if (size := path.stat().st_size) > SIGNATURE_BYTES_MAX:
            raise PackageError(f"{path} has {size} bytes: wanted {SIGNATURE_BYTES_MAX} at most.")
        content = path.read_bytes()
    except OSError as error:
        raise PackageError(f"{path} cannot be read: {error.strerror or error}.") from None
    return signature_from(content, str(path))


def signature_from(content: bytes | str, place: str) -> ModelSignature:
    """The signature in `content`, which was read at `place`. Raises PackageError."""
    try:
        told: Any = json.loads(content)
        return ModelSignature.model_validate(told)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(map(str, first["loc"])) or "the whole"
        why = first["msg"].removeprefix("Value error, ")
        raise PackageError(f"{place} is no signature: {field}: {why}.") from None
    except (ValueError, RecursionError) as error:
        raise PackageError(f"{place} is not JSON: {error}.") from None
