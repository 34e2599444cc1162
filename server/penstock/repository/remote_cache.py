# SPDX-License-Identifier: Apache-2.0
"""The folder on this machine that stands for a remote repository.

    DIR/5f1c…/                     one repository, by its URL
      .lock                        held by the server that uses it
      models/                      what the server takes for the repository; its name is the URL's
        digits -> ../.held/k3f9/files
      .held/k3f9/                  one state of one model
        files/                     never changed once it is linked to
        marks.json                 what the files were listed as

A model is replaced in one step, by renaming a new link over the old one: whoever looks sees all its
old files or all its new ones. Files that are as they were are the same file in both, so that only
versions that changed are loaded again. What a crash leaves behind is removed at the next start.

Methods block. Those that change a model are called by one thread at a time.
"""

import fcntl
import filecmp
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from penstock.errors import RepositoryError
from penstock.repository.override import is_file_name
from penstock.repository.remote_listing import FetchPlan, HeldFile, ModelListing, RemoteFile

__all__ = ["CacheFolder", "Fetch", "HeldModel", "Staged"]

#: Writes a file to a path; the last argument bounds its bytes.
Fetch = Callable[[RemoteFile, Path, int], None]
#: Does several things, perhaps at a time.
Together = Callable[[list[Callable[[], None]]], None]

MARKS_FORMAT = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldModel:
    """A state of a model in the cache. `root` is its folder in .held; None: there is none."""

    root: Path | None = None
    files: Mapping[str, HeldFile] = field(default_factory=dict)
    folders: frozenset[str] = frozenset()

    @property
    def size(self) -> int:
        """Bytes of its files."""
        return sum(file.size for file in self.files.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Staged:
    """A whole state of a model that nobody looks at yet."""

    model: str
    held: HeldModel


class CacheFolder:
    """The cache of one repository in `folder`, which is made.

    `models` is the part that the server looks at, called `name`.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self.models = folder / name
        self._held_folder = folder / ".held"
        self._held: dict[str, HeldModel] = {}
        self._lock: IO[bytes] | None = None
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = (folder / ".lock").open("ab")
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self.models.mkdir(exist_ok=True)
            self._held_folder.mkdir(exist_ok=True)
            self._take_stock()
        except BlockingIOError:
            self.close()
            raise RepositoryError(
                f"The cache {folder} is in use already: wanted a --model-repository-cache for "
                "each server, and each repository once."
            ) from None
        except OSError as error:
            self.close()
            raise RepositoryError(
                f"The cache {folder} cannot be used: {error.strerror or error}."
            ) from None

    def close(self) -> None:
        """Lets another server have it."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    # --- what it has ---

    @property
    def names(self) -> list[str]:
        """The models it has, sorted."""
        return sorted(self._held)

    def held(self, model: str) -> HeldModel:
        """What it has of `model`; nothing if it has not."""
        return self._held.get(model, HeldModel())

    def _take_stock(self) -> None:
        for link in list(self.models.iterdir()):
            held = _read_held(link, self._held_folder)
            if held is None:
                _discard(link)
            else:
                self._held[link.name] = held
        used = {held.root for held in self._held.values()}
        for root in list(self._held_folder.iterdir()):
            if root not in used:
                _discard(root)

    # --- changes ---

    def stage(
        self,
        model: str,
        listed: ModelListing,
        plan: FetchPlan,
        *,
        fetch: Fetch,
        together: Together,
        bytes_max: int,
    ) -> Staged:
        """Makes the state of `model` that is `listed`, following `plan`.

        Raises what `fetch` does, or RepositoryError if the disk does not take it; nothing is left
        behind then.
        """
        before = self.held(model)
        try:
            root = Path(tempfile.mkdtemp(dir=self._held_folder))
        except OSError as error:
            raise self._not_written(error) from None
        try:
            files = root / "files"
            files.mkdir()
            for folder in sorted(listed.folders):
                (files / folder).mkdir(exist_ok=True)
            for path in plan.keep:
                os.link(_file_of(before, path), files / path)
            together(
                [
                    _fetching(fetch, listed.files[path], files / path, before, path, bytes_max)
                    for path in plan.fetch
                ]
            )
            held = HeldModel(
                root=root,
                files={
                    path: HeldFile(size=(files / path).stat().st_size, mark=file.mark)
                    for path, file in listed.files.items()
                },
                folders=listed.folders,
            )
            _write_marks(root, held)
        except OSError as error:
            _discard(root)
            raise self._not_written(error) from None
        except BaseException:
            _discard(root)
            raise
        return Staged(model=model, held=held)

    def swap(self, staged: Staged) -> None:
        """Puts `staged` in the place of what there was. Raises RepositoryError."""
        assert staged.held.root is not None
        before = self.held(staged.model)
        link = self._held_folder / f"{staged.held.root.name}.link"
        try:
            link.symlink_to(Path("..", ".held", staged.held.root.name, "files"))
            link.replace(self.models / staged.model)
        except OSError as error:
            _discard(staged.held.root)
            raise self._not_written(error) from None
        self._held[staged.model] = staged.held
        if before.root is not None:
            _discard(before.root)

    def remove(self, model: str) -> None:
        """Removes a model."""
        held = self._held.pop(model, None)
        (self.models / model).unlink(missing_ok=True)
        if held is not None and held.root is not None:
            _discard(held.root)

    def _not_written(self, error: OSError) -> RepositoryError:
        return RepositoryError(
            f"The cache {self.models.parent} cannot be written: {error.strerror or error}."
        )


def _fetching(
    fetch: Fetch, file: RemoteFile, target: Path, before: HeldModel, path: str, bytes_max: int
) -> Callable[[], None]:
    def run() -> None:
        fetch(file, target, bytes_max)
        if path in before.files and filecmp.cmp(_file_of(before, path), target, shallow=False):
            # Written again as it was: the old file stays, and is no change for anybody.
            target.unlink()
            os.link(_file_of(before, path), target)
            return
        with target.open("rb") as written:
            os.fsync(written.fileno())

    return run


def _file_of(held: HeldModel, path: str) -> Path:
    assert held.root is not None
    return held.root / "files" / path


def _write_marks(root: Path, held: HeldModel) -> None:
    told = {
        "format": MARKS_FORMAT,
        "folders": sorted(held.folders),
        "files": {path: [file.size, file.mark] for path, file in held.files.items()},
    }
    (root / "marks.json").write_text(json.dumps(told))


def _read_held(link: Path, held_folder: Path) -> HeldModel | None:
    """The state that `link` leads to; None if that is none of ours."""
    try:
        root = held_folder / Path(os.readlink(link)).parts[2]
        told = json.loads((root / "marks.json").read_text())
        if told["format"] != MARKS_FORMAT or link.resolve() != (root / "files").resolve():
            return None
        files = {
            path: HeldFile(size=int(size), mark=str(mark))
            for path, (size, mark) in told["files"].items()
            if all(is_file_name(part) for part in path.split("/"))
        }
        folders = frozenset(map(str, told["folders"]))
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return None
    whole = {
        path: file for path, file in files.items() if _size(root / "files" / path) == file.size
    }
    return HeldModel(root=root, files=whole, folders=folders)


def _size(path: Path) -> int:
    try:
        return path.lstat().st_size
    except OSError:
        return -1


def _discard(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
