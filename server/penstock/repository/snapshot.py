# SPDX-License-Identifier: Apache-2.0
"""What a model's folder looks like, so that a later look tells what has changed.

Files are compared by time, size and inode: a replaced file differs in its inode even where its
time was set back. Left out is what running and editing a model leaves behind: hidden files, the
backups of editors and Python's caches.
"""

import errno
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from penstock.repository.layout import Survey

__all__ = ["FileMark", "ModelSnapshot", "take_snapshot", "take_snapshots"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FileMark:
    """What tells one state of a file from another."""

    mtime_ns: int
    size: int
    inode: int


Marks = Mapping[str, FileMark]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSnapshot:
    """A model's folder at one moment.

    `versions` has the files of each version, by their paths below its folder; `shared` are all
    others. `touched_ns` is when the last of them was changed, by the file system's clock; unlike a
    file's own time nobody can set it.
    """

    shared: Marks = field(default_factory=dict)
    versions: Mapping[int, Marks] = field(default_factory=dict)
    touched_ns: int = 0

    def is_like(self, other: "ModelSnapshot") -> bool:
        """Whether every file is what it was."""
        return self.shared == other.shared and self.versions == other.versions

    def has_changed(self, version: int, since: "ModelSnapshot") -> bool:
        """Whether something that `version` is made of is another than it was in `since`."""
        return self.shared != since.shared or self.versions.get(version) != since.versions.get(
            version
        )


def take_snapshot(folder: Path, versions: tuple[int, ...]) -> ModelSnapshot:
    """Looks at every file of the model in `folder`. One that vanishes meanwhile is not there.

    Raises OSError if a folder cannot be read.
    """
    shared: dict[str, FileMark] = {}
    by_version: dict[str, dict[str, FileMark]] = {str(version): {} for version in versions}
    touched_ns = 0
    for path, found in _files(folder, ""):
        mark = FileMark(mtime_ns=found.st_mtime_ns, size=found.st_size, inode=found.st_ino)
        top, _, rest = path.partition("/")
        if rest and top in by_version:
            by_version[top][rest] = mark
        else:
            shared[path] = mark
        touched_ns = max(touched_ns, found.st_ctime_ns, found.st_mtime_ns)
    return ModelSnapshot(
        shared=shared,
        versions={version: by_version[str(version)] for version in versions},
        touched_ns=touched_ns,
    )


def take_snapshots(found: Survey) -> tuple[dict[str, ModelSnapshot], dict[str, str]]:
    """What each model's folder is like; and why not, where it cannot be read."""
    snapshots: dict[str, ModelSnapshot] = {}
    unread: dict[str, str] = {}
    for name, model in found.models.items():
        try:
            snapshots[name] = take_snapshot(model.folder, model.versions)
        except OSError as error:
            unread[name] = str(error)
    return snapshots, unread


def _files(folder: Path, below: str) -> Iterator[tuple[str, os.stat_result]]:
    """Every file in `folder`: its path, which begins with `below`, and its state."""
    try:
        entries = list(os.scandir(folder))
    except FileNotFoundError:
        return
    for entry in entries:
        if entry.name.startswith(".") or entry.name.endswith("~") or entry.name == "__pycache__":
            continue
        try:
            # A link to a folder is not followed below the first level: it may lead back here.
            if entry.is_dir(follow_symlinks=not below):
                yield from _files(folder / entry.name, f"{below}{entry.name}/")
            elif entry.is_file():
                yield f"{below}{entry.name}", entry.stat()
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.ELOOP):  # gone, or a link to itself
                raise
