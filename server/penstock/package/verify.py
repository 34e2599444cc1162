# SPDX-License-Identifier: Apache-2.0
"""Whether a package is what its manifest says, and the manifest what somebody has signed."""

from pathlib import Path

from penstock.errors import PackageError
from penstock.package.manifest import (
    Manifest,
    differences,
    files_below,
    manifest_from,
    mark_of,
    read_manifest_bytes,
)
from penstock.package.signing import check_signature

__all__ = ["verify_package"]

#: Files that one sentence names.
_TOLD_MAX = 3


def verify_package(folder: Path, *, public_key: Path | None = None) -> Manifest:
    """Check every file of the package in `folder` against its manifest.

    `public_key`: a PEM file; the manifest must be signed with the key that belongs to it.

    Raises:
        PackageError: it is no package, its files are not those of the manifest, or it is not signed
            as it must be.
    """
    content = read_manifest_bytes(folder)
    if public_key is not None:
        check_signature(folder, content, public_key)
    manifest = manifest_from(content, folder)
    try:
        wrong = differences(manifest, dict(files_below(folder)))
        for path, mark in manifest.files.items():
            if len(wrong) > _TOLD_MAX:
                break
            if not wrong or not any(one.startswith(f"{path} ") for one in wrong):
                found = mark_of(folder / path)
                if found != mark:
                    wrong.append(_changed(path, mark.bytes, found.bytes))
    except OSError as error:
        raise PackageError(
            f"The package {folder} cannot be read: {error.strerror or error}."
        ) from None
    if wrong:
        told = "; ".join(wrong[:_TOLD_MAX]) + ("; and more" if len(wrong) > _TOLD_MAX else "")
        raise PackageError(
            f"The package {folder} is not what its manifest says: {told}. Fetch or build it again."
        )
    return manifest


def _changed(path: str, wanted: int, found: int) -> str:
    if wanted != found:
        return f"{path} has {found} bytes, wanted {wanted}"
    return f"{path} has another digest"
