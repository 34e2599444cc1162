# SPDX-License-Identifier: Apache-2.0
"""Compiled models: the file `model.pnst`, what writes it and what runs it.

    model = penstock.native.load("model.pnst")
    scores = model.predict(rows)

Importing this imports neither the native core nor a training library: each module brings its own.
"""

from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from penstock.native.model import NativeModel

__all__ = ["load"]


def load(path: str | PathLike[str]) -> "NativeModel":
    """The compiled model in a file, ready to `predict`. Raises ArtifactError, which names it."""
    from penstock.native.model import NativeModel  # not before somebody wants to run a model

    return NativeModel(Path(path))
