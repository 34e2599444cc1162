# SPDX-License-Identifier: Apache-2.0
"""Rows out of files: one, a folder of them, a pattern, or a URL that fsspec opens."""

import glob
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, cast

from penstock.digests import digest_of, digest_of_file
from penstock.repository.remote_urls import PACKAGES
from penstock_training.data.formats import FORMATS, Malformed, format_of, read_format
from penstock_training.errors import DataError

__all__ = ["FILES_MAX", "FoundFiles", "find_files", "read_files", "shown_url"]

#: Files of one source.
FILES_MAX = 10_000
#: What file systems call that which changes with a file's bytes.
_MARKS = ("etag", "md5hash", "generation", "mtime", "lastmodified", "last_modified", "checksum")
_PATTERN = re.compile(r"[*?\[]")
_WEB = ("http://", "https://")
_SECRETS = re.compile(r"(?<=://)[^/@]*@|\?.*$")


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundFiles:
    """Files of one format, sorted by name."""

    #: As a message may show it.
    shown: str
    ending: str
    #: Name as it is recorded, below what was asked for -> the path that the system opens.
    paths: Mapping[str, str]
    #: None: this machine's own files.
    system: Any = None

    def open(self, name: str) -> BinaryIO:
        """One of the files."""
        if self.system is None:
            return Path(self.paths[name]).open("rb")
        return cast(BinaryIO, self.system.open(self.paths[name], "rb"))

    def marks(self) -> dict[str, str] | None:
        """What changes when a file changes, by name; None if the system does not say."""
        if self.system is None:
            return {name: digest_of_file(Path(path)) for name, path in self.paths.items()}
        found = {}
        for name, path in self.paths.items():
            described = {str(key).lower(): value for key, value in self.system.info(path).items()}
            known = {mark: str(described[mark]) for mark in _MARKS if described.get(mark)}
            if not known:
                return None
            found[name] = digest_of({**known, "size": described.get("size")})
        return found


def shown_url(url: str) -> str:
    """`url` without what may be secret: a user with its password, a signature."""
    return _SECRETS.sub("", url)


def find_files(path: str, folder: Path) -> FoundFiles:
    """The files that `path` names; one that is relative is so to `folder`.

    Raises:
        DataError: there are none, too many, or of several formats; or the URL cannot be opened.
    """
    if "://" in path:
        shown = shown_url(path)
        with _told(shown):
            system, root = _open_system(path)
            paths = _remote_paths(system, root)
        is_one = paths == [root]
        root = shown_url(root) if root.startswith(_WEB) else root
        base = root.rpartition("/")[0] if is_one else _above_pattern(root)
    else:
        shown, system = path, None
        paths, base = _local_paths(folder / path)
    named = {_name_below(base, found): found for found in paths if _is_shown(base, found)}
    return _of_one_format(shown, {name: named[name] for name in sorted(named)}, system)


def _local_paths(path: Path) -> tuple[list[str], str]:
    if path.is_dir():
        return [str(one) for one in path.rglob("*") if one.is_file()], str(path)
    if path.is_file():
        return [str(path)], str(path.parent)
    found = [one for one in glob.glob(str(path), recursive=True) if Path(one).is_file()]
    return found, _above_pattern(str(path))


def _above_pattern(path: str) -> str:
    """The folder above the first part of `path` that is a pattern; without one, `path`."""
    fixed = _PATTERN.split(path)[0]
    return path if fixed == path else fixed.rpartition("/")[0]


def _open_system(url: str) -> tuple[Any, str]:
    import fsspec.core

    protocol = url.partition("://")[0].rpartition("::")[2]
    try:
        system, root = fsspec.core.url_to_fs(url)
    except ImportError:
        package = PACKAGES.get(protocol, protocol)
        raise DataError(
            f"{shown_url(url)} needs the package {package}: pip install 'penstock[remote]'."
        ) from None
    return system, str(root)


def _remote_paths(system: Any, root: str) -> list[str]:
    if root.startswith(_WEB) and format_of(shown_url(root)):
        return [root] if system.exists(root) else []  # what stands behind ? is no pattern
    if _PATTERN.search(root):
        return [str(one) for one in system.glob(root)]
    if system.isdir(root) and not system.isfile(root):
        return [str(one) for one in system.find(root)]
    return [root] if system.exists(root) else []


@contextmanager
def _told(shown: str) -> Iterator[None]:
    """What a file system raises, which may be anything, as a sentence."""
    try:
        yield
    except DataError:
        raise
    except Exception as error:
        why = _SECRETS.sub("", str(error).partition("\n")[0].rstrip(".")) or type(error).__name__
        raise DataError(f"{shown} cannot be read: {why}.") from None


def _name_below(base: str, path: str) -> str:
    path = shown_url(path) if path.startswith(_WEB) else path
    return path.removeprefix(base.rstrip("/")).lstrip("/") or PurePosixPath(path).name


def _is_shown(base: str, path: str) -> bool:
    """Whether neither the file nor a folder above it, below `base`, begins with . or _."""
    return not any(part[0] in "._" for part in _name_below(base, path).split("/") if part)


def _of_one_format(shown: str, paths: Mapping[str, str], system: Any) -> FoundFiles:
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
    with _told(files.shown):
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
