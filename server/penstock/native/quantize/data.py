# SPDX-License-Identifier: Apache-2.0
"""Rows and labels from a file, as a model's inputs.

    *.parquet   columns; needs pyarrow, which the extra penstock[quantize] brings
    *.csv       columns, whose names are the first line
    *.npz       arrays by name

A column with the name of an input is that input: numbers or text for an input of one column, lists
for a wider one. A model with one input also takes all columns but the label's, in their order.
"""

import csv
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from penstock.errors import QuantizeError
from penstock.native.artifact import Array, CompiledModel
from penstock_client._proto import native_artifact_pb2 as pb

__all__ = ["LABEL_NAMES", "Rows", "bind_columns", "read_columns"]

#: Columns that are taken for labels when none is named.
LABEL_NAMES = ("label", "target", "y")

Columns = Mapping[str, Array]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rows:
    """Inputs by name, and what would be right for each row, if that is known."""

    inputs: dict[str, Array]
    labels: Array | None = None
    label_name: str = ""

    def __len__(self) -> int:
        return len(next(iter(self.inputs.values())))

    def take(self, places: Array) -> "Rows":
        """Some of the rows."""
        return Rows(
            inputs={name: array[places] for name, array in self.inputs.items()},
            labels=None if self.labels is None else self.labels[places],
            label_name=self.label_name,
        )


def read_columns(path: Path) -> dict[str, Array]:
    """The columns of a file, by name, in order. Raises QuantizeError that names the file."""
    readers = {".parquet": _parquet, ".csv": _csv, ".npz": _npz}
    if path.suffix not in readers:
        raise QuantizeError(f"{path}: wanted data in {', '.join(readers)}; found {path.name!r}.")
    try:
        columns = readers[path.suffix](path)
    except (OSError, EOFError, ValueError, zipfile.BadZipFile) as error:
        why = getattr(error, "strerror", None) or str(error).partition("\n")[0]
        raise QuantizeError(f"{path} cannot be read: {why.rstrip('.')}.") from None
    lengths = {name: len(column) if column.ndim else 0 for name, column in columns.items()}
    if len(set(lengths.values())) > 1:
        raise QuantizeError(f"{path}: wanted columns of one length; found {lengths}.")
    if not columns or not max(lengths.values()):
        raise QuantizeError(f"{path} has no rows.")
    return columns


def _parquet(path: Path) -> dict[str, Array]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise QuantizeError(
            f"{path}: reading parquet needs pyarrow: pip install 'penstock[quantize]', or give the "
            "rows as CSV or .npz."
        ) from None
    try:
        with path.open("rb") as file:
            table = pyarrow.parquet.read_table(file)
    except pyarrow.ArrowException as error:
        raise ValueError(str(error)) from None
    return {name: _arrow_column(name, table.column(name)) for name in table.column_names}


def _arrow_column(name: str, column: Any) -> Array:
    """Numbers; text as objects; lists of one length as rows of numbers. What is missing is NaN."""
    import pyarrow.types

    kind = column.type
    if pyarrow.types.is_string(kind) or pyarrow.types.is_binary(kind):
        return _texts(["" if value is None else value for value in column.to_pylist()])
    if pyarrow.types.is_integer(kind) or pyarrow.types.is_floating(kind):
        return np.asarray(column.to_numpy())
    values = column.to_pylist()
    if pyarrow.types.is_boolean(kind):
        return np.array([float("nan") if value is None else int(value) for value in values])
    lengths = {len(value) for value in values if isinstance(value, list)}
    if len(lengths) != 1 or any(value is None for value in values):
        raise ValueError(
            f"column {name!r} is of {kind}: wanted numbers, text, or lists of a length"
        )
    return np.array(values, np.float64)


def _texts(values: Sequence[Any]) -> Array:
    column = np.empty(len(values), object)
    column[:] = values
    return column


def _csv(path: Path) -> dict[str, Array]:
    with path.open(newline="", encoding="utf-8-sig") as file:
        lines = csv.reader(file, strict=True)
        try:
            names = next(lines, [])
            rows = [line for line in lines if line]
        except csv.Error as error:
            raise ValueError(f"line {lines.line_num}: {error}") from None
    if len(set(names)) != len(names):
        raise ValueError("its first line names a column twice")
    for place, row in enumerate(rows):
        if len(row) != len(names):
            raise ValueError(f"row {place + 1} has {len(row)} fields: wanted {len(names)}")
    return {name: _numbers([row[i] for row in rows]) for i, name in enumerate(names)}


def _numbers(texts: Sequence[str]) -> Array:
    """Numbers if all are, an empty field being NaN; integers if all are."""
    for kind in (int, float):
        try:
            return np.array([kind(text) if kind is int or text else np.nan for text in texts])
        except ValueError:
            continue
    return _texts(texts)


