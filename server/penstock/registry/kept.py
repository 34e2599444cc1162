# SPDX-License-Identifier: Apache-2.0
"""The folder on this machine where a server keeps the versions it has fetched from a registry.

    DIR/a41b…/                       one registry, by its URI
      .lock                          held by the server that uses it
      models/                        what the server takes for a model repository
        churn/
          config.pbtxt               all versions here are served
          3 -> ../../files/churn/3-1795782315013
      files/churn/3-1795782315013/   a version's files, never changed; when the model was made
  files/churn/candidate -> 4-…   the one that is rolled out, and answers nothing by itself
      fetching/                      half of what comes next

A model has two links while it changes over from one version to another, and after a new one was
refused: then the one before is served, also by the next server that starts here. During a rollout
it has two as well, of which one is the candidate's.

Methods block. Those that change a model are called by one thread at a time.
"""

import fcntl
import hashlib
import os
import shutil
import stat
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import IO

from penstock.errors import RegistryError
from penstock.registry.entries import ModelAlias
from penstock.repository.layout import CONFIG_FILE, version_numbers
from penstock.repository.override import NAME_BYTES_MAX, is_file_name

__all__ = ["KeptVersions"]

_MODELS, _FILES, _FETCHING = "models", "files", "fetching"
_CANDIDATE = "candidate"
_ALL_VERSIONS = "version_policy { all {} }\n"
#: Hexadecimal digits of a registry's name.
_NAME_DIGITS = 16


