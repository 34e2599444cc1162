# SPDX-License-Identifier: Apache-2.0
"""`penstock init`: a project that trains at once."""

from importlib import resources
from pathlib import Path

from rich.console import Console

from penstock_training.errors import SpecError

__all__ = ["write_project"]

_FILES = ("pipeline.toml",)
_IGNORED = ".penstock/\nmlflow.db*\nmlflow-artifacts/\n"


def write_project(console: Console, folder: Path) -> None:
    """Write the example to `folder`.

    Raises:
        SpecError: something is there already, or nothing can be written.
    """
    source = resources.files("penstock_training.commands") / "project"
    try:
        if folder.exists() and any(folder.iterdir()):
            raise SpecError(f"{folder} is not empty: name a folder that is, or a new one.")
        folder.mkdir(parents=True, exist_ok=True)
        for name in _FILES:
            (folder / name).write_text((source / name).read_text())
        (folder / ".gitignore").write_text(_IGNORED)
    except OSError as error:
        raise SpecError(f"{folder} cannot be written to: {error.strerror}.") from None
    file = folder / "pipeline.toml"
    console.print(f"Wrote {file}. Train it:", highlight=False, soft_wrap=True)
    console.print(f"  penstock train {file}", highlight=False, soft_wrap=True, markup=False)
