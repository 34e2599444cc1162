# SPDX-License-Identifier: Apache-2.0
"""A compiled model as a folder that can stand in a model repository.

DIR/config.pbtxt     backend: "native"
DIR/1/model.pnst
"""

from pathlib import Path

from penstock.errors import ArtifactError
from penstock.native.artifact import CompiledModel, write_artifact

__all__ = ["MODEL_FILE", "write_model_folder"]

MODEL_FILE = "model.pnst"
CONFIG = 'backend: "native"\n'


def write_model_folder(model: CompiledModel, folder: Path) -> Path:
    """Writes the model as the folder's version 1, and gives its path. A configuration that is there
    stays. Raises ArtifactError for a folder that cannot be written.
    """
    path = folder / "1" / MODEL_FILE
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        config = folder / "config.pbtxt"
        if not config.exists():
            config.write_text(CONFIG)
    except OSError as error:
        raise ArtifactError(f"{folder} cannot be written: {error.strerror or error}.") from None
    write_artifact(model, path)
    return path
