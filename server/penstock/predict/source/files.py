# SPDX-License-Identifier: Apache-2.0
"""The files of an input: a file, a folder of them, a pattern, or a URL that fsspec opens."""

import glob
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, cast

from penstock.errors import PenstockError, PredictError
from penstock.predict.arrow import pyarrow_module
from penstock.repository.remote_urls import PACKAGES

__all__ = ["FILES_MAX", "InputFiles", "find_input", "told", "without_secrets"]

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
#: What file systems call that which changes with a file's bytes.
_MARKS = ("etag", "md5hash", "generation", "mtime", "lastmodified", "last_modified", "checksum")
_PATTERN = re.compile(r"[*?\[]")
_SECRETS = re.compile(r"(?<=://)[^/@]*@|\?.*$")


@dataclass(frozen=True, slots=True, kw_only=True)
class InputFiles:
    """Files of one format, sorted by name; `shown` is what a message may show."""

    shown: str
    format: str
    #: Name below what was asked for -> the path that the system opens.
    paths: Mapping[str, str]
    #: fsspec's; None: this machine's own files.
    system: Any = None

    def open(self, name: str) -> BinaryIO:
        """One of the files. Raises whatever the system does."""
        if self.system is None:
            return Path(self.paths[name]).open("rb")
        return cast(BinaryIO, self.system.open(self.paths[name], "rb"))

    def open_native(self, name: str) -> Any:
        """The same for Arrow's readers: a file of this machine is read without Python's lock."""
        if self.system is None:
            return pyarrow_module().OSFile(self.paths[name])
        return self.open(name)

    def size(self, name: str) -> int:
        """Bytes of a file; 0: the system does not say."""
        if self.system is None:
            return os.stat(self.paths[name]).st_size
        return int(self.system.info(self.paths[name]).get("size") or 0)

    def marks(self) -> dict[str, list[str]]:
        """What changes when a file changes, by name. Raises PredictError if one is gone."""
        with told(self.shown):
            return {name: self._mark(path) for name, path in self.paths.items()}

    def _mark(self, path: str) -> list[str]:
        if self.system is None:
            found = os.stat(path)
            return [str(found.st_size), str(found.st_mtime_ns)]
        self.system.invalidate_cache()
        described = {str(key).lower(): value for key, value in self.system.info(path).items()}
        marks = [str(described[mark]) for mark in _MARKS if described.get(mark)]
        return [str(described.get("size")), *marks]


def without_secrets(url: str) -> str:
    """`url` without what may be secret: a user with its password, a signature. Pure."""
    return _SECRETS.sub("", url)


@contextmanager
def told(shown: str) -> Iterator[None]:
    """What a file system or a reader raises, which may be anything, as a sentence."""
    try:
        yield
    except PenstockError:
        raise
    except MemoryError:
        raise PredictError(
            f"{shown} cannot be read: memory is out. Make chunks smaller by --batch-bytes."
        ) from None
    except Exception as error:
        why = getattr(error, "strerror", None) or str(error).partition("\n")[0].rstrip(".")
        why = _SECRETS.sub("", why) or type(error).__name__
        raise PredictError(f"{shown} cannot be read: {why}.") from None


def find_input(given: str) -> InputFiles:
    """The files that `given` names.

    Raises:
        PredictError: there are none, too many, or of several formats; or the URL cannot be opened.
    """
    if "://" not in given:
        path = Path(given).expanduser()
        with told(given):
            return _of_one_format(given, *_local(path), system=None)
    shown = without_secrets(given)
    with told(shown):
        system, root = _system(given)
        if _PATTERN.search(root):
            found = [str(one) for one in system.glob(root)]
            base = _PATTERN.split(root)[0].rpartition("/")[0]
        elif system.isdir(root) and not system.isfile(root):
            found, base = [str(one) for one in system.find(root)], root
        else:
            found, base = [root] if system.exists(root) else [], root.rpartition("/")[0]
        return _of_one_format(shown, found, base, system=system)


def _local(path: Path) -> tuple[list[str], str]:
    if path.is_dir():
        return [str(one) for one in path.rglob("*") if one.is_file()], str(path)
    if path.exists():
        return [str(path)], str(path.parent)
    found = [one for one in glob.glob(str(path), recursive=True) if Path(one).is_file()]
    return found, _PATTERN.split(str(path))[0].rpartition("/")[0]


def _system(url: str) -> tuple[Any, str]:
    protocol = url.partition("://")[0].rpartition("::")[2]
    try:
        import fsspec.core

        system, root = fsspec.core.url_to_fs(url)
    except ImportError:
        package = PACKAGES.get(protocol, "fsspec")
        raise PredictError(
            f"{without_secrets(url)} needs the package {package}: `pip install 'penstock[remote]'`."
        ) from None
    return system, str(root)


def _format_of(name: str) -> str | None:
    path = PurePosixPath(without_secrets(name))
    if path.suffix in COMPRESSED:
        inner = FORMATS.get(path.with_suffix("").suffix)
        return inner if inner == "csv" else None
    return FORMATS.get(path.suffix)


def _of_one_format(shown: str, paths: list[str], base: str, *, system: Any) -> InputFiles:
    named = {path.removeprefix(base).lstrip("/"): path for path in paths}
    named = {name: path for name, path in named.items() if not _is_hidden(name)}
    if not named:
        raise PredictError(f"There is no input {shown}.")
    formats = {name: found for name in named if (found := _format_of(name)) is not None}
    if not formats:
        raise PredictError(
            f"{shown} has no file of rows: wanted {', '.join(FORMATS)}, found {next(iter(named))}."
        )
    if len(set(formats.values())) > 1:
        found = " and ".join(sorted(set(formats.values())))
        raise PredictError(f"{shown} has files of {found}: name those of one by a pattern.")
    if len(formats) > FILES_MAX:
        raise PredictError(f"{shown} names {len(formats)} files: wanted {FILES_MAX} at most.")
    return InputFiles(
        shown=shown,
        format=next(iter(formats.values())),
        paths={name: named[name] for name in sorted(formats)},
        system=system,
    )


def _is_hidden(name: str) -> bool:
    return any(part[0] in "._" for part in name.split("/")[:-1] if part) or name.rpartition("/")[2][
        :1
    ] in ("", ".", "_")
