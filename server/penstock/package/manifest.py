# SPDX-License-Identifier: Apache-2.0
"""penstock-manifest.json: a version's name, and the SHA-256 and size of every file beside it.

    {
      "format": 1,
      "name": "churn",
      "files": {"config.pbtxt": {"bytes": 312, "sha256": "9f3c..."}, ...}
    }

Paths are relative, with `/` between their parts. The manifest itself and its signature are not in
it. The digest of a package is that of its name and files, without those that hold what was timed:
two runs that make the same version give it the same digest.
"""

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from penstock.digests import digest_of, digest_of_file
from penstock.errors import PackageError

__all__ = [
    "FORMAT",
    "FileMark",
    "MANIFEST_FILE",
    "Manifest",
    "SIGNING_FILE",
    "files_below",
    "is_package",
    "manifest_of",
    "read_manifest",
    "write_manifest",
]

FORMAT = 1
MANIFEST_FILE = "penstock-manifest.json"
#: The signature of the manifest, as model-signing writes it.
SIGNING_FILE = "penstock-manifest.sig"
#: What MLflow adds to a version that it downloads.
MLFLOW_FILE = "registered_model_meta"
#: Files beside those of the manifest that a package may have.
UNLISTED = frozenset({MANIFEST_FILE, SIGNING_FILE, MLFLOW_FILE})
#: Files that may differ between two runs that make the same version.
TIMED = frozenset({"timings.json"})

#: Bytes of a manifest, and files that it may list.
MANIFEST_BYTES_MAX = 4 << 20
FILES_MAX = 10_000


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class FileMark(_Strict):
    """What a file must be."""

    bytes: Annotated[int, Field(ge=0)]
    #: Lower-case hexadecimal.
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Manifest(_Strict):
    """What a package consists of."""

    format: int
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$")]
    files: Annotated[dict[str, FileMark], Field(max_length=FILES_MAX)]

    @field_validator("files")
    @classmethod
    def _lie_below(cls, files: dict[str, FileMark]) -> dict[str, FileMark]:
        for path in files:
            if not _is_below(path) or path in UNLISTED:
                raise ValueError(f"{path!r} is no file of a package")
        return files

    @property
    def digest(self) -> str:
        """SHA-256, in hexadecimal, of the name and the files, without what was timed."""
        told = {
            "name": self.name,
            "files": {path: mark.sha256 for path, mark in self.files.items() if path not in TIMED},
        }
        return digest_of(told)


def _is_below(path: str) -> bool:
    parts = PurePosixPath(path).parts
    is_normal = path == "/".join(parts) and "\\" not in path and path.isprintable()
    return bool(parts) and is_normal and ".." not in parts and not path.startswith("/")


def is_package(folder: Path) -> bool:
    """Whether `folder` says that it is a package."""
    return (folder / MANIFEST_FILE).is_file()


def read_manifest(folder: Path) -> Manifest:
    """The manifest of the package in `folder`; no other file is looked at.

    Raises:
        PackageError: there is none, or it is not as it must be.
    """
    return manifest_from(read_manifest_bytes(folder), folder)


def read_manifest_bytes(folder: Path) -> bytes:
    """What the manifest's file holds. Raises PackageError if it cannot be read."""
    path = folder / MANIFEST_FILE
    try:
        with path.open("rb") as file:
            content = file.read(MANIFEST_BYTES_MAX + 1)
    except FileNotFoundError:
        is_there = folder.is_dir()
        found = f"it has no {MANIFEST_FILE}" if is_there else "there is no such folder"
        raise PackageError(
            f"{folder} is no package: {found}. `penstock train` writes packages."
        ) from None
    except OSError as error:
        raise PackageError(f"{path} cannot be read: {error.strerror or error}.") from None
    if len(content) > MANIFEST_BYTES_MAX:
        raise PackageError(f"{path} has more than {MANIFEST_BYTES_MAX} bytes: it is no manifest.")
    return content


def manifest_from(content: bytes, folder: Path) -> Manifest:
    """The manifest in `content`, which was read in `folder`. Raises PackageError."""
    path = folder / MANIFEST_FILE
    try:
        told: Any = json.loads(content)
        if isinstance(told, dict) and told.get("format") != FORMAT:
            raise PackageError(
                f"{path} is of format {told.get('format')!r}: this version of Penstock reads "
                f"format {FORMAT}."
            )
        return Manifest.model_validate(told)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"])) or "the whole"
        raise PackageError(
            f"{path} is no manifest: {place}: {first['msg'].removeprefix('Value error, ')}."
        ) from None
    except (ValueError, RecursionError) as error:
        raise PackageError(f"{path} is not JSON: {error}.") from None


def manifest_of(folder: Path, name: str) -> Manifest:
    """The manifest that fits the files below `folder` as they are now.

    Raises:
        PackageError: there is something that can be in no package, such as a link.
    """
    files = {}
    for path, is_plain in files_below(folder):
        if not is_plain:
            raise PackageError(f"{folder / path} is no plain file: a package has nothing else.")
        if path not in UNLISTED:
            files[path] = mark_of(folder / path)
    try:
        return Manifest(format=FORMAT, name=name, files=files)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise PackageError(
            f"{folder} cannot be a package: {first['msg'].removeprefix('Value error, ')}."
        ) from None


def write_manifest(folder: Path, name: str) -> Manifest:
    """Write the manifest of the files below `folder`: the last thing that is written there.

    A signature of an earlier manifest is removed. Raises PackageError as manifest_of() does.
    """
    manifest = manifest_of(folder, name)
    (folder / SIGNING_FILE).unlink(missing_ok=True)
    text = json.dumps(manifest.model_dump(), sort_keys=True, indent=2, ensure_ascii=False)
    (folder / MANIFEST_FILE).write_text(text + "\n", encoding="utf-8")
    return manifest


def mark_of(path: Path) -> FileMark:
    """Size and digest of a file. Raises OSError."""
    return FileMark(bytes=path.stat().st_size, sha256=digest_of_file(path))


def files_below(folder: Path) -> Iterator[tuple[str, bool]]:
    """The path of everything below `folder` but folders, sorted, and whether it is a plain file.

    Raises OSError if a folder cannot be read.
    """
    found: dict[str, bool] = {}

    def look(at: Path, below: str) -> None:
        for entry in os.scandir(at):
            if entry.is_dir(follow_symlinks=False):
                look(at / entry.name, f"{below}{entry.name}/")
            else:
                found[f"{below}{entry.name}"] = entry.is_file(follow_symlinks=False)

    look(folder, "")
    yield from sorted(found.items())


def differences(manifest: Manifest, found: Mapping[str, bool]) -> list[str]:
    """A sentence for each file that is missing, is too much, or is no plain file. Pure."""
    told = [f"{path} is missing" for path in sorted(set(manifest.files) - set(found))]
    for path in sorted(set(found) - UNLISTED):
        if path not in manifest.files:
            told.append(f"{path} is not in the manifest")
        elif not found[path]:
            told.append(f"{path} is no plain file")
    return told
