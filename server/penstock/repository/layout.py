# SPDX-License-Identifier: Apache-2.0
"""What lies in a model repository.

    models/                    a repository
      digits/                  a model, named by its folder
        config.pbtxt           optional
        1/                     a version: a whole number that does not start with 0
          model.onnx           what the backend loads

Folders that are not versions are left alone: people keep notes, warm-up data and backups there.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from penstock.errors import RepositoryError
from penstock.plain_text import sayable

__all__ = ["CONFIG_FILE", "FoundModel", "Survey", "find_models", "survey", "version_numbers"]

CONFIG_FILE = "config.pbtxt"
VERSION_MAX = 2**31 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundModel:
    """A model's folder. `versions` is sorted, the latest last."""

    name: str
    folder: Path
    versions: tuple[int, ...]

    def version_folder(self, version: int) -> Path:
        """Where the files of `version` lie."""
        return self.folder / str(version)

    @property
    def config_path(self) -> Path | None:
        """The model's configuration, if it has one."""
        path = self.folder / CONFIG_FILE
        return path if path.is_file() else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """What all repositories hold, by name. A name that several have is in `duplicates` alone.

    `unnamed` are folders whose names are no UTF-8: nobody could ask for them.
    """

    models: Mapping[str, FoundModel] = field(default_factory=dict)
    duplicates: Mapping[str, tuple[FoundModel, ...]] = field(default_factory=dict)
    unnamed: tuple[Path, ...] = ()

    @property
    def names(self) -> list[str]:
        """Of the models and of the duplicates, sorted."""
        return sorted({*self.models, *self.duplicates})


def survey(repositories: Iterable[Path]) -> Survey:
    """Looks into every one of `repositories`.

    Raises RepositoryError if one cannot be read.
    """
    found: dict[str, list[FoundModel]] = {}
    unnamed: list[Path] = []
    for repository in repositories:
        for folder in _folders(repository):
            if sayable(folder.name) != folder.name:
                unnamed.append(folder)
                continue
            model = FoundModel(name=folder.name, folder=folder, versions=version_numbers(folder))
            found.setdefault(folder.name, []).append(model)
    return Survey(
        models={name: models[0] for name, models in found.items() if len(models) == 1},
        duplicates={name: tuple(models) for name, models in found.items() if len(models) > 1},
        unnamed=tuple(unnamed),
    )


def find_models(repositories: Sequence[Path]) -> list[FoundModel]:
    """The models of all `repositories`, by name.

    Raises RepositoryError if a repository is no folder, or if two hold a model of one name.
    """
    found = survey(repositories)
    for name, (one, other, *_) in found.duplicates.items():
        raise RepositoryError(
            f"Two models are called {name!r}: {one.folder} and {other.folder}. "
            "Rename one of the folders."
        )
    return [found.models[name] for name in sorted(found.models)]


def _folders(repository: Path) -> list[Path]:
    try:
        entries = sorted(repository.iterdir())
    except FileNotFoundError:
        raise RepositoryError(f"There is no model repository {repository}.") from None
    except OSError as error:
        raise RepositoryError(
            f"The model repository {repository} cannot be read: {error.strerror}."
        ) from None
    return [entry for entry in entries if not entry.name.startswith(".") and _is_folder(entry)]


def _is_folder(entry: Path) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to where nobody may look: whoever loads it is told
        return True


def version_numbers(folder: Path) -> tuple[int, ...]:
    """The versions in a model's folder, ascending; none if it cannot be read.

    Why not is told to whoever loads it: here it would stop all other models.
    """
    try:
        names = [entry.name for entry in folder.iterdir() if entry.is_dir()]
    except OSError:
        return ()
    numbers = (int(name) for name in names if _is_version(name))
    return tuple(sorted(number for number in numbers if number <= VERSION_MAX))


def _is_version(name: str) -> bool:
    return name.isascii() and name.isdigit() and not name.startswith("0")