class KeptVersions:
    """What is kept of the registry at `uri`, below `folder`, which is made.

    Raises:
        RegistryError: the folder cannot be used, or another server uses it.
    """

    def __init__(self, folder: Path, uri: str) -> None:
        root = folder / hashlib.sha256(uri.encode()).hexdigest()[:_NAME_DIGITS]
        self.models = root / _MODELS
        self._files = root / _FILES
        self._fetching = root / _FETCHING
        self._root = root
        self._lock: IO[bytes] | None = None
        try:
            root.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = (root / ".lock").open("ab")
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(self._fetching, ignore_errors=True)
            self._make()
            self._tidy()
        except BlockingIOError:
            self.close()
            raise RegistryError(
                f"The cache {root} is in use already: wanted a --registry-cache for each server."
            ) from None
        except OSError as error:
            self.close()
            raise self._not_written(error) from None

    def close(self) -> None:
        """Lets another server have it."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    # --- what it has ---

    @property
    def names(self) -> list[str]:
        """The models that it has a version of, sorted."""
        try:
            models = list(self.models.iterdir())
        except FileNotFoundError:  # somebody has removed the cache; `begin` makes it anew
            return []
        return sorted(one.name for one in models if version_numbers(one))

    def versions(self, name: str) -> dict[int, ModelAlias]:
        """The linked versions of a model, by number."""
        if not _can_be_kept(name):
            return {}
        found = {}
        for number in version_numbers(self.models / name):
            made_ms = self._target(name, number).rpartition("-")[2]
            found[number] = ModelAlias(
                version=number, made_ms=int(made_ms) if made_ms.isdigit() else 0
            )
        return found

    def folder(self, name: str, version: ModelAlias) -> Path:
        """Where its files are, or would be."""
        return self._files / name / f"{version.version}-{version.made_ms}"

    def candidate(self, name: str) -> int | None:
        """The linked version that was marked as the candidate."""
        if not _can_be_kept(name):
            return None
        folder = _link_of(self._files / name / _CANDIDATE)
        linked = version_numbers(self.models / name)
        return next((one for one in linked if folder and folder == self._target(name, one)), None)

    @property
    def size(self) -> int:
        """Bytes of all files. Some may come and go meanwhile."""
        size = 0
        for folder, _, names in os.walk(self._root):
            for name in names:
                with suppress(OSError):
                    status = os.lstat(os.path.join(folder, name))
                    size += status.st_size if stat.S_ISREG(status.st_mode) else 0
        return size

    # --- changes ---

    def begin(self) -> Path:
        """A new folder to fetch into. Raises RegistryError."""
        try:
            self._make()
            return Path(tempfile.mkdtemp(dir=self._fetching))
        except OSError as error:
            raise self._not_written(error) from None

    def keep(self, name: str, version: ModelAlias, fetched: Path) -> None:
        """Takes what was fetched. Raises RegistryError."""
        if not _can_be_kept(name):
            raise RegistryError(
                f"The model {name!r} cannot be served, for no model's folder can be called so: "
                f"wanted at most {NAME_BYTES_MAX} bytes, without slashes, and no point in front. "
                "Rename it in the registry."
            )
        folder = self.folder(name, version)
        try:
            folder.parent.mkdir(exist_ok=True)
            shutil.rmtree(folder, ignore_errors=True)
            fetched.rename(folder)
        except OSError as error:
            raise self._not_written(error) from None

    def drop(self, fetched: Path) -> None:
        """Forgets what was fetched."""
        shutil.rmtree(fetched, ignore_errors=True)

    def link(self, name: str, version: ModelAlias) -> None:
        """Puts a version among those to be served. Raises RegistryError."""
        model = self.models / name
        try:
            if not model.exists():
                self._make_model(model)
            link = self._fetching / f"{name}.link"
            link.unlink(missing_ok=True)
            folder = self.folder(name, version)
            link.symlink_to(Path("..", "..", _FILES, name, folder.name))
            link.replace(model / str(version.version))
        except OSError as error:
            raise self._not_written(error) from None

    def mark_candidate(self, name: str, version: ModelAlias | None) -> None:
        """Says which version the candidate is, before it is linked. Raises RegistryError."""
        mark = self._files / name / _CANDIDATE
        try:
            if version is None:
                mark.unlink(missing_ok=True)
                return
            link = self._fetching / f"{name}.candidate"
            link.unlink(missing_ok=True)
            link.symlink_to(self.folder(name, version).name)
            mark.parent.mkdir(exist_ok=True)
            link.replace(mark)
        except OSError as error:
            raise self._not_written(error) from None

    def unlink(self, name: str, number: int) -> None:
        """Takes a version away from those to be served; its files stay until `tidy`."""
        (self.models / name / str(number)).unlink(missing_ok=True)

    def remove(self, name: str) -> None:
        """Takes all of a model away."""
        if not _can_be_kept(name):
            return  # nothing is, and the path would be somebody else's
        shutil.rmtree(self.models / name, ignore_errors=True)
        shutil.rmtree(self._files / name, ignore_errors=True)

    def tidy(self, name: str) -> None:
        """Removes the files of versions that are not linked to."""
        used = {self._target(name, number) for number in version_numbers(self.models / name)}
        used.add(_CANDIDATE)
        folder = self._files / name
        for one in list(folder.iterdir()) if folder.exists() else []:
            if one.name not in used:
                shutil.rmtree(one, ignore_errors=True)

    def _make_model(self, model: Path) -> None:
        """The folder appears with its configuration, for somebody may be looking."""
        made = Path(tempfile.mkdtemp(dir=self._fetching))
        try:
            (made / CONFIG_FILE).write_text(_ALL_VERSIONS)
            made.rename(model)
        except OSError:
            shutil.rmtree(made, ignore_errors=True)
            raise

    def _make(self) -> None:
        for folder in (self.models, self._files, self._fetching):
            folder.mkdir(parents=True, exist_ok=True)

    def _tidy(self) -> None:
        for model in list(self.models.iterdir()):
            for one in model.iterdir():
                if one.is_symlink() and not one.exists():
                    one.unlink()
            if not version_numbers(model):
                self.remove(model.name)
        for folder in list(self._files.iterdir()):
            self.tidy(folder.name)

    def _target(self, name: str, number: int) -> str:
        """The name of the folder that a version's link leads to; empty: there is none."""
        return _link_of(self.models / name / str(number))

    def _not_written(self, error: OSError) -> RegistryError:
        return RegistryError(
            f"The cache {self._root} cannot be written: {error.strerror or error}."
        )


def _link_of(path: Path) -> str:
    """The last part of where a link leads to; empty: it is none."""
    try:
        return Path(os.readlink(path)).name
    except OSError:
        return ""


def _can_be_kept(name: str) -> bool:
    """Whether a model's name can be that of its folder, which a repository takes for a model."""
    return is_file_name(name) and not name.startswith(".")