def _npz(path: Path) -> dict[str, Array]:
    # numpy itself would leave a file that is no archive open.
    with path.open("rb") as file:
        arrays = np.load(file, allow_pickle=False)
        if not isinstance(arrays, np.lib.npyio.NpzFile):
            raise ValueError("it is no archive of arrays, as numpy.savez writes")
        return {name: arrays[name] for name in arrays.files}


def bind_columns(model: CompiledModel, columns: Columns, *, label: str, wants_labels: bool) -> Rows:
    """The model's inputs out of `columns`. Raises QuantizeError, also for values of a wrong kind.

    `label` names the labels' column; "": one of LABEL_NAMES that is no input of the model.
    """
    names = {port.name for port in model.manifest.inputs}
    label_name = _label_name(columns, label, names, wants_labels)
    others = {name: column for name, column in columns.items() if name != label_name}
    ports = list(model.manifest.inputs)
    if len(ports) == 1 and ports[0].name not in others:
        inputs = {ports[0].name: _stacked(ports[0], others)}
    else:
        inputs = {port.name: _one_column(port, others) for port in ports}
    labels = columns[label_name] if label_name else None
    if labels is not None:
        _check_labels(label_name, labels)
        labels = labels.reshape(len(labels))
    return Rows(inputs=inputs, labels=labels, label_name=label_name)


def _label_name(columns: Columns, label: str, inputs: set[str], wants_labels: bool) -> str:
    if label:
        if label in columns:
            return label
        raise QuantizeError(f"wanted labels in column {label!r}; found columns {_listed(columns)}.")
    found = [name for name in LABEL_NAMES if name in columns and name not in inputs]
    if found:
        return found[0]
    if wants_labels:
        raise QuantizeError(
            f"wanted labels in a column named {' or '.join(map(repr, LABEL_NAMES))}; found columns "
            f"{_listed(columns)}: name it by --label, or take --metric agreement, which needs none."
        )
    return ""


def _listed(columns: Columns) -> str:
    names = [repr(name) for name in columns]
    return ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")


def _width(port: pb.Port) -> int:
    return int(np.prod(port.dims, dtype=np.int64))


def _elements(column: Array) -> int:
    """Of one row."""
    return int(np.prod(column.shape[1:], dtype=np.int64))


def _one_column(port: pb.Port, columns: Columns) -> Array:
    if port.name not in columns:
        raise QuantizeError(
            f"wanted a column {port.name!r} for the input of that name; found columns "
            f"{_listed(columns)}."
        )
    column = columns[port.name]
    if _elements(column) != _width(port):
        raise QuantizeError(
            f"column {port.name!r} has {_elements(column)} elements a row: wanted {_width(port)}, "
            f"for the input has dims {list(port.dims)}."
        )
    _check_column(port, port.name, column)
    return column.reshape(len(column), *port.dims)


def _stacked(port: pb.Port, columns: Columns) -> Array:
    """Columns side by side, in the file's order."""
    found = sum(_elements(column) for column in columns.values())
    if found != _width(port):
        raise QuantizeError(
            f"wanted {_width(port)} columns for input {port.name!r}; found {found}: "
            f"{_listed(columns)}."
        )
    for name, column in columns.items():
        _check_column(port, name, column)
    parts = [column.reshape(len(column), -1) for column in columns.values()]
    return np.concatenate(parts, axis=1).reshape(len(parts[0]), *port.dims)


def _check_column(port: pb.Port, name: str, column: Array) -> None:
    is_text = column.dtype.kind in "OSU"
    if is_text != (port.datatype == "BYTES"):
        wanted, found = (
            ("text", "numbers")
            if is_text < (port.datatype == "BYTES")
            else (
                "numbers",
                "text",
            )
        )
        raise QuantizeError(
            f"column {name!r} holds {found}: wanted {wanted}, for input {port.name!r} is of "
            f"{port.datatype}."
        )
    if is_text:
        return
    if column.dtype.kind not in "biuf":
        raise QuantizeError(f"column {name!r} is of dtype {column.dtype}: wanted real numbers.")
    if not port.datatype.startswith("FP") and not np.array_equal(column, np.trunc(column)):
        raise QuantizeError(
            f"column {name!r} holds fractions or NaN: wanted whole numbers, for input "
            f"{port.name!r} is of {port.datatype}."
        )


def _check_labels(name: str, labels: Array) -> None:
    if labels.size != len(labels):
        raise QuantizeError(
            f"column {name!r} has {_elements(labels)} elements a row: wanted one label each."
        )
    missing = int(np.isnan(labels).sum()) if labels.dtype.kind == "f" else 0
    if missing:
        raise QuantizeError(f"{missing} of {len(labels)} labels in column {name!r} are NaN.")
