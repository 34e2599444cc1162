# SPDX-License-Identifier: Apache-2.0
"""Which columns of a table are which input of a model. Pure.

1. An input whose columns the signature names, or --feature-columns does: those, by name.
2. An input of one value per row: the column of its name.
3. A wider input: the column of its name, of lists; or NAME[0], NAME[1], ..., as a package names
   columns without a name; or, where it is the only input and the table has as many columns as it is
   wide, besides those that are kept, all of them in their order.
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from penstock.errors import PredictError
from penstock.package.signature import ModelSignature, TensorSignature
from penstock.predict.arrow import pyarrow_module

__all__ = [
    "InputColumns",
    "bind_columns",
    "check_names",
    "check_types",
    "columns_of",
    "kept_columns",
]

TOLD_MAX = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class InputColumns:
    """Where an input's values come from: a column for each of a row's, or one that `is_list`."""

    tensor: TensorSignature
    columns: tuple[str, ...]
    is_list: bool = False

    @property
    def width(self) -> int:
        """Values of a row."""
        return math.prod(self.tensor.shape[1:])

    @property
    def is_text(self) -> bool:
        """Whether its values are texts."""
        return self.tensor.datatype == "BYTES"


def columns_of(inputs: Sequence[InputColumns]) -> list[str]:
    """Every column that is read, once."""
    return list(dict.fromkeys(name for one in inputs for name in one.columns))


def kept_columns(schema: Any, keep: Sequence[str] | None) -> tuple[str, ...]:
    """The columns of Arrow's `schema` that the output has as well, once each. None: all.

    Raises:
        PredictError: one is missing, or nobody can tell which of two is meant.
    """
    kept = tuple(dict.fromkeys(schema.names if keep is None else keep))
    for name in kept:
        if name not in schema.names:
            raise PredictError(f"The input has no column {name!r} to keep.")
    check_names(kept, schema)
    return kept


def check_names(wanted: Sequence[str], schema: Any) -> None:
    """Raise PredictError if Arrow's `schema` has two columns of one of the names."""
    counts = Counter(schema.names)
    twice = [name for name in wanted if counts[name] > 1]
    if twice:
        raise PredictError(f"The input has two columns {twice[0]!r}: rename one.")


def bind_columns(
    signature: ModelSignature,
    schema: Any,
    *,
    feature_columns: Sequence[str] = (),
    kept: Sequence[str] = (),
    has_names: bool = False,
) -> list[InputColumns]:
    """The columns of each input. `schema` is Arrow's; `has_names`: the signature is a package's.

    Raises:
        PredictError: a column is missing, of a wrong type, or nobody can tell which is meant.
    """
    if has_names and feature_columns:
        raise PredictError(
            "--feature-columns is of models that do not name their columns, and this package names "
            "them: leave it out."
        )
    for tensor in signature.inputs:
        if any(size < 0 for size in tensor.shape[1:]):
            raise PredictError(
                f"input {tensor.name!r} is of shape {list(tensor.shape)}: wanted one whose "
                "rows are of a known size. config.pbtxt can narrow it."
            )
    bound = [
        _bound(tensor, schema.names, signature, feature_columns, kept)
        for tensor in signature.inputs
    ]
    missing = [name for name in columns_of(bound) if name not in schema.names]
    if missing:
        raise PredictError(
            f"The input has no column {_told(missing)}, which the model reads; it has "
            f"{_told(schema.names)}."
        )
    check_names(columns_of(bound), schema)
    check_types(bound, schema)
    return bound


def _bound(
    tensor: TensorSignature,
    names: Sequence[str],
    signature: ModelSignature,
    feature_columns: Sequence[str],
    kept: Sequence[str],
) -> InputColumns:
    width = math.prod(tensor.shape[1:])
    if tensor.columns:
        return InputColumns(tensor=tensor, columns=tensor.columns)
    wide = [one for one in signature.inputs if math.prod(one.shape[1:]) > 1]
    takes_features = [tensor] == (wide or list(signature.inputs))
    if feature_columns and takes_features:
        if len(feature_columns) != width:
            raise PredictError(
                f"--feature-columns names {len(feature_columns)} columns, and input "
                f"{tensor.name!r} has {width}."
            )
        return InputColumns(tensor=tensor, columns=tuple(feature_columns))
    if feature_columns and not wide:
        raise PredictError(
            "--feature-columns names the columns of one wide input, and this model has none."
        )
    if width == 1:
        return InputColumns(tensor=tensor, columns=(tensor.name,))
    if tensor.name in names:
        return InputColumns(tensor=tensor, columns=(tensor.name,), is_list=True)
    numbered = tuple(f"{tensor.name}[{place}]" for place in range(width))
    if numbered[0] in names:
        return InputColumns(tensor=tensor, columns=numbered)
    others = tuple(name for name in names if name not in kept)
    if len(signature.inputs) == 1 and len(others) == width:
        return InputColumns(tensor=tensor, columns=others)
    raise PredictError(
        f"input {tensor.name!r} has {width} columns, whose names the model does not tell, and the "
        f"data has {len(others)}: {_told(names)}. Name them in order by --feature-columns."
    )


def check_types(bound: Sequence[InputColumns], schema: Any) -> None:
    """Raise PredictError if no value of a column could ever fit."""
    for one in bound:
        for name in one.columns:
            kind = schema.field(name).type
            if one.is_list:
                if not _is_list(kind):
                    raise PredictError(
                        f"column {name!r} is {kind}, and input {one.tensor.name!r} is of "
                        f"{one.width} values a row: wanted lists."
                    )
                while _is_list(kind):
                    kind = _storage(kind).value_type
            if not (_is_text if one.is_text else _is_number)(kind):
                wanted = "text" if one.is_text else "numbers"
                raise PredictError(
                    f"column {name!r} is {kind}, and input {one.tensor.name!r} is "
                    f"{one.tensor.datatype}: wanted {wanted}."
                )


def _storage(kind: Any) -> Any:
    return getattr(kind, "storage_type", kind)


def _plain(kind: Any) -> Any:
    types = pyarrow_module().types
    return kind.value_type if types.is_dictionary(kind) else kind


def _is_list(kind: Any) -> bool:
    types = pyarrow_module().types
    kind = _storage(kind)
    return any(is_(kind) for is_ in (types.is_list, types.is_large_list, types.is_fixed_size_list))


def _is_text(kind: Any) -> bool:
    types = pyarrow_module().types
    tests = (
        types.is_string,
        types.is_large_string,
        types.is_string_view,
        types.is_binary,
        types.is_large_binary,
        types.is_null,
    )
    return any(test(_plain(kind)) for test in tests)


def _is_number(kind: Any) -> bool:
    """Text as well: its values are read as numbers one by one."""
    types = pyarrow_module().types
    tests = (types.is_boolean, types.is_integer, types.is_floating, types.is_decimal)
    return any(test(_plain(kind)) for test in tests) or _is_text(kind)


def _told(names: Sequence[str]) -> str:
    told = ", ".join(map(repr, names[:TOLD_MAX])) or "none"
    return told if len(names) <= TOLD_MAX else f"{told} and {len(names) - TOLD_MAX} more"
