# SPDX-License-Identifier: Apache-2.0
"""A model repository on another machine, and the folder here that follows it.

fsspec speaks to whatever the URL names; it and what it needs are imported only if there is such a
URL. Only files whose stamp (a checksum, or time and size) has changed are fetched, each into its
place in one step. What the other side calls its files is not trusted: nothing is written outside
the folder.
"""

import hashlib
import json
import logging
import os
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from penstock.errors import RepositoryError
from penstock.repository.override import is_file_name

__all__ = [
    "RemoteRepository",
    "Target",
    "is_remote",
    "mirror_changes",
    "relative_path",
    "shown_url",
    "target_of",
]

log = logging.getLogger(__name__)

#: Scheme -> what to install for it.
PACKAGES = {
    "s3": "s3fs",
    "gs": "gcsfs",
    "gcs": "gcsfs",
    "as": "adlfs",
    "az": "adlfs",
    "abfs": "adlfs",
    "http": "fsspec[http]",
    "https": "fsspec[http]",
}
#: What file systems call the signs that a file has changed; the first that is there is the best.
STAMPS = (
    *("ETag", "etag", "md5Hash", "content_md5", "Content-MD5"),
    *("mtime", "LastModified", "last_modified", "Last-Modified", "updated", "created"),
)
MANIFEST = ".manifest.json"
FILES_MAX = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A repository's address as fsspec takes it."""

    url: str
    options: Mapping[str, Any]


def is_remote(repository: str) -> bool:
    """Whether `repository` is a URL, and not a folder."""
    scheme, is_url, _ = repository.partition("://")
    return bool(is_url) and scheme.isalnum()


def target_of(repository: str) -> Target:
    """The address in fsspec's words. Pure. Triton's own forms are known:

    s3://HOST:PORT/BUCKET/PATH, s3://https://HOST:PORT/BUCKET/PATH, as://ACCOUNT/CONTAINER/PATH.
    """
    scheme, _, rest = repository.partition("://")
    if scheme == "as":
        account, _, path = rest.partition("/")
        return Target(url=f"abfs://{path}", options={"account_name": account})
    if scheme == "s3":
        protocol, is_given, address = rest.partition("://")
        host, _, path = (address if is_given else rest).partition("/")
        if is_given or ":" in host:
            endpoint = f"{protocol if is_given else 'http'}://{host}"
            return Target(url=f"s3://{path}", options={"endpoint_url": endpoint})
    return Target(url=repository, options={})


def shown_url(url: str) -> str:
    """`url` without what may be a secret in it: a user's name and word, and the query. Pure.

    What is said of a repository is said to clients, too.
    """
    scheme, is_url, rest = url.partition("://")
    if not is_url:
        return url
    rest = rest.partition("?")[0]
    inner, is_inner, address = rest.partition("://")  # s3://https://host/bucket
    prefix = f"{scheme}://{inner}://" if is_inner else f"{scheme}://"
    authority, slash, path = (address if is_inner else rest).partition("/")
    return f"{prefix}{authority.rpartition('@')[2]}{slash}{path}"


def relative_path(root: str, name: str) -> str | None:
    """Where below `root` the file `name` lies; None if it does not, or must not. Pure."""
    root = root.rstrip("/")
    path = name.removeprefix(f"{root}/") if root else name.lstrip("/")
    if root and path == name:
        return None
    return path if all(is_file_name(part) for part in path.split("/")) else None


def mirror_changes(
    found: Mapping[str, str], held: Mapping[str, str]
) -> tuple[list[str], list[str]]:
    """The files to fetch and those to remove, by their stamps there and here. Pure."""
    fetch = sorted(path for path, stamp in found.items() if not stamp or held.get(path) != stamp)
    return fetch, sorted(path for path in held if path not in found)


