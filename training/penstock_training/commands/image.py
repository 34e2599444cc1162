# SPDX-License-Identifier: Apache-2.0
"""`penstock image`: the build context of a serving image, of one package or a whole repository.

DIR/Dockerfile          two stages: an environment, and what runs
DIR/.dockerignore
DIR/requirements.txt    the serving libraries, each with its version
DIR/sbom.json           the same as a CycloneDX list, with licences
DIR/wheels/             put wheels here that no index has
DIR/model/              the package, or the repository
"""

import shutil
from importlib import resources
from pathlib import Path

from rich.console import Console

from penstock.package import is_package, verify_package
from penstock.repository.layout import find_models
from penstock_training.commands.bill import Library, cyclonedx, serving_libraries
from penstock_training.errors import PackageError
from penstock_training.files import write_json

__all__ = ["write_context"]

_WHEELS = "Wheels that no index has; pip looks here first.\n"
_IGNORED = "**/__pycache__\n**/.git\n"


def write_context(console: Console, source: Path, folder: Path) -> None:
    """Write the build context of `source` to `folder`.

    Raises:
        PackageError: `source` is neither a package nor a repository, or `folder` is in use.
    """
    flag = _flag_of(source)
    if folder.resolve().is_relative_to(source.resolve()):
        raise PackageError(f"{folder} lies in {source}, and would be copied into itself.")
    libraries = serving_libraries()
    try:
        if folder.exists() and any(folder.iterdir()):
            raise PackageError(f"{folder} is not empty: name a folder that is, or a new one.")
        (folder / "wheels").mkdir(parents=True)
        (folder / "wheels" / "README").write_text(
            "Wheels that no index has; pip looks here first.\n"
        )
        shutil.copytree(source, folder / "model", symlinks=False)
        (folder / "Dockerfile").write_text(_dockerfile(flag))
        (folder / ".dockerignore").write_text(_IGNORED)
        (folder / "requirements.txt").write_text(_pinned(libraries))
        write_json(folder / "sbom.json", cyclonedx(libraries))
    except OSError as error:
        raise PackageError(f"{folder} cannot be written to: {error.strerror}.") from None
    console.print(f"Wrote {folder}. Build it:", highlight=False, soft_wrap=True)
    console.print(f"  docker build {folder}", highlight=False, soft_wrap=True, markup=False)


def _flag_of(source: Path) -> str:
    if is_package(source):
        verify_package(source)
        return "--package"
    if source.is_dir() and find_models([source]):
        return "--model-repository"
    raise PackageError(
        f"{source} is neither a package of `penstock train` nor a repository of models."
    )


def _pinned(libraries: tuple[Library, ...]) -> str:
    return "".join(f"{one.name}=={one.version}\n" for one in libraries)


def _dockerfile(flag: str) -> str:
    template = resources.files("penstock_training.commands") / "project" / "Dockerfile"
    return template.read_text().replace("@FLAG@", flag)
