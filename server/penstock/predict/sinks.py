# SPDX-License-Identifier: Apache-2.0
"""Files of answers, written a part at a time. The same parts make the same bytes."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from penstock.errors import PredictError
from penstock.predict.arrow import pyarrow_module

__all__ = ["SINKS", "Sink", "check_columns", "check_ending", "open_sink"]


class Sink:
    """A file that is being written, of the format that `suffix` names. `file` is Arrow's, and is
    closed with the sink.
    """

    def __init__(self, file: Any, suffix: str, schema: Any) -> None:
        """Raises PredictError if the format cannot hold a column, OSError as all methods do."""
        self._file = file
        self._suffix = suffix
        self._schema = _SCHEMAS.get(suffix, lambda same: same)(schema)
        self._rows_are_groups = suffix == ".parquet"
        try:
            self._writer: Any = SINKS[suffix](file, self._schema)
        except (pyarrow_module().ArrowException, TypeError) as error:
            self._file.close()
            raise self._not_held(error) from None

    def write(self, table: Any) -> None:
        """A part: one of Arrow's tables. Raises PredictError if a value is not to be held."""
        arrow = pyarrow_module()
        try:
            if table.schema != self._schema:
                table = table.cast(self._schema)
            if self._rows_are_groups:
                self._writer.write_table(table, row_group_size=max(1, table.num_rows))
            else:
                self._writer.write_table(table)
        except arrow.ArrowException as error:
            raise self._not_held(error) from None

    def close(self) -> None:
        """The file is whole then."""
        try:
            self._writer.close()
        except pyarrow_module().ArrowException as error:
            raise self._not_held(error) from None
        finally:
            self._file.close()

    def _not_held(self, error: Exception) -> PredictError:
        why = str(error).partition("\n")[0].rstrip(".")
        return PredictError(
            f"The columns do not fit a file of {self._suffix}: {why}. Keep other columns, or write "
            "one of another format."
        )


def _parquet(file: Any, schema: Any) -> Any:
    import pyarrow.parquet

    # Answers of floats hardly repeat: looking for those that do costs more than writing them.
    floating = pyarrow_module().types.is_floating
    texts = [field.name for field in schema if not floating(field.type)]
    return pyarrow.parquet.ParquetWriter(
        file, schema, compression="snappy", use_dictionary=texts or False
    )


def _arrow(file: Any, schema: Any) -> Any:
    import pyarrow.ipc

    options = pyarrow.ipc.IpcWriteOptions(compression="lz4")
    return pyarrow.ipc.new_file(file, schema, options=options)


def _plain(schema: Any) -> Any:
    """With the values of dictionaries in their place: a file of Arrow's has one dictionary for each
    column, and that of the last part is not known with the first.
    """
    arrow = pyarrow_module()
    return arrow.schema(
        [
            field.with_type(field.type.value_type)
            if arrow.types.is_dictionary(field.type)
            else field
            for field in schema
        ]
    )


def _csv(file: Any, schema: Any) -> Any:
    return _separated(file, schema, ",")


def _tsv(file: Any, schema: Any) -> Any:
    return _separated(file, schema, "\t")


def _separated(file: Any, schema: Any, delimiter: str) -> Any:
    import pyarrow.csv

    options = pyarrow.csv.WriteOptions(delimiter=delimiter)
    return pyarrow.csv.CSVWriter(file, schema, write_options=options)


SINKS: Mapping[str, Callable[[Any, Any], Any]] = {
    ".parquet": _parquet,
    ".arrow": _arrow,
    ".feather": _arrow,
    ".csv": _csv,
    ".tsv": _tsv,
}
_SCHEMAS: Mapping[str, Callable[[Any], Any]] = {".arrow": _plain, ".feather": _plain}


def check_ending(output: Path) -> None:
    """Raise PredictError for a file of no format that can be written. Pure."""
    if output.suffix not in SINKS:
        raise PredictError(f"--output is {output}: wanted a file in {', '.join(SINKS)}.")


def check_columns(output: Path, schema: Any) -> None:
    """Raise PredictError if the output's format has no room for a column of Arrow's `schema`."""
    if _are_held(output.suffix, schema):
        return
    arrow = pyarrow_module()
    for field in schema:
        if not _are_held(output.suffix, arrow.schema([field])):
            raise PredictError(
                f"column {field.name!r} is {field.type}, which {output.suffix} cannot hold: keep "
                f"other columns, or write {' or '.join(_other_endings(output.suffix, field))}."
            )
    raise PredictError(f"The columns do not fit a file of {output.suffix}: write .arrow.")


def _are_held(suffix: str, schema: Any) -> bool:
    arrow = pyarrow_module()
    try:
        sink = Sink(arrow.BufferOutputStream(), suffix, schema)
        columns = [arrow.nulls(0, field.type) for field in schema]
        sink.write(arrow.Table.from_arrays(columns, schema=schema))
        sink.close()
    except (PredictError, arrow.ArrowException):
        return False
    return True


def _other_endings(suffix: str, field: Any) -> list[str]:
    schema = pyarrow_module().schema([field])
    tried = [ending for ending in (".parquet", ".arrow") if ending != suffix]
    return [ending for ending in tried if _are_held(ending, schema)] or [".arrow"]


def open_sink(path: Path, schema: Any) -> Sink:
    """A new file at `path`, of the format that its ending names."""
    return Sink(pyarrow_module().OSFile(str(path), "wb"), path.suffix, schema)