class RemoteRepository:
    """Follows `url` in a folder of its own below `cache`. `refresh` blocks; one at a time."""

    def __init__(self, url: str, cache: Path) -> None:
        self.url = url
        self.shown = shown_url(url)
        self.folder = cache / hashlib.sha256(url.encode()).hexdigest()[:16]
        self._files: Any = None
        self._root = ""

    def refresh(self) -> None:
        """Makes the folder what the repository is now.

        Raises RepositoryError if that cannot be read; the folder then may be partly newer.
        """
        try:
            self._open()
            found = self._listed()
            self._mirror(found)
        except RepositoryError:
            raise
        except Exception as error:  # each file system and each store has its own
            reason = " ".join(str(error).split()).rstrip(".") or type(error).__name__
            reason = reason.replace(self.url, self.shown)
            raise RepositoryError(
                f"The model repository {self.shown} cannot be read: {reason}."
            ) from error

    def _open(self) -> None:
        if self._files is not None:
            self._files.invalidate_cache()
            return
        scheme = self.url.partition("://")[0]
        package = PACKAGES.get(scheme, "")
        try:
            from fsspec.core import url_to_fs

            target = target_of(self.url)
            self._files, self._root = url_to_fs(
                target.url, skip_instance_cache=True, use_listings_cache=False, **target.options
            )
        except ImportError:
            more = f" '{package}'" if package else ""
            raise RepositoryError(
                f"The model repository {self.shown} needs a package that is not installed: "
                f"pip install fsspec{more}."
            ) from None

    def _listed(self) -> dict[str, tuple[str, str, int | None]]:
        """Every file: path below the root -> name there, stamp, size."""
        if not self._files.isdir(self._root):
            raise RepositoryError(f"There is no model repository {self.shown}.")
        listed: dict[str, tuple[str, str, int | None]] = {}
        for name, found in self._files.find(self._root, detail=True).items():
            path = relative_path(self._root, name)
            if path is None:
                log.warning("repository_file_ignored", extra={"url": self.shown, "file": name})
                continue
            if not _stamp(found):
                found = self._files.info(name)
            listed[path] = (name, _stamp(found), found.get("size"))
            if len(listed) > FILES_MAX:
                raise RepositoryError(
                    f"The model repository {self.shown} has more than {FILES_MAX} files."
                )
        return listed

    def _mirror(self, listed: Mapping[str, tuple[str, str, int | None]]) -> None:
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        held = self._held()
        stamps = {path: stamp for path, (_, stamp, _) in listed.items()}
        fetch, remove = mirror_changes(stamps, held)
        try:
            for path in remove:
                (self.folder / path).unlink(missing_ok=True)
                del held[path]
            _remove_empty_folders(self.folder, remove)
            for path in fetch:
                name, stamp, size = listed[path]
                self._fetch(name, path, size)
                held[path] = stamp
        finally:
            _write_whole(self.folder / MANIFEST, json.dumps(held).encode())
        if fetch or remove:
            log.info(
                "repository_followed",
                extra={"url": self.shown, "fetched": len(fetch), "removed": len(remove)},
            )

    def _held(self) -> dict[str, str]:
        """The stamps of the files that are here."""
        try:
            held = json.loads((self.folder / MANIFEST).read_bytes())
        except (OSError, ValueError):
            return {}
        if not isinstance(held, dict):
            return {}
        return {
            path: str(stamp)
            for path, stamp in held.items()
            if relative_path("", path) == path and (self.folder / path).is_file()
        }

    def _fetch(self, name: str, path: str, size: int | None) -> None:
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.parent / f".{secrets.token_hex(8)}.part"
        try:
            self._files.get_file(name, str(part))
            got = part.stat().st_size
            if size is not None and got != size:
                raise RepositoryError(
                    f"The file {path} of {self.shown} changed while it was fetched: {got} bytes "
                    f"came of {size}."
                )
            os.replace(part, target)
        finally:
            part.unlink(missing_ok=True)


def _stamp(found: Mapping[str, Any]) -> str:
    """What tells this state of a file from another; empty if nothing does."""
    sign = next((str(found[key]) for key in STAMPS if found.get(key) is not None), "")
    return f"{sign} {found.get('size')}" if sign else ""


def _remove_empty_folders(root: Path, removed: Iterable[str]) -> None:
    for path in removed:
        folder = (root / path).parent
        while folder != root and folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
            folder = folder.parent


def _write_whole(path: Path, content: bytes) -> None:
    part = path.with_suffix(".part")
    part.write_bytes(content)
    os.replace(part, path)
