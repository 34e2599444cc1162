# SPDX-License-Identifier: Apache-2.0
"""Whether a package is what its manifest says, and the manifest what somebody has signed."""

from collections.abc import Sequence
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
from penstock.package.signing import check_signature, is_signed

__all__ = ["verify_package"]

#: Files that one sentence names.
_TOLD_MAX = 3


def verify_package(
    folder: Path, *, public_keys: Sequence[Path] = (), requires_signature: bool = True
) -> Manifest:
    """Check every file of the package in `folder` against its manifest.

    `public_keys`: PEM files; the manifest must be signed with a key that belongs to one of them.
    Unless that `requires_signature`, a manifest without a signature passes; without keys nobody
    looks for one.

    Raises:
        UnsignedError: it is not signed as it must be.
        PackageError: it is no package, or its files are not those of the manifest.
    """
    content = read_manifest_bytes(folder)
    if public_keys and (requires_signature or is_signed(folder)):
        check_signature(folder, content, public_keys)
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
