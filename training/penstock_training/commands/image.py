# SPDX-License-Identifier: Apache-2.0
"""`penstock image`: the build context of a serving image, of one package or a whole repository.

DIR/Dockerfile          two stages: an environment, and what runs
DIR/.dockerignore
DIR/requirements.txt    the serving libraries that an index has, each with its version
DIR/wheels/             put the wheels here that wheels/requirements.txt names: no index has them
DIR/sbom.json           both as a CycloneDX list, with licences
DIR/model/              the package, or the repository
"""

import shutil
import sys
from collections.abc import Iterable
from importlib import resources
from pathlib import Path

from rich.console import Console

from penstock.package import is_package, read_manifest, verify_package
from penstock.repository.layout import find_models
from penstock_training.commands.bill import Library, cyclonedx, serving_libraries
from penstock_training.errors import PackageError
from penstock_training.files import write_json

__all__ = ["write_context"]

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
    name = read_manifest(source).name if flag == "--package" else source.resolve().name
    try:
        if folder.exists() and any(folder.iterdir()):
            raise PackageError(f"{folder} is not empty: name a folder that is, or a new one.")
        (folder / "wheels").mkdir(parents=True)
        shutil.copytree(source, folder / "model", symlinks=False)
        (folder / "Dockerfile").write_text(_dockerfile(flag))
        (folder / ".dockerignore").write_text(_IGNORED)
        (folder / "requirements.txt").write_text(
            _pinned(one for one in libraries if one.is_indexed)
        )
        others = [one for one in libraries if not one.is_indexed]
        (folder / "wheels" / "requirements.txt").write_text(_pinned(others))
        write_json(folder / "sbom.json", cyclonedx(name, libraries))
        _let_everyone_read(folder)
    except OSError as error:
        raise PackageError(f"{folder} cannot be written to: {error.strerror or error}.") from None
    _print_what_is_next(console, folder, others)


def _flag_of(source: Path) -> str:
    if is_package(source):
        verify_package(source)
        return "--package"
    if source.is_dir() and find_models([source]):
        return "--model-repository"
    raise PackageError(
        f"{source} is neither a package of `penstock train` nor a repository of models."
    )


def _pinned(libraries: Iterable[Library]) -> str:
    return "".join(f"{one.name}=={one.version}\n" for one in libraries)


def _dockerfile(flag: str) -> str:
    template = resources.files("penstock_training.commands") / "project" / "Dockerfile"
    # The wheels that are pinned are those of this Python.
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    return template.read_text().replace("@FLAG@", flag).replace("@PYTHON@", python)


def _let_everyone_read(folder: Path) -> None:
    """COPY keeps modes, and makes root the owner; the image's user is another."""
    for path in (folder, *folder.rglob("*")):
        path.chmod(path.stat().st_mode | (0o555 if path.is_dir() else 0o444))


def _print_what_is_next(console: Console, folder: Path, others: list[Library]) -> None:
    lines = [f"Wrote {folder}."]
    if others:
        named = " and ".join(f"{one.name} {one.version}" for one in others)
        wheels = folder / "wheels"
        lines.append(f"Put wheels of {named} into {wheels}: they were not installed from an index.")
    lines += ["Build it:", f"  docker build {folder}"]
    for line in lines:
        console.print(line, highlight=False, soft_wrap=True, markup=False)
