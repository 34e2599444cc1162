# SPDX-License-Identifier: Apache-2.0
"""SHA-256 of values and of folders, the same on every machine."""

import hashlib
import json
from collections.abc import Set
from pathlib import Path
from typing import Any

__all__ = ["digest_of", "digest_of_file", "digest_of_folder"]

_BLOCK = 1 << 20


def digest_of(value: Any) -> str:
    """Hex digest of what json.dumps takes: dictionaries by sorted keys."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def digest_of_file(path: Path) -> str:
    """Hex digest of a file's bytes."""
    found = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            found.update(block)
    return found.hexdigest()


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
