# SPDX-License-Identifier: Apache-2.0
"""Which columns of a table a model reads as numbers, and which as categories."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from penstock.errors import ProfileError
from penstock.predict.arrow import pyarrow_module

__all__ = [
    "Datatype",
    "TypedColumn",
    "categories_of",
    "codes_of",
    "datatype_of",
    "numbers_of",
    "typed_columns",
]

Datatype = Literal["FP32", "BYTES", "INT64"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TypedColumn:
    """A column, and as what the model reads it."""

    name: str
    datatype: Datatype


def typed_columns(
    schema: Any, *, where: str, categorical: Collection[str] = (), exclude: Collection[str] = ()
) -> tuple[TypedColumn, ...]:
    """The columns of an Arrow schema but those of `exclude`, in order.

    Numbers and booleans are numbers, texts and dictionaries categories; `categorical` names whole
    numbers that are categories too.

    Raises:
        ProfileError: one is neither, or a name of `categorical` or `exclude` is no column's.
    """
    for name in (*categorical, *exclude):
        if name not in schema.names:
            raise ProfileError(f"{where} has no column {name!r}; it has {_listed(schema.names)}.")
    found = [
        TypedColumn(name=field.name, datatype=datatype_of(field, field.name in categorical, where))
        for field in schema
        if field.name not in exclude
    ]
    if not found:
        raise ProfileError(f"{where} has no column but those that are left out.")
    return tuple(found)


def numbers_of(array: Any) -> npt.NDArray[np.float32]:
    """The values as the model's tensor holds them; NaN where one is missing."""
    arrow = pyarrow_module()
    if arrow.types.is_null(array.type):
        return np.full(len(array), np.nan, dtype=np.float32)
    if arrow.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if arrow.types.is_decimal(array.type):
        array = array.cast(arrow.float64())
    numbers: npt.NDArray[np.float32] = array.cast(arrow.float32(), safe=False).to_numpy(
        zero_copy_only=False
    )
    return numbers


def codes_of(array: Any, datatype: Datatype) -> tuple[npt.NDArray[np.int64], list[str | int]]:
    """The batch's categories, and which of them each row has; "" where one is missing."""
    arrow = pyarrow_module()
    if not arrow.types.is_dictionary(array.type):
        wanted = arrow.large_string() if datatype == "BYTES" else arrow.int64()
        array = array.cast(wanted).dictionary_encode()
    names = array.dictionary.to_pylist()
    codes = array.indices.fill_null(len(names)).to_numpy(zero_copy_only=False).astype(np.int64)
    return codes, ["" if name is None else name for name in names] + [""]


def categories_of(array: Any, datatype: Datatype) -> npt.NDArray[Any]:
    """The values as Python's texts, or as whole numbers; "" where one is missing."""
    codes, names = codes_of(array, datatype)
    found: npt.NDArray[Any] = np.array(names, dtype=object)[codes]
    return found


def datatype_of(field: Any, is_category: bool, where: str) -> Datatype:
    """As what a model reads a field of a schema. Raises ProfileError: as neither of them."""
    types = pyarrow_module().types
    kind = field.type.value_type if types.is_dictionary(field.type) else field.type
    is_whole = types.is_integer(kind)
    if is_category or types.is_dictionary(field.type):
        if is_whole:
            return "INT64"
        if _is_text(kind):
            return "BYTES"
        if is_category:
            raise ProfileError(f"{where}: column {field.name!r} is {field.type}, not categories.")
    if is_whole or any(
        holds(kind)
        for holds in (types.is_floating, types.is_decimal, types.is_boolean, types.is_null)
    ):
        return "FP32"
    if _is_text(kind):
        return "BYTES"
    why = "no numbers and no texts"
    if types.is_nested(kind):
        why = "several values a row"
    if types.is_temporal(kind):
        why = "times: name it as the time column"
    raise ProfileError(
        f"{where}: column {field.name!r} is {field.type}, {why}; or leave it out by --exclude."
    )


def _is_text(kind: Any) -> bool:
    types = pyarrow_module().types
    return any(
        holds(kind) for holds in (types.is_string, types.is_large_string, types.is_string_view)
    )


def _listed(names: Sequence[str]) -> str:
    few = ", ".join(names[:8])
    return few if len(names) <= 8 else f"{few} and {len(names) - 8} more"
