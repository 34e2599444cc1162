# SPDX-License-Identifier: Apache-2.0
"""Rows out of files: one, a folder of them, a pattern, or a URL that fsspec opens."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from penstock.digests import digest_of, digest_of_file
from penstock.row_files import RowFiles, find_paths, reading
from penstock_training.data.formats import FORMATS, Malformed, format_of, read_format
from penstock_training.errors import DataError

__all__ = ["FILES_MAX", "FoundFiles", "find_files", "read_files"]

#: Files of one source.
FILES_MAX = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundFiles(RowFiles):
    """Files of one format, sorted by name."""

    ending: str

    def marks(self) -> dict[str, str] | None:
        """What changes when a file changes, by name; None if the system does not say."""
        if self.system is None:
            return {name: digest_of_file(Path(path)) for name, path in self.paths.items()}
        found = {}
        for name in self.paths:
            marks = self.remote_marks(name)
            if not marks:
                return None
            found[name] = digest_of({**marks, "size": self.remote_size(name)})
        return found


def find_files(path: str, folder: Path) -> FoundFiles:
    """The files that `path` names; one that is relative is so to `folder`.

    Raises:
        DataError: there are none, too many, or of several formats; or the URL cannot be opened.
    """
    found = find_paths(
        path, folder=folder, has_rows=lambda name: format_of(name) is not None, failure=DataError
    )
    return _of_one_format(found)


def _of_one_format(files: RowFiles) -> FoundFiles:
    shown, paths, system = files.shown, files.paths, files.system
    wanted = ", ".join(FORMATS)
    formats = {name: format_of(name) for name in paths}
    known = {name: ending for name, ending in formats.items() if ending is not None}
    if not paths:
        where = "" if "://" in shown else ", which is relative to the pipeline's file"
        raise DataError(f"{shown} names no file: check [data] path{where}.")
    if not known:
        found = next(iter(paths))
        raise DataError(f"{shown} has no file of rows: wanted {wanted}, found {found}.")
    if len(set(known.values())) > 1:
        found = " and ".join(sorted(set(known.values())))
        raise DataError(f"{shown} has files of {found}: name those of one by a pattern.")
    if len(known) > FILES_MAX:
        raise DataError(f"{shown} names {len(known)} files: wanted {FILES_MAX} at most.")
    partitioned = next((name for name in known if "=" in name.rpartition("/")[0]), None)
    if partitioned is not None:
        raise DataError(
            f"{shown} keeps values in folders' names ({partitioned}): read it by [data] sql, as in "
            "SELECT * FROM read_parquet('FOLDER/**/*.parquet', hive_partitioning = true)."
        )
    ending = next(iter(known.values()))
    return FoundFiles(
        shown=shown, ending=ending, paths={name: paths[name] for name in known}, system=system
    )


def read_files(files: FoundFiles) -> tuple[dict[str, Any], list[Malformed]]:
    """A table for each file, by name, and the lines that are no rows.

    Raises:
        DataError: a file cannot be read, or its columns are not those of the first one.
    """
    with reading(files.shown, DataError):
        try:
            tables, malformed = read_format(_opened(files), files.ending)
        except ValueError as error:
            raise DataError(f"{error}.") from None
    named = dict(zip(files.paths, tables, strict=True))
    first_name, first = next(iter(named.items()))
    for name, table in named.items():
        lacking = [column for column in first.column_names if column not in table.column_names]
        more = [column for column in table.column_names if column not in first.column_names]
        if lacking or more:
            said = f"lacks column {lacking[0]!r}" if lacking else f"has a column {more[0]!r}"
            raise DataError(
                f"{name} {said}, unlike {first_name}: files must have the same columns."
            )
    return named, malformed


def _opened(files: FoundFiles) -> Iterator[tuple[str, BinaryIO]]:
    for name in files.paths:
        with files.open(name) as file:
            yield name, file
