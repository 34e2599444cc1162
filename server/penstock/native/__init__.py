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


def load(path: str | PathLike[str], *, threads: int | None = None) -> "NativeModel":
    """The compiled model in a file, ready to `predict`. Raises ArtifactError, which names it.

    `threads` compute a large batch, the caller's included; None: as many as there are cores, where
    that pays.
    """
    from penstock.native.model import NativeModel  # not before somebody wants to run a model

    return NativeModel(Path(path), threads=threads)
