# SPDX-License-Identifier: Apache-2.0
"""Files of answers, written a part at a time. The same parts make the same bytes."""

from pathlib import Path
from typing import Any, Protocol

from penstock.errors import PredictError
from penstock.predict.arrow import pyarrow_module

__all__ = ["SINKS", "Sink", "check_ending", "open_sink"]


class Sink(Protocol):
    """A file that is being written. Raises OSError where it cannot be."""

    def write(self, table: Any) -> None:
        """A part: one of Arrow's tables."""

    def close(self) -> None:
        """The file is whole then."""


class _Parquet:
    def __init__(self, path: Path, schema: Any) -> None:
        import pyarrow.parquet

        # Answers of floats hardly repeat: looking for those that do costs more than writing them.
        texts = [field.name for field in schema if not _is_float(field.type)]
        self._writer = pyarrow.parquet.ParquetWriter(
            path, schema, compression="snappy", use_dictionary=texts or False
        )

    def write(self, table: Any) -> None:
        self._writer.write_table(table, row_group_size=max(1, table.num_rows))

    def close(self) -> None:
        self._writer.close()


def _is_float(kind: Any) -> bool:
    return bool(pyarrow_module().types.is_floating(kind))


class _Arrow:
    def __init__(self, path: Path, schema: Any) -> None:
        import pyarrow.ipc

        self._file = path.open("wb")
        options = pyarrow.ipc.IpcWriteOptions(compression="lz4")
        self._writer = pyarrow.ipc.new_file(self._file, schema, options=options)

    def write(self, table: Any) -> None:
        self._writer.write_table(table)

    def close(self) -> None:
        self._writer.close()
        self._file.close()


class _Csv:
    def __init__(self, path: Path, schema: Any) -> None:
        import pyarrow.csv

        for field in schema:
            if hasattr(field.type, "value_type") and not pyarrow_module().types.is_dictionary(
                field.type
            ):
                raise PredictError(
                    f"column {field.name!r} is {field.type}, which CSV cannot hold: write .parquet "
                    "or .arrow."
                )
        delimiter = "\t" if path.suffix == ".tsv" else ","
        options = pyarrow.csv.WriteOptions(delimiter=delimiter)
        self._file = path.open("wb")
        self._writer = pyarrow.csv.CSVWriter(self._file, schema, write_options=options)

    def write(self, table: Any) -> None:
        self._writer.write_table(table)

    def close(self) -> None:
        self._writer.close()
        self._file.close()


SINKS: dict[str, type[_Parquet] | type[_Arrow] | type[_Csv]] = {
    ".parquet": _Parquet,
    ".arrow": _Arrow,
    ".feather": _Arrow,
    ".csv": _Csv,
    ".tsv": _Csv,
}


def check_ending(output: Path) -> None:
    """Raise PredictError for a file of no format that can be written. Pure."""
    if output.suffix not in SINKS:
        raise PredictError(f"--output is {output}: wanted a file in {', '.join(SINKS)}.")


def open_sink(path: Path, schema: Any) -> Sink:
    """A new file at `path`, of the format that its ending names."""
    return SINKS[path.suffix](path, schema)
