# SPDX-License-Identifier: Apache-2.0
"""SHA-256 of what a step wrote."""

from collections.abc import Set
from pathlib import Path

from penstock.digests import digest_of, digest_of_file

__all__ = ["digest_of_folder"]


def digest_of_folder(folder: Path, *, outside: Set[str] = frozenset()) -> str:
    """Hex digest of the names and bytes of all files below `folder`.

    `outside`: names of files and folders directly in it that do not count.
    """
    files = {
        path.relative_to(folder).as_posix(): digest_of_file(path)
        for path in folder.rglob("*")
        if path.is_file() and path.relative_to(folder).parts[0] not in outside
    }
    return digest_of(files)
