# SPDX-License-Identifier: Apache-2.0
"""MLflow's signatures, and the tensors that stand for them. Pure.

All numeric columns are one tensor `features` of float64 with the columns' names, as in a package;
each column of text is a tensor of its own, of shape [-1, 1]. A tensor of MLflow's stays as it is.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from penstock.errors import RegistryError
from penstock.package.signature import ModelSignature, TensorSignature

__all__ = ["FEATURES", "NUMBERS", "OUTPUT", "columns_of", "served_signature"]

FEATURES, OUTPUT = "features", "output"
#: MLflow's types of columns that are numbers -> what pandas calls them.
NUMBERS: Mapping[str, str] = {
    "boolean": "bool",
    "double": "float64",
    "float": "float32",
    "integer": "int32",
    "long": "int64",
}
_TEXT = "string"
_COLUMN_DATATYPES = {
    "boolean": "BOOL",
    "double": "FP64",
    "float": "FP32",
    "integer": "INT32",
    "long": "INT64",
    "string": "BYTES",
}
_ARRAY_DATATYPES = {
    "bool": "BOOL",
    "float16": "FP16",
    "float32": "FP32",
    "float64": "FP64",
    **{f"int{n}": f"INT{n}" for n in (8, 16, 32, 64)},
    **{f"uint{n}": f"UINT{n}" for n in (8, 16, 32, 64)},
    "object": "BYTES",
    "str": "BYTES",
}


def served_signature(told: Mapping[str, Any] | None) -> ModelSignature:
    """The tensors of a model whose MLmodel has the `signature` `told`.

    Raises:
        RegistryError: it has none, or one that no tensors can stand for.
    """
    if not told or not told.get("inputs") or not told.get("outputs"):
        raise RegistryError(
            "The model's signature does not say what it reads and what it answers: log it with "
            "signature=mlflow.models.infer_signature(inputs, outputs)."
        )
    return ModelSignature(
        inputs=tuple(_inputs(columns_of(told["inputs"]))),
        outputs=tuple(_outputs(columns_of(told["outputs"]))),
    )


def columns_of(text: str) -> list[dict[str, Any]]:
    """MLflow's columns or tensors, from the JSON that MLmodel has of them."""
    try:
        found = json.loads(text)
        if isinstance(found, list) and all(isinstance(one, dict) for one in found):
            return found
    except ValueError:
        pass
    raise RegistryError("The model's signature cannot be read: wanted JSON, a list of columns.")


def _inputs(columns: Sequence[Mapping[str, Any]]) -> list[TensorSignature]:
    if any(column.get("type") == "tensor" for column in columns):
        return [_tensor(column, default=f"input_{i}") for i, column in enumerate(columns)]
    numbers = [_name(c, i) for i, c in enumerate(columns) if c.get("type") in NUMBERS]
    texts = [_name(c, i) for i, c in enumerate(columns) if c.get("type") == _TEXT]
    others = [c.get("type") for c in columns if c.get("type") not in (*NUMBERS, _TEXT)]
    if others:
        raise RegistryError(
            f"The model reads a column of type {others[0]!r}, which no tensor stands for: wanted "
            f"{', '.join(NUMBERS)} or {_TEXT}."
        )
    found = []
    if numbers:
        shape = (-1, len(numbers))
        found.append(
            TensorSignature(name=FEATURES, datatype="FP64", shape=shape, columns=tuple(numbers))
        )
    found += [TensorSignature(name=name, datatype="BYTES", shape=(-1, 1)) for name in texts]
    return found


def _outputs(columns: Sequence[Mapping[str, Any]]) -> list[TensorSignature]:
    only = len(columns) == 1
    found = []
    for i, column in enumerate(columns):
        name = str(column.get("name") or (OUTPUT if only else f"{OUTPUT}_{i}"))
        if column.get("type") == "tensor":
            found.append(_tensor(column, default=name))
        elif column.get("type") in _COLUMN_DATATYPES:
            datatype = _COLUMN_DATATYPES[str(column["type"])]
            found.append(TensorSignature(name=name, datatype=datatype, shape=(-1,)))
        else:
            raise RegistryError(
                f"The model answers a column of type {column.get('type')!r}, which no tensor "
                f"stands for: wanted {', '.join(_COLUMN_DATATYPES)}."
            )
    return found


def _tensor(column: Mapping[str, Any], *, default: str) -> TensorSignature:
    told = column.get("tensor-spec", {})
    datatype = _ARRAY_DATATYPES.get(str(told.get("dtype")))
    shape = tuple(told.get("shape", ()))
    if datatype is None or not shape or shape[0] != -1:
        raise RegistryError(
            f"The model has a tensor of dtype {told.get('dtype')} and shape {list(shape)}: wanted "
            "numbers or texts, and rows as the first dimension (-1)."
        )
    return TensorSignature(name=str(column.get("name") or default), datatype=datatype, shape=shape)


def _name(column: Mapping[str, Any], place: int) -> str:
    return str(column.get("name") or f"column_{place}")
