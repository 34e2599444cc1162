# SPDX-License-Identifier: Apache-2.0
"""The files of an input: a file, a folder of them, a pattern, or a URL that fsspec opens."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from penstock.errors import PredictError
from penstock.predict.arrow import pyarrow_module
from penstock.row_files import RowFiles, find_paths, reading, without_secrets

__all__ = ["FILES_MAX", "InputFiles", "find_input", "told"]

#: Files of one input.
FILES_MAX = 100_000
#: A file's ending -> its format.
FORMATS = {
    ".parquet": "parquet",
    ".pq": "parquet",
    ".arrow": "arrow",
    ".feather": "arrow",
    ".ipc": "arrow",
    ".csv": "csv",
    ".tsv": "csv",
}
COMPRESSED = (".gz", ".bz2", ".zst", ".lz4")


@dataclass(frozen=True, slots=True, kw_only=True)
class InputFiles(RowFiles):
    """Files of one format, sorted by name."""

    format: str

    def open_native(self, name: str) -> Any:
        """The same for Arrow's readers: a file of this machine is read without Python's lock."""
        if self.system is None:
            return pyarrow_module().OSFile(self.paths[name])
        return self.open(name)

    def size(self, name: str) -> int:
        """Bytes of a file; 0: the system does not say."""
        if self.system is None:
            return os.stat(self.paths[name]).st_size
        return self.remote_size(name) or 0

    def marks(self) -> dict[str, list[str]]:
        """What changes when a file changes, by name. Raises PredictError if one is gone."""
        with told(self.shown):
            return {name: self._mark(name) for name in self.paths}

    def _mark(self, name: str) -> list[str]:
        if self.system is None:
            found = os.stat(self.paths[name])
            return [str(found.st_size), str(found.st_mtime_ns)]
        self.system.invalidate_cache()
        return [str(self.remote_size(name)), *self.remote_marks(name).values()]


@contextmanager
def told(shown: str) -> Iterator[None]:
    """What a file system or a reader raises, which may be anything, as a sentence."""
    try:
        with reading(shown, PredictError):
            yield
    except MemoryError:
        raise PredictError(
            f"{shown} cannot be read: memory is out. Make chunks smaller by --batch-bytes."
        ) from None


def find_input(given: str) -> InputFiles:
    """The files that `given` names.

    Raises:
        PredictError: there are none, too many, or of several formats; or the URL cannot be opened.
    """
    found = find_paths(
        given,
        folder=Path(),
        has_rows=lambda name: _format_of(name) is not None,
        failure=PredictError,
    )
    return _of_one_format(found)


def _format_of(name: str) -> str | None:
    path = PurePosixPath(without_secrets(name))
    if path.suffix in COMPRESSED:
        inner = FORMATS.get(path.with_suffix("").suffix)
        return inner if inner == "csv" else None
    return FORMATS.get(path.suffix)


def _of_one_format(found: RowFiles) -> InputFiles:
    shown = found.shown
    if not found.paths:
        raise PredictError(f"There is no input {shown}.")
    formats = {name: kind for name in found.paths if (kind := _format_of(name)) is not None}
    if not formats:
        other = next(iter(found.paths))
        raise PredictError(
            f"{shown} has no file of rows: wanted {', '.join(FORMATS)}, found {other}."
        )
    if len(set(formats.values())) > 1:
        kinds = " and ".join(sorted(set(formats.values())))
        raise PredictError(f"{shown} has files of {kinds}: name those of one by a pattern.")
    if len(formats) > FILES_MAX:
        raise PredictError(f"{shown} names {len(formats)} files: wanted {FILES_MAX} at most.")
    return InputFiles(
        shown=shown,
        format=next(iter(formats.values())),
        paths={name: found.paths[name] for name in formats},
        system=found.system,
    )
