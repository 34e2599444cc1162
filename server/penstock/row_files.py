# SPDX-License-Identifier: Apache-2.0
"""Files of rows: one, a folder of them, a pattern, or a URL of either that fsspec opens.

Errors are of the class that the caller gives as `failure`.
"""

import glob
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, cast

from penstock.errors import PenstockError
from penstock.repository.remote_urls import PACKAGES

__all__ = ["RowFiles", "find_paths", "reading", "without_secrets"]

#: What file systems call that which changes with a file's bytes.
_MARKS = ("etag", "md5hash", "generation", "mtime", "lastmodified", "last_modified", "checksum")
_PATTERN = re.compile(r"[*?\[]")
_SECRETS = re.compile(r"(?<=://)[^/@]*@|\?.*$")
_WEB = ("http://", "https://")

Failure = type[PenstockError]


@dataclass(frozen=True, slots=True, kw_only=True)
class RowFiles:
    """Files, sorted by name; `shown` is what a message may show of where they are."""

    shown: str
    #: Name below what was asked for -> the path that the system opens.
    paths: Mapping[str, str]
    #: fsspec's; None: this machine's own files.
    system: Any = None

    def open(self, name: str) -> BinaryIO:
        """One of the files. Raises whatever the system does."""
        if self.system is None:
            return Path(self.paths[name]).open("rb")
        return cast(BinaryIO, self.system.open(self.paths[name], "rb"))

    def remote_marks(self, name: str) -> dict[str, str]:
        """What a remote system says of a file that changes with its bytes; perhaps nothing."""
        described = {
            str(key).lower(): value for key, value in self.system.info(self.paths[name]).items()
        }
        return {mark: str(described[mark]) for mark in _MARKS if described.get(mark)}

    def remote_size(self, name: str) -> int | None:
        """Bytes of a remote file; None: the system does not say."""
        size = self.system.info(self.paths[name]).get("size")
        return None if size is None else int(size)


def without_secrets(url: str) -> str:
    """`url` without what may be secret: a user with its password, a signature. Pure."""
    return _SECRETS.sub("", url)


@contextmanager
def reading(shown: str, failure: Failure) -> Iterator[None]:
    """What a file system or a reader raises, which may be anything, as a sentence."""
    try:
        yield
    except (PenstockError, MemoryError):
        raise
    except Exception as error:
        why = getattr(error, "strerror", None) or str(error).partition("\n")[0].rstrip(".")
        why = without_secrets(why) or type(error).__name__
        raise failure(f"{shown} cannot be read: {why}.") from None


def find_paths(
    given: str, *, folder: Path, has_rows: Callable[[str], bool], failure: Failure
) -> RowFiles:
    """The files that `given` names, whatever is in them; a relative path is one of `folder`. Files
    and folders whose names begin with . or _ are left out. `has_rows` says of a name whether it is
    one of a file of rows.

    Raises:
        PenstockError: the URL cannot be opened or listed.
    """
    if "://" not in given:
        with reading(given, failure):
            paths, base = _local_paths(folder / Path(given).expanduser())
        return RowFiles(shown=given, paths=_named(base, paths))
    shown = without_secrets(given)
    with reading(shown, failure):
        system, root = _open_system(given, failure)
        paths = _remote_paths(system, root, has_rows)
    is_one = paths == [root]
    root = without_secrets(root) if root.startswith(_WEB) else root
    base = root.rpartition("/")[0] if is_one else _above_pattern(root)
    return RowFiles(shown=shown, paths=_named(base, paths), system=system)


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


def _open_system(url: str, failure: Failure) -> tuple[Any, str]:
    protocol = url.partition("://")[0].rpartition("::")[2]
    try:
        import fsspec.core

        system, root = fsspec.core.url_to_fs(url)
    except ImportError:
        package = PACKAGES.get(protocol, "fsspec")
        raise failure(
            f"{without_secrets(url)} needs the package {package}: `pip install 'penstock[remote]'`."
        ) from None
    return system, str(root)


def _remote_paths(system: Any, root: str, has_rows: Callable[[str], bool]) -> list[str]:
    if root.startswith(_WEB) and has_rows(without_secrets(root)):
        return [root] if system.exists(root) else []  # what stands behind ? is no pattern
    if _PATTERN.search(root):
        return [str(one) for one in system.glob(root)]
    if system.isdir(root) and not system.isfile(root):
        return [str(one) for one in system.find(root)]
    return [root] if system.exists(root) else []


def _named(base: str, paths: list[str]) -> dict[str, str]:
    named = {_name_below(base, path): path for path in paths}
    return {name: named[name] for name in sorted(named) if not _is_hidden(name)}


def _name_below(base: str, path: str) -> str:
    path = without_secrets(path) if path.startswith(_WEB) else path
    return path.removeprefix(base.rstrip("/")).lstrip("/") or PurePosixPath(path).name


def _is_hidden(name: str) -> bool:
    return any(part[0] in "._" for part in name.split("/") if part)
